package gate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"testing"
	"time"
)

const metadataPath = "/.well-known/openid-configuration"

var curveKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
})

// changeAlgorithm has the issuer sign with ES256 from now on, which its metadata and
// keys say from now on, too.
func (f *fakeIssuer) changeAlgorithm() {
	point, err := curveKey().PublicKey.Bytes()
	if err != nil {
		f.t.Fatal(err)
	}
	before := f.answerWith
	f.answerWith = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/jwks" {
			f.json(w, 200, map[string]any{"keys": []any{publicKey(testKey(), nil), map[string]any{
				"kty": "EC", "crv": "P-256", "kid": "e1", "use": "sig", "alg": "ES256", "x": b64(point[1:33]), "y": b64(point[33:]),
			}}})
			return true
		}
		return before != nil && before(w, r)
	}
	f.metadata = func(m map[string]any) {
		m["id_token_signing_alg_values_supported"] = []string{"RS256", "ES256", "HS256", "none"}
	}
	f.header = func(h map[string]any) { h["alg"], h["kid"] = "ES256", "e1" }
	f.sign = func(input string) []byte {
		sum := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, curveKey(), sum[:])
		if err != nil {
			f.t.Fatal(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
}

// signedAs is a logout token with that algorithm in its header, and that signature.
func (f *fakeIssuer) signedAs(alg string, sign func(input string) []byte) string {
	signed, header := f.sign, f.header
	defer func() { f.sign, f.header = signed, header }()
	f.sign = sign
	f.header = func(h map[string]any) {
		if h["typ"] = logoutTokenType; alg != "" {
			h["alg"] = alg
		} else if header != nil {
			header(h)
		}
	}
	return f.jwt(f.logoutClaims())
}

// wantRead says how often the metadata were read until now.
func (h *house) wantRead(n int) {
	h.t.Helper()
	if got := h.issuer.count(metadataPath); got != n {
		h.t.Errorf("the metadata were read %d times, want %d", got, n)
	}
}

// Nobody's sign-in fails because the issuer signs otherwise than it did an hour ago.
func TestTheIssuerChangesItsAlgorithm(t *testing.T) {
	h := newHouse(t)
	wantStatus(t, newBrowser(h.gate).signIn(h.issuer, "/"), 303)
	h.clock.add(issuerPause)
	h.issuer.changeAlgorithm()
	var wg sync.WaitGroup
	for range 20 {
		b := newBrowser(h.gate)
		callback := h.issuer.authorize(b.get("/").Header().Get("Location"))
		wg.Go(func() { wantStatus(t, b.get(callback), 303) })
	}
	wg.Wait()
	h.wantRead(2)
}

func TestARefreshComesInAnotherAlgorithm(t *testing.T) {
	h, b := keeper(t, nil)
	h.issuer.changeAlgorithm()
	h.clock.add(6 * time.Minute)
	if token := b.accessToken(t); token != "access-renewed-1" {
		t.Errorf("got %q", token)
	}
	h.wantRead(2)
}

func TestALogoutTokenComesInAnotherAlgorithm(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/page"), 303)
	h.issuer.changeAlgorithm()
	token := h.issuer.signedAs("", h.issuer.sign)
	// Read just now: the issuer has to come again.
	wantStatus(t, tell(h.gate, token), 503)
	h.wantRead(1)
	h.clock.add(keysPause)
	wantStatus(t, tell(h.gate, token), 200)
	wantStatus(t, b.get("/page"), 302)
	h.wantRead(2)
}

// Whoever sends tokens of whichever algorithm gets none of them taken, and does not
// make the gate ask the issuer each time: for one that is never taken, not at all.
func TestAlgorithmsOfStrangers(t *testing.T) {
	public := []byte(b64(testKey().N.Bytes()))
	garbage := func(string) []byte { return make([]byte, 64) }
	for name, c := range map[string]struct {
		alg   string
		sign  func(string) []byte
		reads int
	}{
		"none":                       {"none", func(string) []byte { return nil }, 0},
		"None":                       {"None", func(string) []byte { return nil }, 0},
		"HS256 by the public key":    {"HS256", func(input string) []byte { return hs256(public, input) }, 0},
		"HS256 by the client secret": {"HS256", func(input string) []byte { return hs256([]byte(testSecret), input) }, 0},
		"HS256 by an empty key":      {"HS256", func(input string) []byte { return hs256(nil, input) }, 0},
		"made up":                    {"XY512", garbage, 0},
		"not listed":                 {"ES384", garbage, 1},
		"of another kind of key":     {"EdDSA", garbage, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			b := newBrowser(h.gate)
			wantStatus(t, b.signIn(h.issuer, "/page"), 303)
			// As listed as it may be: an issuer that lists "none" changes nothing.
			h.issuer.metadata = func(m map[string]any) {
				m["id_token_signing_alg_values_supported"] = []string{"RS256", "none", "None", "HS256", "XY512"}
			}
			h.clock.add(2 * keysPause)
			token := h.issuer.signedAs(c.alg, c.sign)
			for range 2 {
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						if w := tell(h.gate, token); w.Code != 400 && w.Code != 503 {
							t.Errorf("status %d", w.Code)
						}
					})
				}
				wg.Wait()
			}
			h.wantRead(1 + c.reads)
			if n := h.issuer.count("/jwks"); n != 1 {
				t.Errorf("the keys were read %d times", n)
			}
			seen(t, b.get("/page"))
			// Nor is it taken from the token endpoint.
			h.issuer.header = func(m map[string]any) { m["alg"] = c.alg }
			h.issuer.sign = c.sign
			wantStatus(t, newBrowser(h.gate).signIn(h.issuer, "/"), 502)
		})
	}
}

// While the metadata cannot be read the gate goes on with what it has.
func TestAnotherAlgorithmWhileMetadataCannotBeRead(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/page"), 303)
	good := h.issuer.signedAs("RS256", nil)
	h.issuer.changeAlgorithm()
	token, answer := h.issuer.signedAs("", h.issuer.sign), h.issuer.answerWith
	h.issuer.answerWith = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == metadataPath {
			w.WriteHeader(500)
			return true
		}
		return answer(w, r)
	}
	h.clock.add(keysPause)
	for range 3 {
		wantStatus(t, tell(h.gate, token), 503)
	}
	h.wantRead(2)
	wantStatus(t, tell(h.gate, good), 200)
}
