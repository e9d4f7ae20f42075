package oidc

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The plan oidcc-client-basic-certification-test-plan. Beside its modules stand
// others, named in their manner.
func TestBasicRP(t *testing.T) { basicRP(t, gates["usual"], op.url+"/usual") }

// The plan oidcc-client-formpost-basic-certification-test-plan: the same, answered by
// forms.
func TestFormPostRP(t *testing.T) { basicRP(t, gates["form_post"], op.url+"/form_post") }

func basicRP(t *testing.T, gate, issuer string) {
	// good and bad are a module that signs ann in, or must sign nobody in.
	good := func(name string, change func(*behaviour)) {
		t.Run(name, func(t *testing.T) { behave(t, change); signsIn(t, gate) })
	}
	bad := func(name string, change func(*behaviour)) {
		t.Run(name, func(t *testing.T) { behave(t, change); signsNobodyIn(t, gate, http.StatusBadGateway) })
	}
	// claim has the ID token say something else, or, with nil, nothing.
	claim := func(name string, value any) func(*behaviour) {
		return func(b *behaviour) {
			b.claims = func(c map[string]any) {
				if c[name] = value; value == nil {
					delete(c, name)
				}
			}
		}
	}
	now := time.Now().Unix()

	good("oidcc-client-test", nil)
	good("oidcc-client-test-idtoken-sig-rs256", nil)
	good("oidcc-client-test-client-secret-basic", nil) // the provider takes no other
	good("oidcc-client-test-userinfo-bearer-header", nil)
	good("oidcc-client-test-scope-userinfo-claims", nil)

	// What the ID token says.
	bad("oidcc-client-test-invalid-iss", claim("iss", "https://evil.example"))
	bad("oidcc-client-test-missing-iss", claim("iss", nil))
	bad("oidcc-client-test-missing-sub", claim("sub", nil))
	bad("oidcc-client-test-invalid-aud", claim("aud", "another"))
	bad("oidcc-client-test-missing-aud", claim("aud", nil))
	bad("oidcc-client-test-missing-iat", claim("iat", nil))
	bad("oidcc-client-test-invalid-iat", claim("iat", now+3600))
	bad("oidcc-client-test-missing-exp", claim("exp", nil))
	bad("oidcc-client-test-invalid-exp", claim("exp", now-120))
	good("oidcc-client-test-exp-within-leeway", claim("exp", now-1))
	bad("oidcc-client-test-nonce-invalid", claim("nonce", "another"))
	bad("oidcc-client-test-nonce-missing", claim("nonce", nil))
	bad("oidcc-client-test-invalid-athash", claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"))
	good("oidcc-client-test-missing-athash", claim("at_hash", nil)) // it is voluntary here (section 3.1.3.6)
	bad("oidcc-client-test-invalid-azp", claim("azp", "another"))
	bad("oidcc-client-test-several-aud-without-azp", func(b *behaviour) {
		b.claims = func(c map[string]any) { c["aud"] = []any{c["aud"], "another"} }
	})
	good("oidcc-client-test-several-aud-with-azp", func(b *behaviour) {
		b.claims = func(c map[string]any) { c["azp"], c["aud"] = c["aud"], []any{c["aud"], "another"} }
	})
	bad("oidcc-client-test-missing-idtoken", func(b *behaviour) { b.token = func(v map[string]any) { delete(v, "id_token") } })

	// How it is signed.
	bad("oidcc-client-test-idtoken-sig-none", func(b *behaviour) {
		b.sign = func(header, claims map[string]any) string {
			header["alg"] = "none"
			return unsignedJWT(t, header, claims) + "."
		}
	})
	bad("oidcc-client-test-invalid-sig-rs256", func(b *behaviour) { b.signer.Key = aKey(t, "RS256", "").Key })
	bad("oidcc-client-test-invalid-sig-es256", func(b *behaviour) {
		key := aKey(t, "ES256", "es")
		b.keys = []jose.JSONWebKey{key.Public()}
		b.signer = aKey(t, "ES256", "es")
	})
	good("oidcc-client-test-sig-es256", func(b *behaviour) {
		b.signer = aKey(t, "ES256", "es")
		b.keys = []jose.JSONWebKey{b.signer.Public()}
	})
	bad("oidcc-client-test-missing-sig", func(b *behaviour) {
		b.sign = func(header, claims map[string]any) string { return unsignedJWT(t, header, claims) + "." }
	})
	// Symmetric, with all that a stranger could take for the key, and with the secret,
	// which was not agreed on.
	for name, key := range map[string]func(*behaviour) []byte{
		"oidcc-client-test-invalid-sig-hs256":          func(*behaviour) []byte { return []byte("another") },
		"oidcc-client-test-sig-hs256-not-agreed":       func(*behaviour) []byte { return []byte(secret) },
		"oidcc-client-test-sig-hs256-by-no-key":        func(*behaviour) []byte { return nil },
		"oidcc-client-test-sig-hs256-by-public-pem":    func(b *behaviour) []byte { return publicPEM(t, b.signer) },
		"oidcc-client-test-sig-hs256-by-public-number": func(b *behaviour) []byte { return b.signer.Key.(*rsa.PrivateKey).N.Bytes() },
		"oidcc-client-test-sig-hs256-by-jwk": func(b *behaviour) []byte {
			jwk, err := b.keys[0].MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			return jwk
		},
	} {
		bad(name, func(b *behaviour) {
			mac := hmac.New(sha256.New, key(b))
			b.sign = func(header, claims map[string]any) string {
				header["alg"] = "HS256"
				input := unsignedJWT(t, header, claims)
				mac.Write([]byte(input))
				return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
			}
		})
	}
	good("oidcc-client-test-kid-absent-single-jwks", func(b *behaviour) {
		b.keys[0].KeyID = ""
		b.header = func(h map[string]any) { delete(h, "kid") }
	})
	good("oidcc-client-test-kid-absent-multiple-jwks", func(b *behaviour) {
		b.keys = []jose.JSONWebKey{aKey(t, "RS256", "").Public(), b.signer.Public()}
		b.header = func(h map[string]any) { delete(h, "kid") }
	})
	bad("oidcc-client-test-kid-absent-wrong-key", func(b *behaviour) {
		b.keys = []jose.JSONWebKey{aKey(t, "RS256", "a").Public(), aKey(t, "RS256", "b").Public()}
		b.header = func(h map[string]any) { delete(h, "kid") }
	})
	bad("oidcc-client-test-kid-of-another-key", func(b *behaviour) {
		b.keys = append(b.keys, aKey(t, "RS256", "b").Public())
		b.header = func(h map[string]any) { h["kid"] = "b" }
	})
	bad("oidcc-client-test-kid-unknown", func(b *behaviour) { b.header = func(h map[string]any) { h["kid"] = "unheard-of" } })
	for _, typ := range []string{"at+jwt", "logout+jwt"} {
		bad("oidcc-client-test-typ-"+typ, func(b *behaviour) { b.typ = typ })
	}

	// Userinfo.
	bad("oidcc-client-test-userinfo-invalid-sub", func(b *behaviour) { b.userinfo = func(v map[string]any) { v["sub"] = "u-2" } })
	bad("oidcc-client-test-userinfo-missing-sub", func(b *behaviour) { b.userinfo = func(v map[string]any) { delete(v, "sub") } })

	// The answer of the authorization endpoint, RFC 9207 too.
	answer := func(change func(url.Values)) func(*behaviour) { return func(b *behaviour) { b.answer = change } }
	bad("oidcc-client-test-iss-parameter-invalid", answer(func(q url.Values) { q.Set("iss", "https://evil.example") }))
	bad("oidcc-client-test-iss-parameter-missing", answer(func(q url.Values) { q.Del("iss") }))
	bad("oidcc-client-test-code-missing", answer(func(q url.Values) { q.Del("code") }))
	for name, change := range map[string]func(url.Values){
		"oidcc-client-test-state-invalid": func(q url.Values) { q.Set("state", "another") },
		"oidcc-client-test-state-missing": func(q url.Values) { q.Del("state") },
	} {
		t.Run(name, func(t *testing.T) { behave(t, answer(change)); signsNobodyIn(t, gate, http.StatusBadRequest) })
	}
	t.Run("oidcc-client-test-error", func(t *testing.T) {
		behave(t, answer(func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }))
		signsNobodyIn(t, gate, http.StatusForbidden)
	})

	// The token endpoint.
	refuse := func(answer http.HandlerFunc) func(*behaviour) { return func(b *behaviour) { b.refuse = answer } }
	bad("oidcc-client-test-token-endpoint-error", refuse(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, 400, map[string]any{"error": "invalid_grant"})
	}))
	bad("oidcc-client-test-token-endpoint-html", refuse(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>")) }))
	bad("oidcc-client-test-token-endpoint-empty", refuse(func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, map[string]any{}) }))
	bad("oidcc-client-test-token-endpoint-redirects", refuse(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, issuer+"/userinfo", http.StatusTemporaryRedirect)
	}))
	bad("oidcc-client-test-token-type", func(b *behaviour) { b.token = func(v map[string]any) { v["token_type"] = "mac" } })
}

// unsignedJWT is all of a JWT but the signature.
func unsignedJWT(t *testing.T, parts ...map[string]any) (text string) {
	t.Helper()
	for i, part := range parts {
		b, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			text += "."
		}
		text += base64.RawURLEncoding.EncodeToString(b)
	}
	return text
}

func publicPEM(t *testing.T, key *jose.JSONWebKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public().Key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
