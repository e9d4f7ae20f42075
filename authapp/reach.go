package authapp

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
	"go.uber.org/zap"

	"github.com/caddyito/caddyito/authapp/directive"
)

// checkCallbacks refuses a gate that people do not come back to: one in a route
// whose matcher holds for the app's pages and not for the gate's own. Where
// another gate of the same client takes the callback, that will do.
func (a *App) checkCallbacks(app *caddyhttp.App, gates []*placedGate) error {
	for _, g := range gates {
		if len(g.site.listen) == 0 {
			continue // in some handler that is not known: nothing can be said
		}
		var alike []any
		for _, o := range gates {
			if o == g || o.sameClient(g) && o.meets(g) {
				alike = append(alike, o.module)
			}
		}
		back := false
		var lost error
		for _, origin := range g.origins {
			callback := origin + g.prefix() + "/callback"
			p := probeFor(app, alike, nil, callback)
			switch {
			case p.reached >= assumed:
				back = true
			case p.reached == unknown:
				back = true
				a.log.Warn("it depends on more than the path whether the gate gets its own pages; if not, nobody can sign in: then name a path that gets there, as in: prefix /x/oidc",
					zap.String("callback", callback))
			case !g.site.hasHost(origin):
				return fmt.Errorf("auth_client at %s: no request for its origin %s gets to it; name an origin of the site in which it stands", g.site, origin)
			case lost == nil:
				lost = fmt.Errorf("auth_client at %s: people come back from signing in to %s, which does not get to it: the matchers of the site, handle, handle_path or route in which it stands do not match that; %s", g.site, callback, p.advice(app, alike, origin))
			}
		}
		// Where people come back at one of the hosts, the others are most likely
		// answered by something else altogether, say a redirect to that one.
		if lost != nil && !back {
			return lost
		}
	}
	return nil
}

// certainty says whether something holds; the greater is the more.
type certainty int

const (
	no certainty = iota
	unknown
	// assumed holds for the page that the person asked for, which did get to the
	// gate; for other requests it may not.
	assumed
	yes
)

// probe follows a request through the config without any handler being run.
type probe struct {
	members []any
	reached certainty // whether it got to one of them
	// guards let no stranger through; guarded says whether it got to one of the
	// members behind such.
	guards  []any
	guarded certainty
	// refused are the path patterns that turned it away.
	refused []string

	server  *caddyhttp.Server
	r       *http.Request
	repl    *caddy.Replacer
	vague   bool            // the path may have been rewritten
	behind  bool            // a guard was on the way
	invoked map[string]bool // named routes on the way down, which may go round
}

func probeFor(app *caddyhttp.App, members, guards []any, address string) *probe {
	p := &probe{members: members, guards: guards, invoked: map[string]bool{}}
	u, err := url.Parse(address)
	if err != nil {
		return p // not an origin, which is said elsewhere
	}
	for _, name := range slices.Sorted(maps.Keys(app.Servers)) {
		p.server = app.Servers[name]
		p.send(u, p.server.Routes)
		if p.server.Errors != nil {
			p.send(u, p.server.Errors.Routes)
		}
	}
	return p
}

func (p *probe) send(u *url.URL, routes caddyhttp.RouteList) {
	r := &http.Request{
		Method: http.MethodGet, Host: u.Host, URL: &url.URL{Path: u.Path}, RequestURI: u.Path,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, RemoteAddr: "127.0.0.1:0",
	}
	p.repl = caddy.NewReplacer()
	p.r = caddyhttp.PrepareRequest(r, p.repl, nil, p.server)
	p.vague, p.behind = false, false
	p.routes(routes, yes)
}

// routes goes through them; sure says how certain it is that the request gets
// there.
func (p *probe) routes(routes caddyhttp.RouteList, sure certainty) {
	taken := map[string]bool{} // groups, of whose routes the first that matches goes
	for i := range routes {
		r := &routes[i]
		if taken[r.Group] {
			continue
		}
		match := p.sets(r.MatcherSets)
		if match == no {
			continue
		}
		taken[r.Group] = r.Group != "" && match == yes
		p.handlers(r, min(sure, match))
		if r.Terminal && match == yes {
			return
		}
	}
}

func (p *probe) handlers(r *caddyhttp.Route, sure certainty) {
	for _, handler := range r.Handlers {
		switch handler := handler.(type) {
		case *caddyhttp.Subroute:
			p.routes(handler.Routes, sure)
			if handler.Errors != nil {
				behind := p.behind
				p.behind = false // where an error leads is not behind what stands beside it
				p.routes(handler.Errors.Routes, sure)
				p.behind = behind
			}
		case *caddyhttp.Invoke:
			named := p.server.NamedRoutes[handler.Name]
			if named != nil && !p.invoked[handler.Name] {
				p.invoked[handler.Name] = true
				p.routes(caddyhttp.RouteList{*named}, sure)
				p.invoked[handler.Name] = false
			}
		case *rewrite.Rewrite:
			if sure == yes {
				handler.Rewrite(p.r, p.repl)
			} else {
				p.vague = true
			}
		default:
			is := func(m any) bool { return same(m, handler) }
			switch {
			case slices.ContainsFunc(p.guards, is):
				p.behind = p.behind || sure == yes
			case !slices.ContainsFunc(p.members, is):
			case p.behind:
				p.guarded = max(p.guarded, sure)
			default:
				p.reached = max(p.reached, sure)
			}
		}
	}
}

// sets: one that holds is enough, and in a set each must.
func (p *probe) sets(sets []caddyhttp.MatcherSet) certainty {
	if len(sets) == 0 {
		return yes
	}
	any := no
	for _, set := range sets {
		all := yes
		for _, m := range set {
			all = min(all, p.matcher(m))
		}
		any = max(any, all)
	}
	return any
}

func (p *probe) matcher(m any) certainty {
	switch m := m.(type) {
	case *caddyhttp.MatchHost:
		return p.host(*m)
	case caddyhttp.MatchHost:
		return p.host(m)
	case *caddyhttp.MatchPath:
		return p.path(*m)
	case caddyhttp.MatchPath:
		return p.path(m)
	case *caddyhttp.MatchPathRE:
		if p.vague {
			return unknown
		}
		return p.asked(m)
	case *caddyhttp.MatchNot:
		switch c := p.sets(m.MatcherSets); c {
		case no:
			return yes
		case yes:
			return no
		default:
			return c
		}
	case *caddyhttp.MatchMethod, caddyhttp.MatchMethod,
		*caddyhttp.MatchHeader, caddyhttp.MatchHeader, *caddyhttp.MatchHeaderRE, caddyhttp.MatchHeaderRE,
		*caddyhttp.MatchProtocol, caddyhttp.MatchProtocol, *caddyhttp.MatchTLS, caddyhttp.MatchTLS,
		*caddyhttp.MatchRemoteIP, *caddyhttp.MatchClientIP:
		return assumed
	}
	return unknown
}

func (p *probe) path(m caddyhttp.MatchPath) certainty {
	patterns := resolved(m)
	if p.vague || slices.ContainsFunc(patterns, directive.HasPlaceholder) {
		return unknown
	}
	c := p.asked(m)
	if c == no {
		p.refused = append(p.refused, patterns...)
	}
	return c
}

// host: a placeholder of the request may stand for any.
func (p *probe) host(m caddyhttp.MatchHost) certainty {
	c := p.asked(m)
	if c == no && slices.ContainsFunc(resolved(m), directive.HasPlaceholder) {
		return unknown
	}
	return c
}

func (p *probe) asked(m caddyhttp.RequestMatcherWithError) certainty {
	match, err := m.MatchWithError(p.r)
	switch {
	case err != nil:
		return unknown
	case match:
		return yes
	}
	return no
}

// hasHost says whether the site may be that of an origin.
func (s *site) hasHost(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || len(s.origins) == 0 && len(s.vague) == 0 {
		return true
	}
	return slices.ContainsFunc(s.origins, func(o string) bool {
		own, err := url.Parse(o)
		return err == nil && strings.EqualFold(own.Hostname(), u.Hostname())
	}) || slices.ContainsFunc(s.vague, func(v string) bool { return covers(v, u.Hostname()) })
}

// advice names a prefix with which the request would have got there.
func (p *probe) advice(app *caddyhttp.App, members []any, origin string) string {
	for _, pattern := range p.refused {
		base, ok := strings.CutSuffix(pattern, "/*")
		if prefix := base + "/oidc"; ok && directive.CheckPrefix(prefix) == nil &&
			probeFor(app, members, nil, origin+prefix+"/callback").reached >= assumed {
			return "add to the auth_client: prefix " + prefix
		}
	}
	return "add to the auth_client a prefix that they do match, as in: prefix /x/oidc"
}
