package provider_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

func (s *server) signingKeys() (keys []*store.SigningKey) {
	s.t.Helper()
	s.update(func(tx store.WriteTx) (err error) { keys, err = tx.SigningKeys(); return err })
	return keys
}

// firstRSA is the first of keys that signs by RS256.
func firstRSA(keys []*store.SigningKey) *store.SigningKey {
	return keys[slices.IndexFunc(keys, func(k *store.SigningKey) bool { return k.Alg == "RS256" })]
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
	if n := len(s.signingKeys()); n != len(store.SigningAlgs()) {
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
	if n := len(s.signingKeys()); n != len(store.SigningAlgs()) {
		t.Errorf("%d keys", n)
	}
}

// Only the public half is published.
func TestJWKS(t *testing.T) {
	s := newServer(t)
	want := map[any]string{"RS256": "alg e kid kty n use", "ES256": "alg crv kid kty use x y", "EdDSA": "alg crv kid kty use x"}
	for _, key := range s.call("GET", "/o/jwks", "", nil).decode(t)["keys"].([]any) {
		k := key.(map[string]any)
		if members := strings.Join(slices.Sorted(maps.Keys(k)), " "); members != want[k["alg"]] || k["use"] != "sig" {
			t.Errorf("%v", k)
		}
		delete(want, k["alg"])
	}
	if len(want) > 0 {
		t.Errorf("no key for %v", want)
	}
}

// A key that another node made is used, and one that begins later is published
// before it signs.
func TestKeysFollowTheStore(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	first := segment(t, b.tokens("openid").id, 0)["kid"]
	next, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.putKey("next", "RS256", next, s.clock.now().Add(accessTokenLifetime))
	if n := s.published("RS256"); n != 2 {
		t.Errorf("%d keys are published", n)
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

// Keys of other kinds are published as a well-known library reads them.
func TestJWKSOfOtherKinds(t *testing.T) {
	s := newServer(t)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]crypto.Signer{"ES256": ec, "EdDSA": ed}
	for alg, key := range kinds {
		s.putKey(alg, alg, key, s.clock.now())
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(s.call("GET", "/o/jwks", "", nil).body), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 3 {
		t.Errorf("%d keys", len(set.Keys))
	}
	for alg, key := range kinds {
		found := set.Key(alg)
		if len(found) != 1 || !found[0].Valid() || !found[0].IsPublic() || !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(found[0].Key) {
			t.Errorf("%s: %v", alg, found)
		}
	}
	// They do not sign for clients that did not ask for them.
	if alg := segment(t, s.browser().tokens("openid").id, 0)["alg"]; alg != "RS256" {
		t.Errorf("signed by %v", alg)
	}
}

// A key that is not of the kind its record says is refused.
func TestKeyOfAnotherKind(t *testing.T) {
	s := newServer(t)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.putKey("wrong", "RS256", ed, s.clock.now())
	if err := s.p.Prepare(context.Background()); err == nil {
		t.Error("taken")
	}
}

func (s *server) putKey(kid, alg string, key crypto.Signer, active time.Time) {
	s.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.update(func(tx store.WriteTx) error {
		return tx.PutSigningKey(&store.SigningKey{KID: kid, Alg: alg, Sealed: s.key.Seal(store.SigningKeyPurpose(kid), der), CreatedAt: s.clock.now(), ActiveAt: active})
	})
}
