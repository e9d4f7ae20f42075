package oidc

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// The plan oidcc-client-config-certification-test-plan.
func TestConfigRP(t *testing.T) {
	gate := gates["usual"]

	// All that the gate knows of the issuer is its URL.
	t.Run("oidcc-client-test-discovery-openid-config", func(t *testing.T) { behave(t, nil); signsIn(t, gate) })
	t.Run("oidcc-client-test-discovery-jwks-uri-keys", func(t *testing.T) { behave(t, nil); signsIn(t, gate) })

	// Metadata in which the issuer has another name is of another issuer.
	t.Run("oidcc-client-test-discovery-issuer-mismatch", func(t *testing.T) {
		behave(t, nil)
		signsNobodyIn(t, gates["mismatch"], http.StatusServiceUnavailable)
	})

	// The issuer signs with another key, which is published, by the next sign-in.
	t.Run("oidcc-client-test-signing-key-rotation", func(t *testing.T) {
		behave(t, nil)
		signsIn(t, gate)
		behave(t, func(b *behaviour) {
			next := aKey(t, "RS256", "next")
			b.keys, b.signer = append(b.keys, next.Public()), next
		})
		signsIn(t, gate)
	})
	t.Run("oidcc-client-test-signing-key-rotation-just-before-signing", func(t *testing.T) {
		behave(t, nil)
		signsIn(t, gate)
		behave(t, func(b *behaviour) {
			b.signer = aKey(t, "RS256", b.signer.KeyID) // which has the name of the last
			b.keys = []jose.JSONWebKey{b.signer.Public()}
		})
		signsIn(t, gate)
	})

	// The key that signed is withdrawn, and what it signs then is good for nothing.
	t.Run("oidcc-client-test-signing-key-withdrawn", func(t *testing.T) {
		behave(t, func(b *behaviour) { b.keys = []jose.JSONWebKey{aKey(t, "RS256", "other").Public()} })
		signsNobodyIn(t, gate, http.StatusBadGateway)
	})

	// Somebody begins at the issuer (OpenID Connect Core section 4), who may choose a
	// page of the site, and nothing else.
	t.Run("oidcc-client-test-3rd-party-init-login", func(t *testing.T) {
		behave(t, nil)
		for target, want := range map[string]string{gate + "/there?y=2": "/there?y=2", "https://evil.example/": "/"} {
			p := newParty(t, "")
			a := p.visit(gate, "/oidc/login?"+url.Values{"iss": {op.url + "/usual"}, "target_link_uri": {target}}.Encode())
			if a.StatusCode != 200 || a.body != "hello ann ann@example.com" || a.Request.URL.String() != gate+want {
				t.Errorf("to %s: at %s: %s %s", target, a.Request.URL, a.Status, a.body)
			}
		}
		p := newParty(t, "")
		if a := p.visit(gate, "/oidc/login?iss=https://evil.example"); a.StatusCode != http.StatusBadRequest {
			t.Errorf("for another issuer: %s", a.Status)
		}
		p.stranger(gate)
	})

	// An issuer that does not say that it names itself need not (RFC 9207 section 2.4).
	t.Run("oidcc-client-test-iss-parameter-not-announced", func(t *testing.T) { behave(t, nil); signsIn(t, gates["nameless"]) })
}
