package gate

import (
	"strings"
	"testing"
)

// A server that was built anew counts its users from 1 again: who was user 1 of
// the old one is nobody there, and must not become who is user 1 now.
func TestRebuiltServer(t *testing.T) {
	h := newHouse(t)
	h.ours()
	h.issuer.profile["caddyito_feed"] = "old"
	ann := newBrowser(h.gate)
	ann.signIn(h.issuer, "/")
	if me := ann.get("/oidc/me").Body.String(); !strings.Contains(me, `"ann"`) || strings.Contains(me, "caddyito_feed") {
		t.Fatalf("ann is %s", me)
	}

	h.issuer.profile = map[string]any{"id": 1, "version": 2, "username": "mallory", "groups": []string{}, "is_active": true, "caddyito_feed": "new"}
	mallory := newBrowser(h.gate)
	mallory.signIn(h.issuer, "/")
	if me := mallory.get("/oidc/me").Body.String(); !strings.Contains(me, `"mallory"`) || strings.Contains(me, "staff") || strings.Contains(me, "Acme") {
		t.Errorf("mallory is %s", me)
	}
	if w := ann.get("/oidc/me"); w.Code != 401 {
		t.Errorf("ann's session goes on as %s", w.Body.String())
	}

	// The next sign-in on the same feed ends nobody's session.
	h.issuer.profile["version"] = 3
	again := newBrowser(h.gate)
	again.signIn(h.issuer, "/")
	if w := mallory.get("/oidc/me"); w.Code != 200 {
		t.Errorf("mallory's session ended: %d", w.Code)
	}
}
