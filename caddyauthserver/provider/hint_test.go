package provider_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddyito/caddyito/store"
)

// signingKeyOf opens the server's RSA key, as nobody outside can.
func signingKeyOf(t testing.TB, s *server) (*rsa.PrivateKey, string) {
	t.Helper()
	if err := s.p.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	k := firstRSA(s.signingKeys())
	der, err := s.key.Open(store.SigningKeyPurpose(k.KID), k.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.(*rsa.PrivateKey), k.KID
}

// A hint counts only as we sign it. Each of these is one that some library
// somewhere took; logout shows whether ours was: only then does it redirect.
func TestForgedHints(t *testing.T) {
	s := newServer(t)
	good := s.browser().tokens("openid").id
	key, kid := signingKeyOf(t, s)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pemPublic := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	ownJWK := map[string]any{"kty": "RSA", "n": base64.RawURLEncoding.EncodeToString(other.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(other.E)).Bytes())}

	sign := func(method jwt.SigningMethod, key any, header, claims map[string]any) string {
		c := jwt.MapClaims(claimsOf(t, good))
		maps.Copy(c, claims)
		for name, v := range c {
			if v == nil {
				delete(c, name)
			}
		}
		tok := jwt.NewWithClaims(method, c)
		tok.Header["kid"] = kid
		maps.Copy(tok.Header, header)
		for name, v := range tok.Header {
			if v == nil {
				delete(tok.Header, name)
			}
		}
		out, err := tok.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	type m = map[string]any
	hints := map[string]string{
		"alg none":                sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, nil),
		"alg none, no kid":        sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, m{"kid": nil}, nil),
		"HS256 of the public key": sign(jwt.SigningMethodHS256, pemPublic, nil, nil),
		"HS256 of its DER":        sign(jwt.SigningMethodHS256, public, nil, nil),
		"HS256 of an empty key":   sign(jwt.SigningMethodHS256, []byte{}, nil, nil),
		"another key":             sign(jwt.SigningMethodRS256, other, nil, nil),
		"another key, jwk":        sign(jwt.SigningMethodRS256, other, m{"jwk": ownJWK}, nil),
		"ours, jwk":               sign(jwt.SigningMethodRS256, key, m{"jwk": ownJWK}, nil),
		"ours, jku":               sign(jwt.SigningMethodRS256, key, m{"jku": "https://evil.example.net/jwks"}, nil),
		"ours, x5u":               sign(jwt.SigningMethodRS256, key, m{"x5u": "https://evil.example.net/x"}, nil),
		"ours, crit":              sign(jwt.SigningMethodRS256, key, m{"crit": []string{"exp"}}, nil),
		"ours, another algorithm": sign(jwt.SigningMethodPS256, key, nil, nil),
		"ours, longer hash":       sign(jwt.SigningMethodRS512, key, nil, nil),
		"no kid":                  sign(jwt.SigningMethodRS256, key, m{"kid": nil}, nil),
		"unknown kid":             sign(jwt.SigningMethodRS256, key, m{"kid": "x"}, nil),
		"kid of another kind":     sign(jwt.SigningMethodRS256, key, m{"kid": 1}, nil),
		"no typ":                  sign(jwt.SigningMethodRS256, key, m{"typ": nil}, nil),
		"a logout token":          sign(jwt.SigningMethodRS256, key, m{"typ": "logout+jwt"}, nil),
		"an access token":         sign(jwt.SigningMethodRS256, key, m{"typ": "at+jwt"}, nil),
		"a batch":                 sign(jwt.SigningMethodRS256, key, m{"typ": "caddyito-sync+jwt"}, nil),
		"another issuer":          sign(jwt.SigningMethodRS256, key, nil, m{"iss": "https://evil.example.net"}),
		"no issuer":               sign(jwt.SigningMethodRS256, key, nil, m{"iss": nil}),
		"no audience":             sign(jwt.SigningMethodRS256, key, nil, m{"aud": nil}),
		"two audiences":           sign(jwt.SigningMethodRS256, key, nil, m{"aud": []string{"app", "spa"}}),
		"no subject":              sign(jwt.SigningMethodRS256, key, nil, m{"sub": nil}),
		"no expiry":               sign(jwt.SigningMethodRS256, key, nil, m{"exp": nil}),
		"from the future":         sign(jwt.SigningMethodRS256, key, nil, m{"iat": 4102444800}),
		"over 8 KB":               sign(jwt.SigningMethodRS256, key, nil, m{"padding": strings.Repeat("x", 8<<10)}),
		"tampered":                tamper(good),
		"cut":                     good[:len(good)-4],
		"signature of the other":  good[:strings.LastIndex(good, ".")] + ".",
		"four parts":              good + ".x",
		"padded":                  good + "=",
		"in quotes":               `"` + good + `"`,
		"as JSON":                 func() string { b, _ := json.Marshal(map[string]string{"payload": good}); return string(b) }(),
	}
	ours := sign(jwt.SigningMethodRS256, key, nil, nil)
	if a := s.browser().logout("id_token_hint", ours, "post_logout_redirect_uri", appLoggedOut); a.Header.Get("Location") != appLoggedOut {
		t.Fatalf("what this test makes is not even taken when right: %d", a.StatusCode)
	}
	for name, hint := range hints {
		if a := s.browser().logout("id_token_hint", hint, "post_logout_redirect_uri", appLoggedOut); a.Header.Get("Location") != "" {
			t.Errorf("%s: taken", name)
		}
	}
}
