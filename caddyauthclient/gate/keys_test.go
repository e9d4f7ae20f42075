package gate

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"
)

// publicKey is k as a JWK Set shows it; change is applied, nil takes away.
func publicKey(k *rsa.PrivateKey, change map[string]any) map[string]any {
	m := map[string]any{"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	for name, v := range change {
		if m[name] = v; v == nil {
			delete(m, name)
		}
	}
	return m
}

func (f *fakeIssuer) publish(keys ...any) {
	f.answerWith = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/jwks" {
			return false
		}
		f.json(w, 200, map[string]any{"keys": keys})
		return true
	}
}

var otherKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// OpenID Connect Core section 10.1.
func TestWhichKeySigned(t *testing.T) {
	good := publicKey(testKey(), nil)
	other := publicKey(otherKey(), map[string]any{"kid": "k2"})
	noKid := func(h map[string]any) { delete(h, "kid") }
	for name, c := range map[string]struct {
		keys   []any
		header func(map[string]any)
		status int
	}{
		"kid absent, one key":               {[]any{good}, noKid, 303},
		"kid absent, several keys":          {[]any{other, good}, noKid, 303},
		"kid absent, several others":        {[]any{other, publicKey(otherKey(), map[string]any{"kid": "k3"})}, noKid, 502},
		"kid absent in the set":             {[]any{publicKey(testKey(), map[string]any{"kid": nil})}, noKid, 303},
		"kid of another key":                {[]any{good, other}, func(h map[string]any) { h["kid"] = "k2" }, 502},
		"kid unknown":                       {[]any{good}, func(h map[string]any) { h["kid"] = "k9" }, 502},
		"among keys that nobody here knows": {[]any{map[string]any{"kty": "XYZ", "kid": "k1"}, map[string]any{"kty": "OKP", "crv": "X448", "x": "AA"}, "text", good}, nil, 303},
		"a key for encryption":              {[]any{publicKey(testKey(), map[string]any{"use": "enc"})}, nil, 502},
		"a key for another algorithm":       {[]any{publicKey(testKey(), map[string]any{"alg": "PS256"})}, nil, 502},
		"a secret key":                      {[]any{map[string]any{"kty": "oct", "kid": "k1", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}, nil, 502},
		"no keys":                           {[]any{}, nil, 502},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.issuer.publish(c.keys...)
			h.issuer.header = c.header
			wantStatus(t, newBrowser(h.gate).signIn(h.issuer, "/page"), c.status)
		})
	}
}

// OpenID Connect Core section 10.1.1: the issuer signs with a new key from one
// moment to the next.
func TestTheIssuerRotatesItsKey(t *testing.T) {
	h := newHouse(t)
	wantStatus(t, newBrowser(h.gate).signIn(h.issuer, "/"), 303)
	wantStatus(t, newBrowser(h.gate).signIn(h.issuer, "/"), 303)
	if n := h.issuer.count("/jwks"); n != 1 {
		t.Errorf("the keys were read %d times for two sign-ins", n)
	}
	h.issuer.key = otherKey()
	h.issuer.publish(publicKey(testKey(), nil), publicKey(otherKey(), map[string]any{"kid": "k2"}))
	h.issuer.header = func(m map[string]any) { m["kid"] = "k2" }
	for range 2 {
		wantStatus(t, newBrowser(h.gate).signIn(h.issuer, "/"), 303)
	}
	if n := h.issuer.count("/jwks"); n != 2 {
		t.Errorf("the keys were read %d times, want once more", n)
	}
}

// Whoever sends logout tokens of made-up keys does not make the gate ask the
// issuer each time, and does not keep it from hearing of a new key for long.
func TestStrangersTokensStormNoIssuer(t *testing.T) {
	h := newHouse(t)
	wantStatus(t, newBrowser(h.gate).signIn(h.issuer, "/"), 303)
	h.clock.add(keysPause)
	f := h.issuer
	f.publish(publicKey(testKey(), nil))
	f.key = otherKey() // which is not published
	made := make([]string, 100)
	for i := range made {
		f.header = func(m map[string]any) { m["kid"], m["typ"] = fmt.Sprint("x", i), "logout+jwt" }
		made[i] = f.jwt(f.logoutClaims())
	}
	var wg sync.WaitGroup
	for _, token := range made {
		wg.Go(func() {
			if w := tell(h.gate, token); w.Code != 400 && w.Code != 503 {
				t.Errorf("status %d", w.Code)
			}
		})
	}
	wg.Wait()
	if n := f.count("/jwks"); n != 2 {
		t.Errorf("100 tokens of unknown keys: the keys were read %d times more", n-1)
	}
	// A known kid asks for nothing, ever.
	h.clock.add(keysPause)
	f.header = func(m map[string]any) { m["typ"] = "logout+jwt" }
	if w := tell(h.gate, f.jwt(f.logoutClaims())); w.Code != 400 || f.count("/jwks") != 2 {
		t.Errorf("a bad signature of a known key: %d, keys read %d times", w.Code, f.count("/jwks"))
	}
	// The issuer itself comes with a new key, which is heard after the pause.
	f.publish(publicKey(otherKey(), map[string]any{"kid": "k2"}))
	f.header = func(m map[string]any) { m["kid"], m["typ"] = "k2", "logout+jwt" }
	if w := tell(h.gate, f.jwt(f.logoutClaims())); w.Code != 200 {
		t.Errorf("a new key: %d %s", w.Code, w.Body)
	}
	// A sign-in does not wait for the pause.
	h.clock.add(time.Second)
	f.publish(publicKey(otherKey(), map[string]any{"kid": "k3"}))
	f.header = func(m map[string]any) { m["kid"] = "k3" }
	wantStatus(t, newBrowser(h.gate).signIn(f, "/"), 303)
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"k","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},null,1]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if err != nil && keys != nil || len(keys) > maxKeys {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			if !k.IsPublic() {
				t.Error("took a key that is not public")
			}
		}
	})
}
