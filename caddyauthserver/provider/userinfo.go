package provider

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/caddyito/caddyito/store"
)

// claimNames are the claims that ID tokens and userinfo can carry.
var claimNames = []string{
	"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid",
	"name", "given_name", "family_name", "preferred_username", "email", "email_verified", "groups",
}

// userinfo says who the bearer of an access token is (OpenID Connect Core
// section 5.3).
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	var answer map[string]any
	if p.withBearer(w, r, "openid", func(_ store.ReadTx, b bearer) error {
		answer = standardClaims(b.user, b.token.Scopes)
		return nil
	}) {
		writeJSON(w, http.StatusOK, answer)
	}
}

// standardClaims are those of OpenID Connect Core section 5.1 that the scopes
// give (section 5.4), and groups. What has no value is left out.
func standardClaims(u *store.User, scopes []string) map[string]any {
	claims := map[string]any{"sub": strconv.FormatInt(u.ID, 10)}
	set := func(name, value string) {
		if value != "" {
			claims[name] = value
		}
	}
	if slices.Contains(scopes, "profile") {
		set("name", u.Name())
		set("given_name", u.FirstName)
		set("family_name", u.LastName)
		set("preferred_username", u.Username)
	}
	if slices.Contains(scopes, "email") && u.Email != "" {
		claims["email"] = u.Email
		claims["email_verified"] = u.EmailVerified
	}
	if slices.Contains(scopes, "groups") {
		claims["groups"] = append([]string{}, u.Groups...)
	}
	return claims
}
