package provider

import (
	"net/http"

	"github.com/caddyito/caddyito/store"
)

// Where metadata is: OpenID Connect Discovery section 4 and RFC 8414 section 3.
const (
	wellKnownOpenID = "/.well-known/openid-configuration"
	wellKnownOAuth  = "/.well-known/oauth-authorization-server"
)

// discovery says what this provider can do and where.
func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.metadata.serve(w)
}

// describe is the document, which is the same as long as the provider lives. Every
// URL rests on the configured issuer, whatever host a request names.
func (p *Provider) describe() *document {
	clientAuth := []string{"client_secret_basic", "client_secret_post", "none"}
	metadata := map[string]any{
		"issuer":                 p.Issuer,
		"authorization_endpoint": p.url("authorize"),
		"token_endpoint":         p.url("token"),
		"userinfo_endpoint":      p.url("userinfo"),
		"jwks_uri":               p.url("jwks"),
		"revocation_endpoint":    p.url("revoke"),
		"introspection_endpoint": p.url("introspect"),
		"end_session_endpoint":   p.url("logout"),

		"device_authorization_endpoint": p.url("device/code"),

		"pushed_authorization_request_endpoint": p.url("par"),
		"require_pushed_authorization_requests": false, // unless a client is set to
		// Not of any standard: the whole user, for scope "read".
		"caddyito_profile_endpoint": p.url("profile"),
		// Nor this: changes of users and objects, for gates.
		"caddyito_sync_endpoint": p.url("sync"),

		"scopes_supported":                           store.Scopes(),
		"claims_supported":                           p.claimNames(),
		"response_types_supported":                   []string{"code"},
		"response_modes_supported":                   []string{"query", "form_post"},
		"grant_types_supported":                      store.GrantTypes(),
		"subject_types_supported":                    []string{"public"},
		"id_token_signing_alg_values_supported":      store.SigningAlgs(),
		"token_endpoint_auth_methods_supported":      clientAuth,
		"revocation_endpoint_auth_methods_supported": clientAuth,
		// Not for public clients, who have no secret to show.
		"introspection_endpoint_auth_methods_supported":  clientAuth[:2],
		"code_challenge_methods_supported":               []string{"S256"},
		"prompt_values_supported":                        promptValues,
		"authorization_response_iss_parameter_supported": true,
		"backchannel_logout_supported":                   true,
		"backchannel_logout_session_supported":           true,
		"frontchannel_logout_supported":                  true,
		"frontchannel_logout_session_supported":          true,
		"claims_parameter_supported":                     true,
		"acr_values_supported":                           []string{acrPassword, acrMulti},
		"claim_types_supported":                          []string{"normal"},
		"request_parameter_supported":                    false,
		"request_uri_parameter_supported":                false,
	}
	if p.Registration {
		metadata["registration_endpoint"] = p.url("register")
	}
	return newDocument(metadata)
}
