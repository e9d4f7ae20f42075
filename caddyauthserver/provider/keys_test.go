package provider_test

import (
	"context"
	"sync"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

func (s *server) signingKeys() (keys []*store.SigningKey) {
	s.t.Helper()
	s.update(func(tx store.WriteTx) (err error) { keys, err = tx.SigningKeys(); return err })
	return keys
}

// Making a provider writes nothing; of nodes that all need the first key, one
// makes it.
func TestFirstKeyIsMadeOnce(t *testing.T) {
	s := newServer(t)
	if n := len(s.signingKeys()); n != 0 {
		t.Fatalf("%d keys although nobody asked", n)
	}
	var wg sync.WaitGroup
	for range 3 {
		p, err := provider.New(provider.Config{Issuer: s.issuer, Store: s.store, MasterKey: s.key})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for range 2 {
			wg.Go(func() {
				if err := p.Prepare(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if n := len(s.signingKeys()); n != 1 {
		t.Errorf("%d keys", n)
	}
}

// The keys are sealed: another master key does not sign with them, and says so.
func TestKeysAreSealed(t *testing.T) {
	s := newServer(t)
	if err := s.p.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	p, err := provider.New(provider.Config{Issuer: s.issuer, Store: s.store, MasterKey: store.NewMasterKey()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Prepare(context.Background()); err == nil {
		t.Error("opened with another master key")
	}
	if n := len(s.signingKeys()); n != 1 {
		t.Errorf("%d keys", n)
	}
}

// Only the public half is published.
func TestJWKS(t *testing.T) {
	s := newServer(t)
	a := s.call("GET", "/o/jwks", "", nil)
	keys := a.decode(t)["keys"].([]any)
	if len(keys) != 1 {
		t.Fatalf("%s", a.body)
	}
	k := keys[0].(map[string]any)
	if k["kty"] != "RSA" || k["alg"] != "RS256" || k["use"] != "sig" || k["kid"] != s.signingKeys()[0].KID || k["e"] != "AQAB" || len(k) != 6 {
		t.Errorf("%v", k)
	}
}

// A key that another node made is used, and one that begins later is published
// before it signs.
func TestKeysFollowTheStore(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	first := segment(t, b.tokens("openid").id, 0)["kid"]
	other := newServer(t)
	if err := other.p.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	der, err := other.key.Open(store.SigningKeyPurpose(other.signingKeys()[0].KID), other.signingKeys()[0].Sealed)
	if err != nil {
		t.Fatal(err)
	}
	later := s.clock.now().Add(accessTokenLifetime)
	s.update(func(tx store.WriteTx) error {
		return tx.PutSigningKey(&store.SigningKey{KID: "next", Alg: "RS256", Sealed: s.key.Seal(store.SigningKeyPurpose("next"), der), CreatedAt: s.clock.now(), ActiveAt: later})
	})
	if keys := s.call("GET", "/o/jwks", "", nil).decode(t)["keys"].([]any); len(keys) != 2 {
		t.Errorf("published: %v", keys)
	}
	if kid := segment(t, b.tokens("openid").id, 0)["kid"]; kid != first {
		t.Errorf("signs with %v before its time", kid)
	}
	s.clock.add(accessTokenLifetime)
	if kid := segment(t, b.tokens("openid").id, 0)["kid"]; kid != "next" {
		t.Errorf("signs with %v", kid)
	}
}

const accessTokenLifetime = provider.DefaultAccessTokenLifetime
