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
