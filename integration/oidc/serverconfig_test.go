package oidc

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// The plan oidcc-config-certification-test-plan.
func TestConfigOP(t *testing.T) {
	// The metadata is where it should be, says what OpenID Connect Discovery
	// demands, has https URLs only, and the keys are public halves.
	t.Run("oidcc-discovery-endpoint-verification", func(t *testing.T) {
		p := newParty(t, "")
		a := p.send("GET", issuer+"/.well-known/openid-configuration", nil)
		v := a.json(t)
		if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/json" || v["issuer"] != issuer {
			t.Fatalf("%s %v %v", a.Status, a.Header, v["issuer"])
		}
		for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "revocation_endpoint", "introspection_endpoint", "end_session_endpoint"} {
			if _, ok := v[name].(string); !ok {
				t.Errorf("%s is %v", name, v[name])
			}
		}
		for name, value := range v {
			text, _ := value.(string)
			if strings.HasSuffix(name, "_endpoint") || strings.HasSuffix(name, "_uri") {
				if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Host == "" || u.Fragment != "" {
					t.Errorf("%s is %v", name, value)
				}
			}
		}
		for name, must := range map[string]string{
			"response_types_supported": "code", "response_modes_supported": "query form_post", "subject_types_supported": "public",
			"id_token_signing_alg_values_supported": "RS256", "scopes_supported": "openid profile email address phone",
			"grant_types_supported": "authorization_code refresh_token", "token_endpoint_auth_methods_supported": "client_secret_basic client_secret_post",
			"claims_supported": "sub iss auth_time acr name email", "code_challenge_methods_supported": "S256", "acr_values_supported": "1",
		} {
			list, _ := v[name].([]any)
			for value := range strings.FieldsSeq(must) {
				if !slices.Contains(list, any(value)) {
					t.Errorf("%s lacks %s: %v", name, value, v[name])
				}
			}
		}
		if v["claims_parameter_supported"] != true || v["request_parameter_supported"] != false || v["request_uri_parameter_supported"] != false {
			t.Errorf("claims, request, request_uri: %v %v %v", v["claims_parameter_supported"], v["request_parameter_supported"], v["request_uri_parameter_supported"])
		}
		keys, _ := p.send("GET", v["jwks_uri"].(string), nil).json(t)["keys"].([]any)
		if len(keys) == 0 {
			t.Fatal("no keys")
		}
		kids := map[any]bool{}
		for _, k := range keys {
			key := k.(map[string]any)
			kids[key["kid"]] = true
			for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
				if key[private] != nil {
					t.Errorf("a key has %s", private)
				}
			}
			if key["kty"] == nil || key["kid"] == nil || key["use"] != "sig" || key["alg"] == nil {
				t.Errorf("key %v", key)
			}
		}
		if len(kids) != len(keys) {
			t.Error("two keys have one name")
		}
	})
}

// Of the plan oidcc-dynamic-certification-test-plan what does not rest on how the
// client was registered.
func TestDynamicOP(t *testing.T) {
	// Of several redirect URIs one must be named.
	t.Run("oidcc-ensure-redirect-uri-in-authorization-request", func(t *testing.T) {
		p := newParty(t, "").another()
		errorPage(t, p.browse("GET", issuer+"/o/authorize?"+p.request("redirect_uri", "").Encode(), nil))
	})

	// A registered query is kept.
	t.Run("oidcc-redirect-uri-query-OK", func(t *testing.T) {
		p := newParty(t, "").another()
		p.redirect += "?foo=bar"
		p.signIn()
	})

	// Another one is another URI.
	t.Run("oidcc-redirect-uri-query-mismatch", func(t *testing.T) {
		p := newParty(t, "").another()
		errorPage(t, p.browse("GET", issuer+"/o/authorize?"+p.request("redirect_uri", p.redirect+"?foo=baz").Encode(), nil))
	})

	// And so is one where none is registered.
	t.Run("oidcc-redirect-uri-query-added", func(t *testing.T) {
		p := newParty(t, "")
		errorPage(t, p.browse("GET", issuer+"/o/authorize?"+p.request("redirect_uri", redirect+"?foo=bar").Encode(), nil))
	})

	// After a rotation there is a new key, the old one is there still, and what it
	// signed is good.
	t.Run("oidcc-server-rotate-keys", func(t *testing.T) {
		p := newParty(t, "")
		l := p.signIn()
		before := p.kids()
		resp, err := http.Post("http://"+admin+"/auth/keys/rotate", "application/json", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		after := p.kids()
		if resp.StatusCode != http.StatusOK || len(after) < 2 { // a key that waits already is not made twice
			t.Errorf("%s; keys before: %v, after: %v", resp.Status, before, after)
		}
		for _, kid := range before {
			if !slices.Contains(after, kid) {
				t.Errorf("key %s is gone", kid)
			}
		}
		p.verify(l, l.claims["nonce"].(string))
		p.signIn()
	})
}

// kids are the names of the keys that are published.
func (p *party) kids() []string {
	p.t.Helper()
	var kids []string
	for _, k := range p.send("GET", issuer+"/o/jwks", nil).json(p.t)["keys"].([]any) {
		kids = append(kids, k.(map[string]any)["kid"].(string))
	}
	return kids
}
