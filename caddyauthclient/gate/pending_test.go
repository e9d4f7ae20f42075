package gate

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A gate that has not enrolled lets nobody in, whoever they were, but on public
// paths; and it begins no login.
func TestPending(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/page"), 303)
	seen(t, b.get("/page"))

	b.g = h.newGate(func(c *Config) {
		c.ClientID, c.ClientSecret, c.Pending, c.Offline = "", "", true, 10*time.Minute
	})
	calls := func() string {
		h.issuer.mu.Lock()
		defer h.issuer.mu.Unlock()
		return fmt.Sprint(h.issuer.calls)
	}
	asked := calls()
	for _, path := range []string{"/page", "/", "/oidc/login", "/oidc/callback?code=x&state=y", "/oidc/logout", "/oidc/me", "/oidc/sync", "/oidc/backchannel-logout", "/public/../page"} {
		w := b.get(path)
		wantStatus(t, w, 503)
		if w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "Not enrolled yet") {
			t.Errorf("%s: %v %s", path, w.Header(), text(w.Body.String()))
		}
	}
	if w := b.get("/health"); w.Header().Get("X-App") == "" {
		t.Errorf("a public path: %d", w.Code)
	}
	if calls() != asked {
		t.Error("it asked the issuer")
	}

	if _, err := New(Config{Name: "wiki", Issuer: testIssuer, Origins: []string{"https://wiki.example.com"}, Store: h.store, Key: [32]byte{1}}); err == nil {
		t.Error("without a client id it is not pending, and made")
	}
}

// What to do about a client that the server does not know depends on how the gate
// came by it.
func TestAdviceForAnUnknownClient(t *testing.T) {
	for enrolled, says := range map[bool]string{true: "registration create", false: "rotate-secret"} {
		if got := adviceFor("invalid_client", &Config{ClientID: "wiki", Enrolled: enrolled}); !strings.Contains(got, says) || !strings.Contains(got, "wiki") {
			t.Errorf("enrolled %v: %s", enrolled, got)
		}
	}
}
