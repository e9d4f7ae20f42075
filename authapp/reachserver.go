package authapp

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// PathServer is a ServerModule that has pages of its own below a prefix, and the
// documents by which others find them.
type PathServer interface {
	// PathPrefix is where they are, "/o" say.
	PathPrefix() string
}

// serverPages are pages without which nobody signs in, below the prefix, and one for
// programs alone.
var serverPages = []string{"/login", "/authorize", "/token"}

const discoveryPath = "/.well-known/openid-configuration"

// checkServers refuses a server that nobody gets to: its pages are at its issuer,
// and the site, handle or route in which it stands does not match them, or a gate
// that stands in front wants people to have signed in.
func (a *App) checkServers(app *caddyhttp.App, where sites, gates []*placedGate) error {
	for i, s := range a.servers {
		pages, ok := s.(PathServer)
		if !ok {
			continue
		}
		if err := a.checkPrefixes(s, pages.PathPrefix(), gates); err != nil {
			return err
		}
		same := func(o ServerModule) bool { return normalIssuer(o.Issuer()) == normalIssuer(s.Issuer()) }
		if slices.ContainsFunc(a.servers[:i], same) {
			continue // it was looked at with that one
		}
		var alike []any
		direct := false
		for _, o := range a.servers[i:] {
			if same(o) {
				alike = append(alike, o)
				direct = direct || where.of(o).isAt(o.Issuer())
			}
		}
		if !direct {
			continue // something in front has that address, and nobody here knows what it changes
		}
		var guards []any
		for _, g := range gates {
			if g.settings.GuardsAll && g.server != nil && same(g.server) {
				guards = append(guards, g.module)
			}
		}
		if err := a.checkPages(app, where.of(s), s.Issuer(), pages.PathPrefix(), alike, guards); err != nil {
			return fmt.Errorf("auth_server at %s: %w", where.of(s), err)
		}
	}
	return nil
}

func (a *App) checkPages(app *caddyhttp.App, at *site, issuer, prefix string, servers, guards []any) error {
	issuer = strings.TrimRight(issuer, "/")
	var lost, unsure []string
	for _, page := range serverPages {
		address := issuer + prefix + page
		p := probeFor(app, servers, guards, address)
		switch {
		case p.reached >= assumed:
		case p.reached == unknown:
			unsure = append(unsure, address)
		case p.guarded == yes:
			return fmt.Errorf("a gate (auth_client) that stands in front of it has people sign in before they get to %s, where they sign in; put auth_server before auth_client there, or give the gate a matcher that leaves %s/* and /.well-known/* out", address, prefix)
		default:
			lost = append(lost, address)
		}
	}
	if len(lost) == len(serverPages) {
		return fmt.Errorf("people sign in at %s, which does not get to it: the matchers of the site, handle, handle_path or route in which it stands do not match that; put it outside of them, or have them match %s/* and /.well-known/*", lost[0], prefix)
	}
	discovery := issuer + discoveryPath
	if p := probeFor(app, servers, guards, discovery); p.reached == no {
		lost = append(lost, discovery)
	}
	if len(lost) > 0 {
		a.log.Warn("not all of what auth_server answers gets to it: the matchers of the site, handle or route in which it stands do not match this; apps and gates of other machines find it by /.well-known/*",
			zap.String("issuer", issuer), zap.Strings("lost", lost))
	}
	if len(unsure) > 0 {
		a.log.Warn("it depends on more than the path whether auth_server gets its own pages; if not, nobody can sign in",
			zap.Strings("pages", unsure))
	}
	return nil
}

// checkPrefixes refuses a gate whose own pages are those of the server.
func (a *App) checkPrefixes(s ServerModule, prefix string, gates []*placedGate) error {
	issuer, err := url.Parse(s.Issuer())
	if err != nil {
		return nil // which is said elsewhere
	}
	for _, g := range gates {
		if !strings.EqualFold(g.prefix(), prefix) {
			continue
		}
		for _, origin := range g.origins {
			if u, err := url.Parse(origin); err == nil && normalOrigin(u) == normalOrigin(issuer) {
				return fmt.Errorf("auth_client at %s: its own pages are below %s%s, as those of auth_server; give it another prefix, or leave that option out", g.site, origin, prefix)
			}
		}
	}
	return nil
}

// isAt says whether the site is that of an issuer, as it is reached without anything
// in front of this Caddy.
func (s *site) isAt(issuer string) bool {
	u, err := url.Parse(issuer)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(s.origins, func(o string) bool {
		own, err := url.Parse(o)
		return err == nil && normalOrigin(own) == normalOrigin(u)
	}) || slices.ContainsFunc(s.vague, func(v string) bool { return covers(v, u.Hostname()) })
}
