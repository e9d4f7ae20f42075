package registration

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Rules are what depends on the place where a client is registered.
type Rules struct {
	// Schema that the client's fields are of; nil leaves those out.
	Schema *store.Schema
	// PlainHosts may be told of changes and logouts over http.
	PlainHosts []string
	// Later says whether a value is not known yet and to be left out: it has
	// placeholders, say. Nil: all are known.
	Later func(value string) bool
}

// Check says what is wrong with a client, by the JSON names of its fields.
func (r Rules) Check(c *store.Client) []store.Problem {
	var problems []store.Problem
	bad := func(field string, err error) {
		if err != nil {
			problems = append(problems, store.ProblemOf(field, err))
		}
	}
	uris := func(field string, check func(string) error, uris ...string) {
		for _, uri := range uris {
			if !r.later(uri) {
				bad(field, check(uri))
			}
		}
	}
	bad("id", store.CheckClientID(c.ID))
	bad("name", CheckName(c.Name))
	for _, name := range c.Scopes {
		bad("scopes", store.CheckScope(name))
	}
	for _, name := range c.AllowGroups {
		bad("allow_groups", store.CheckGroup(name))
	}
	bad("id_token_signed_response_alg", store.CheckSigningAlg(c.IDTokenAlg))
	bad("format", c.CheckFormat())
	bad("admin_flags", c.CheckAdminFlags())
	bad("grant_types", c.CheckGrants())
	bad("require_pushed_authorization_requests", c.CheckPAR())
	bad("access_token_format", store.CheckAccessTokenFormat(c.AccessTokenFormat))
	bad("access_token_lifetime", store.CheckAccessTokenLifetime(c.AccessTokenLifetime))
	bad("refresh_token_lifetime", store.CheckTokenLifetime(c.RefreshTokenLifetime))
	uris("resources", store.CheckResource, c.Resources...)
	if c.Public && c.AllowNoPKCE {
		bad("allow_no_pkce", store.Mistakef("a public client cannot do without PKCE"))
	}
	if len(c.RedirectURIs) == 0 && c.MayUse(store.GrantCode) {
		bad("redirect_uris", store.Mistakef("is needed: where do people come back to when they have signed in?"))
	}
	checkRedirect := CheckRedirect
	if c.Public {
		checkRedirect = CheckPublicRedirect
	}
	uris("redirect_uris", checkRedirect, c.RedirectURIs...)
	uris("post_logout_redirect_uris", CheckRedirect, c.PostLogoutRedirectURIs...)
	if c.FrontchannelLogoutURI != "" {
		uris("frontchannel_logout_uri", CheckRedirect, c.FrontchannelLogoutURI)
		// OpenID Connect Front-Channel Logout 1.0 section 2.
		if !slices.ContainsFunc(c.RedirectURIs, func(uri string) bool { return r.later(uri) || WebOrigin(uri) == WebOrigin(c.FrontchannelLogoutURI) }) && !r.later(c.FrontchannelLogoutURI) {
			bad("frontchannel_logout_uri", store.Mistakef("must be of the origin of one of the client's redirect URIs"))
		}
	}
	told := func(uri string) error { return usersync.CheckURL(uri, r.PlainHosts...) }
	if c.BackchannelLogoutURI != "" {
		uris("backchannel_logout_uri", told, c.BackchannelLogoutURI)
	}
	if c.SyncURL != "" {
		uris("sync_url", told, c.SyncURL)
	}
	bad("sync", store.CheckSyncMode(c.Sync))
	switch asked := c.Sync == store.SyncAll || c.Sync == store.SyncGranted || c.SyncURL != ""; {
	case asked && c.Public:
		bad("sync", store.Mistakef("a public client has no secret, which sync needs"))
	case asked && c.Sync != store.SyncOff && c.SyncTarget() == "" && !slices.ContainsFunc(c.RedirectURIs, r.later):
		bad("sync_url", store.Mistakef("is needed: where is the client told of changes?"))
	}
	if r.Schema != nil {
		bad("fields", usersync.CheckFields(r.Schema, c.Fields))
	}
	return problems
}

func (r Rules) later(value string) bool { return r.Later != nil && r.Later(value) }

// CheckName says what is wrong with the name of a client, which people read.
func CheckName(name string) error {
	if len(name) > 200 || strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name) {
		return store.Mistakef("must be at most 200 bytes of text on one line")
	}
	return nil
}
