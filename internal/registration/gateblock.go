package registration

import (
	"regexp"
	"strings"
)

// gateSite is what the origin of a gate's redirect URI looks like: nothing in it
// means anything else in a Caddyfile.
var gateSite = regexp.MustCompile(`^https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?$`)

// GateSite is the origin of a gate at the default prefix, which is known by its
// redirect URI; false for another client.
func GateSite(redirect string) (site string, ok bool) {
	site, ok = strings.CutSuffix(redirect, "/oidc/callback")
	return site, ok && gateSite.MatchString(site)
}

// GateBlock is what to paste into the Caddyfile where a gate is to stand.
func GateBlock(site, issuer, clientID, secret string) string {
	return block(site, issuer, "client_id "+clientID, "client_secret "+secret)
}

// EnrolBlock is that for a gate that registers itself with a token.
func EnrolBlock(site, issuer, token string) string { return block(site, issuer, "enroll "+token) }

func block(site, issuer string, options ...string) string {
	// Caddy takes https for granted, but not http.
	return strings.TrimPrefix(site, "https://") + ` {
	auth_client ` + issuer + ` {
		` + strings.Join(options, "\n\t\t") + `
	}
	reverse_proxy localhost:3000
}
`
}
