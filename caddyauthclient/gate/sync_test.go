package gate

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

const syncSecret = "0123456789abcdef0123456789abcdef"

// push sends the gate a batch as its server does.
func push(t *testing.T, g *Gate, b *usersync.Batch, secret string) *httptest.ResponseRecorder {
	t.Helper()
	key, err := usersync.Key(secret, testIssuer)
	if err != nil {
		t.Fatal(err)
	}
	b.Issuer, b.Audience = testIssuer, testClient
	token, err := usersync.Sign(b, key, g.cfg.Now())
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", g.cfg.Origins[0]+"/oidc/sync", bytes.NewReader(token))
	r.Header.Set("Content-Type", usersync.ContentType)
	if d := g.Decide(r); d.Verdict != Own {
		t.Fatalf("a push is %v; want the gate's own", d.Verdict)
	}
	w := httptest.NewRecorder()
	g.ServeOwn(w, r)
	return w
}

// What is pushed is in force at the next request, caches or not.
func TestPushIsEnforced(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		c.Headers = append(DefaultHeaders(), Header{"X-Company", "company.name"})
	})
	h.ours()
	h.gate.receiver.Mirror.Secret = syncSecret // the issuer of these tests knows another
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	if got := seen(t, b.get("/")).Get("X-Company"); got != "Acme" {
		t.Fatalf("X-Company is %q", got)
	}
	ann := store.Fields{"username": "ann", "is_active": true, "company": store.Ref{Type: "company", ID: 7}}
	batch := func(after, upto uint64, changes ...usersync.Change) *usersync.Batch {
		return &usersync.Batch{Feed: "f", After: after, Upto: upto, Head: upto, Changes: changes}
	}
	wantStatus(t, push(t, h.gate, batch(0, 101,
		usersync.Change{Type: "company", ID: 7, Version: 100, Data: store.Fields{"name": "Umbrella"}},
		usersync.Change{Type: "user", ID: 1, Version: 101, Data: ann}), syncSecret), 200)
	if got := seen(t, b.get("/")).Get("X-Company"); got != "Umbrella" {
		t.Errorf("after the push X-Company is %q", got)
	}
	var me struct{ Mirror struct{ Seq uint64 } }
	if w := b.get("/oidc/me"); json.Unmarshal(w.Body.Bytes(), &me) != nil || me.Mirror.Seq != 101 {
		t.Errorf("me does not say how far the mirror is: %s", w.Body)
	}

	wrong := push(t, h.gate, batch(101, 102, usersync.Change{Type: "user", ID: 1, Version: 102, Deleted: true}), strings.Repeat("x", 32))
	wantStatus(t, wrong, 401)
	seen(t, b.get("/"))

	disabled := store.Fields{"username": "ann", "is_active": false}
	wantStatus(t, push(t, h.gate, batch(101, 103, usersync.Change{Type: "user", ID: 1, Version: 103, Data: disabled}), syncSecret), 200)
	wantStatus(t, b.get("/"), 302)
	wantStatus(t, push(t, h.gate, batch(103, 104, usersync.Change{Type: "user", ID: 1, Version: 104, Data: ann}), syncSecret), 200)
	wantStatus(t, b.get("/"), 302) // the session was ended, not suspended
}
