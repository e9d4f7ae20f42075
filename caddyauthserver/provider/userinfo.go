package provider

import (
	"net/http"
	"slices"

	"github.com/caddyito/caddyito/store"
)

// userinfo says who the bearer of an access token is (OpenID Connect Core
// section 5.3): what its scopes give, and what the claims parameter asked for.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	var answer map[string]any
	if p.withBearer(w, r, "openid", func(_ store.ReadTx, b bearer) error {
		asked, err := askedClaims(b.family, b.client, b.token.Scopes, p.claims)
		if err != nil {
			return err
		}
		answer = p.claimsOf(b.user, b.client, func(c claim) bool {
			return slices.Contains(b.token.Scopes, c.scope) || slices.Contains(asked.UserInfo, c.name)
		})
		return nil
	}) {
		writeJSON(w, http.StatusOK, answer)
	}
}
