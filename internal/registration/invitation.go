package registration

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// CheckInvitation says what is wrong with an invitation, by the JSON names of its
// fields.
func (r Rules) CheckInvitation(i *store.Invitation) []store.Problem {
	// The rest of the client, which is not known yet, is one that is right.
	problems := r.Check(&store.Client{ID: "invited", ClientSettings: store.ClientSettings{
		RedirectURIs: []string{"https://gate.example.com/oidc/callback"},
		Name:         i.Name, Scopes: i.Scopes, AllowGroups: i.AllowGroups, Sync: i.Sync, Fields: i.Fields,
	}})
	for _, o := range i.Origins {
		if err := r.checkOrigin(o); err != nil {
			problems = append(problems, store.ProblemOf("origins", err))
		}
	}
	if len(i.Origins) == 0 && (i.Sync == store.SyncAll || i.Sync == store.SyncGranted) {
		problems = append(problems, store.ProblemOf("origins", store.Mistakef("is needed: where may it be told of changes?")))
	}
	return problems
}

func (r Rules) checkOrigin(o string) error {
	if _, err := WebURL(o); err != nil {
		return err
	}
	if WebOrigin(o) != o {
		return store.Mistakef("%s: write the origin alone, in small letters, as in https://wiki.example.com", o)
	}
	return usersync.CheckURL(o, r.PlainHosts...)
}

// CheckInvited says what is wrong with a client that registered itself: what Check
// says, and what it may not say without an administrator. Codes go over https, or
// stay on one machine. What the server calls lies where people come back to, and in an
// origin that the invitation names: else whoever got hold of a token would have the
// server call whatever they like, in its own networks too, where Caddy's admin API
// stands say. And all is within the invitation.
func (r Rules) CheckInvited(c *store.Client, i *store.Invitation) []store.Problem {
	problems := r.Check(c)
	bad := func(field, format string, args ...any) {
		problems = append(problems, store.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	scopes := i.Scopes
	if len(scopes) == 0 {
		scopes = store.Scopes() // those of APIs are for an administrator to give
	}
	for _, s := range c.Scopes {
		if !slices.Contains(scopes, s) {
			bad("scopes", "%.200s is not among those that the initial access token is good for: %s", s, strings.Join(scopes, " "))
		}
	}
	if said := c.SelfRegistration; said != nil && len(said.GrantTypes) > 0 {
		for _, g := range store.GrantTypes() {
			if c.MayUse(g) && !slices.Contains(said.GrantTypes, g) {
				bad("grant_types", "%s is not among those that an administrator left to this client: %s", g, strings.Join(said.GrantTypes, " "))
			}
		}
	}
	var home []string // origins to which people come back
	for _, uri := range c.RedirectURIs {
		if len(i.Origins) > 0 && !slices.Contains(i.Origins, WebOrigin(uri)) {
			bad("redirect_uris", "%.200s: the initial access token is good for %s alone", uri, strings.Join(i.Origins, " "))
		}
		if _, err := WebURL(uri); err != nil {
			continue // an app's own scheme, or Check said so
		}
		home = append(home, WebOrigin(uri))
		if usersync.CheckURL(uri, r.PlainHosts...) != nil {
			bad("redirect_uris", "%.200s: must begin with https://, except on the same machine (localhost)", uri)
		}
	}
	for _, uri := range c.PostLogoutRedirectURIs {
		if len(i.Origins) > 0 && !slices.Contains(i.Origins, WebOrigin(uri)) {
			bad("post_logout_redirect_uris", "%.200s: the initial access token is good for %s alone", uri, strings.Join(i.Origins, " "))
		}
	}
	for _, called := range []struct{ field, uri string }{
		{"backchannel_logout_uri", c.LogoutTarget()}, {"sync_url", c.SyncTarget()},
	} {
		switch origin := WebOrigin(called.uri); {
		case called.uri == "":
		case !slices.Contains(home, origin):
			bad(called.field, "%.200s: must be of the same origin as a redirect URI", called.uri)
		case !slices.Contains(i.Origins, origin):
			bad(called.field, "%.200s: the server calls only what an administrator named; ask for an initial access token that is made with --origin %.200s", called.uri, origin)
		}
	}
	return problems
}
