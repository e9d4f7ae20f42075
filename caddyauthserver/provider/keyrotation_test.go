package provider_test

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

func (s *server) editClient(id string, edit func(*store.Client)) {
	s.t.Helper()
	s.update(func(tx store.WriteTx) error {
		c, err := tx.Client(id)
		if err != nil {
			return err
		}
		edit(c)
		return tx.PutClient(c)
	})
}

func (s *server) jwks() (set jose.JSONWebKeySet) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.call("GET", "/o/jwks", "", nil).body), &set); err != nil {
		s.t.Fatal(err)
	}
	return set
}

// published counts the keys of that algorithm.
func (s *server) published(alg string) (n int) {
	s.t.Helper()
	for _, key := range s.jwks().Keys {
		if key.Algorithm == alg {
			n++
		}
	}
	return n
}

// A client keeps the keys for as long as it may. Whatever a client's algorithm,
// its first ID token is signed by one of those that were published before.
func TestFirstKeysArePublishedBeforeTheySign(t *testing.T) {
	s := newServer(t)
	kept := s.jwks()
	for _, alg := range store.SigningAlgs() {
		s.editClient("app", func(c *store.Client) { c.IDTokenAlg = alg })
		if header := segment(t, s.browser().tokens("openid").id, 0); header["alg"] != alg || len(kept.Key(header["kid"].(string))) != 1 {
			t.Errorf("%s: signed by %v, of which nobody was told", alg, header)
		}
	}
}

// verifies says whether an ID token is signed by a published key.
func (s *server) verifies(token string) bool {
	s.t.Helper()
	sig, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA})
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = sig.Verify(s.jwks())
	return err == nil
}

func (s *server) tend() {
	s.t.Helper()
	if err := s.p.TendKeys(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

// id_token_signed_response_alg (OpenID Connect Registration section 2), also for a
// refreshed token.
func TestOIDCCoreSection2SigningAlgPerClient(t *testing.T) {
	s := newServer(t)
	for _, alg := range store.SigningAlgs() {
		s.editClient("app", func(c *store.Client) { c.IDTokenAlg = alg })
		tok := s.browser().tokens("openid")
		next := tokensOf(t, s.token(as("app", appSecret), refreshForm(tok.refresh)))
		for _, got := range []tokens{tok, next} {
			if header := segment(t, got.id, 0); header["alg"] != alg || !s.verifies(got.id) {
				t.Errorf("%s: signed as %v, verifies: %v", alg, header, s.verifies(got.id))
			}
			// Section 3.1.3.6.
			sum := sha256.Sum256([]byte(got.access))
			half := sum[:16]
			if alg == "EdDSA" {
				long := sha512.Sum512([]byte(got.access))
				half = long[:32]
			}
			if claimsOf(t, got.id)["at_hash"] != base64.RawURLEncoding.EncodeToString(half) {
				t.Errorf("%s: at_hash %v", alg, claimsOf(t, got.id)["at_hash"])
			}
		}
		if a := s.browser().logout("id_token_hint", next.id, "post_logout_redirect_uri", appLoggedOut); a.Header.Get("Location") != appLoggedOut {
			t.Errorf("%s: not taken as a hint: %d", alg, a.StatusCode)
		}
	}
	// Each algorithm got one key.
	if n := len(s.jwks().Keys); n != len(store.SigningAlgs()) {
		t.Errorf("%d keys", n)
	}
}

// OpenID Connect Core section 10.1.1: the next key is published before it signs,
// and the last as long as what it signed may be shown.
func TestOIDCCoreSection1011Rotation(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	old := b.tokens("openid").id
	s.clock.add(provider.DefaultSigningKeyLifetime - 11*time.Minute)
	if s.tend(); s.published("RS256") != 1 {
		t.Error("rotated before its time")
	}
	s.clock.add(time.Minute)
	if s.tend(); s.published("RS256") != 2 {
		t.Fatal("the next key is not published")
	}
	s.tend() // and no third
	s.clock.add(10*time.Minute - time.Second)
	before := s.browser().tokens("openid").id
	if segment(t, before, 0)["kid"] != segment(t, old, 0)["kid"] {
		t.Error("the next key signs before whoever kept the list had to ask again")
	}
	s.clock.add(time.Second)
	after := s.browser().tokens("openid").id
	if segment(t, after, 0)["kid"] == segment(t, old, 0)["kid"] {
		t.Error("the last key still signs")
	}
	s.clock.add(provider.DefaultSessionAbsolute - time.Second)
	s.tend()
	if s.published("RS256") != 2 || !s.verifies(before) || !s.verifies(after) {
		t.Error("the last key is gone while its tokens may be shown")
	}
	s.clock.add(time.Second)
	s.tend()
	if s.published("RS256") != 1 || s.verifies(before) || !s.verifies(after) {
		t.Error("the last key is kept for ever, or the wrong one is gone")
	}
}

// Asked for by an administrator: every algorithm, once however often and on
// however many nodes.
func TestRotateKeysOnSeveralNodes(t *testing.T) {
	s := newServer(t)
	s.editClient("app", func(c *store.Client) { c.IDTokenAlg = "ES256" })
	first := s.browser().tokens("openid").id
	s.jwks() // makes the keys of the other algorithms
	other, err := provider.New(provider.Config{Issuer: s.issuer, Store: s.store, MasterKey: s.key, Now: s.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var wg sync.WaitGroup
	for _, p := range []*provider.Provider{s.p, other} {
		for range 4 {
			wg.Go(func() {
				if _, err := p.RotateKeys(context.Background(), store.AuditOrigin{Time: time.Now()}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if n := len(s.jwks().Keys); n != 2*len(store.SigningAlgs()) {
		t.Fatalf("%d keys; want two for each algorithm", n)
	}
	s.clock.add(10 * time.Minute)
	second := s.browser().tokens("openid").id
	if segment(t, second, 0)["kid"] == segment(t, first, 0)["kid"] || segment(t, second, 0)["alg"] != "ES256" || !s.verifies(first) || !s.verifies(second) {
		t.Errorf("after rotation: %v, before: %v", segment(t, second, 0), segment(t, first, 0))
	}
}

// RFC 9068 section 4: an API checks an access token with a published key, however long
// the client's tokens may live.
func TestRFC9068KeyOutlivesTheLongestAccessToken(t *testing.T) {
	s := newAPIServer(t)
	s.editClient("jwtbot", func(c *store.Client) { c.AccessTokenLifetime = store.MaxAccessTokenLifetime })
	s.jwks() // makes the first keys
	s.clock.add(provider.DefaultSigningKeyLifetime - 10*time.Minute)
	s.tend()
	s.clock.add(10*time.Minute - time.Second)
	last := s.credentials("jwtbot").decode(t)["access_token"].(string)
	s.clock.add(time.Second)
	if next := s.credentials("jwtbot").decode(t)["access_token"].(string); segment(t, next, 0)["kid"] == segment(t, last, 0)["kid"] {
		t.Fatal("the next key does not sign yet")
	}
	s.clock.add(time.Duration(store.MaxAccessTokenLifetime) - 2*time.Second)
	s.tend()
	if !s.verifies(last) || s.standsFor("jwtbot", last)["active"] != true {
		t.Error("the key is gone before the token has expired")
	}
}
