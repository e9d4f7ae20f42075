package provider_test

import (
	"net/http"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/storetest"
)

// What was found before a transaction is looked at again within it.
func TestWhatHappensMeanwhile(t *testing.T) {
	m := new(storetest.Meanwhile)
	s := newServer(t, func(c *provider.Config) { m.Store = c.Store; c.Store = m })
	happens := func(fn func(store.WriteTx) error) { m.Happens.Store(&fn) }
	const uri = "https://wiki.example.com/oidc/callback"
	signOut := func(tx store.WriteTx) error {
		_, err := tx.DeleteSessionsOf(store.ServerRealm, "1", store.Hash{})
		return err
	}
	disable := func(active bool) func(store.WriteTx) error {
		return func(tx store.WriteTx) error {
			u, err := tx.User(1)
			if err != nil {
				return err
			}
			u.IsActive = active
			return store.SaveUser(tx, store.DefaultSchema(), u)
		}
	}

	for name, fn := range map[string]func(store.WriteTx) error{"signed out": signOut, "disabled": disable(false)} {
		s.update(disable(true))
		b := s.browser().signIn("alice", alicePassword)
		happens(fn)
		a := b.authorize(authQuery("gate", uri))
		if a.location().Query().Has("code") || a.location().Path != "/o/authorize" {
			t.Errorf("%s before the code: %d %s", name, a.StatusCode, a.location())
		}
		if a := b.get(a.Header.Get("Location")); a.location().Path != "/o/login" {
			t.Errorf("%s, and then: %s", name, a.location())
		}
	}
	s.update(disable(true))

	for name, fn := range map[string]func(store.WriteTx) error{
		"disabled": disable(false),
		"given another password": func(tx store.WriteTx) error {
			return tx.PutCredential(&store.Credential{UserID: 1, PasswordHash: hashOf(t, "bob's password")})
		},
	} {
		b := s.browser()
		page := b.get("/o/login")
		happens(fn)
		if a := b.post("/o/login", page.form("username", "alice", "password", alicePassword)); a.StatusCode != http.StatusForbidden || b.signedIn() {
			t.Errorf("%s while the password was checked: %d", name, a.StatusCode)
		}
		s.update(disable(true))
		s.update(func(tx store.WriteTx) error {
			return tx.PutCredential(&store.Credential{UserID: 1, PasswordHash: hashOf(t, alicePassword)})
		})
	}

	code := s.browser().code(authQuery("gate", uri))
	happens(disable(false))
	wantError(t, s.token(as("gate", "gate-secret"), codeForm(code, uri)), 400, "invalid_grant")
}
