package authapp

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// site is where a member stands in the HTTP config.
type site struct {
	// origins under which people reach it, "https://wiki.example.com", sorted.
	origins []string
	// vague are hosts that are no origin: with a wildcard or placeholder.
	vague []string
	// listen are the addresses of its servers, for messages.
	listen []string
}

func (s site) String() string {
	switch {
	case len(s.origins) > 0:
		return strings.Join(s.origins, ", ")
	case len(s.vague) > 0:
		return strings.Join(s.vague, ", ")
	case len(s.listen) > 0:
		return "the site at " + strings.Join(s.listen, ", ")
	}
	return "a site that was not found"
}

// sites are where the members stand, by member.
type sites map[any]*site

// findSites walks the provisioned config. Origins come from there and never
// from a request, whose Host anyone can forge.
func findSites(app *caddyhttp.App, members []any) sites {
	w := walk{app: app, found: sites{}}
	for _, m := range members {
		w.found[m] = &site{}
	}
	for _, name := range slices.Sorted(maps.Keys(app.Servers)) {
		w.server = app.Servers[name]
		w.invoked = map[string]bool{}
		w.routes(w.server.Routes, anyHost)
		if w.server.Errors != nil {
			w.routes(w.server.Errors.Routes, anyHost)
		}
	}
	for _, s := range w.found {
		s.origins = sortedSet(s.origins)
		s.vague = sortedSet(s.vague)
		s.listen = sortedSet(s.listen)
	}
	return w.found
}

type walk struct {
	app     *caddyhttp.App
	found   sites
	server  *caddyhttp.Server
	invoked map[string]bool // named routes on the way down, which may go round
}

// hosts are those that a route is reached by; nil is any.
type hosts []string

var anyHost hosts

func (w *walk) routes(routes caddyhttp.RouteList, h hosts) {
	for i := range routes {
		w.route(&routes[i], h)
	}
}

func (w *walk) route(r *caddyhttp.Route, h hosts) {
	inner, ok := h.narrow(r.MatcherSets)
	if !ok {
		return
	}
	for _, handler := range r.Handlers {
		switch handler := handler.(type) {
		case *caddyhttp.Subroute:
			w.routes(handler.Routes, inner)
			if handler.Errors != nil {
				w.routes(handler.Errors.Routes, inner)
			}
		case *caddyhttp.Invoke:
			named := w.server.NamedRoutes[handler.Name]
			if named != nil && !w.invoked[handler.Name] {
				w.invoked[handler.Name] = true
				w.route(named, inner)
				w.invoked[handler.Name] = false
			}
		default:
			w.member(handler, inner)
		}
	}
}

// member notes where handler stands, if it is one of those looked for.
func (w *walk) member(handler caddyhttp.MiddlewareHandler, h hosts) {
	for m, s := range w.found {
		if !same(m, handler) {
			continue
		}
		for _, listen := range w.server.Listen {
			s.listen = append(s.listen, listen)
			addr, err := caddy.ParseNetworkAddress(listen)
			if err != nil || addr.IsUnixNetwork() || addr.IsFdNetwork() {
				continue // nobody's browser gets there by such an address
			}
			for offset := range addr.PortRangeSize() {
				for _, host := range h {
					s.add(host, w.origin(host, int(addr.StartPort+offset)))
				}
			}
		}
	}
}

func (s *site) add(host, origin string) {
	if strings.ContainsAny(host, "*{") {
		s.vague = append(s.vague, host)
		return
	}
	s.origins = append(s.origins, origin)
}

// origin of a host at a port of the server, as a browser spells it. Caddy's own
// https port, whichever it is, counts as 443 outside, and its http port as 80.
func (w *walk) origin(host string, port int) string {
	httpPort, httpsPort := w.app.HTTPPort, w.app.HTTPSPort
	if httpPort == 0 {
		httpPort = caddyhttp.DefaultHTTPPort
	}
	if httpsPort == 0 {
		httpsPort = caddyhttp.DefaultHTTPSPort
	}
	host = strings.ToLower(host)
	if strings.Contains(host, ":") {
		host = "[" + strings.Trim(host, "[]") + "]" // IPv6
	}
	// As Caddy decides when it starts the listener.
	if len(w.server.TLSConnPolicies) > 0 && port != httpPort {
		if port == httpsPort {
			return "https://" + host
		}
		return "https://" + host + ":" + strconv.Itoa(port)
	}
	if port == httpPort {
		return "http://" + host
	}
	return "http://" + host + ":" + strconv.Itoa(port)
}

// narrow applies a route's matchers. A matcher set holds where all of its
// matchers do, a route where one of its sets does. False: nothing gets there.
func (h hosts) narrow(sets caddyhttp.MatcherSets) (hosts, bool) {
	if len(sets) == 0 {
		return h, true
	}
	var union hosts
	reached := false
	for _, set := range sets {
		inSet := h
		for _, m := range set {
			var names []string
			switch m := m.(type) {
			case *caddyhttp.MatchHost:
				names = *m
			case caddyhttp.MatchHost:
				names = m
			default:
				continue
			}
			inSet = inSet.intersect(resolved(names))
		}
		switch {
		case inSet == nil:
			return anyHost, true // one set lets every host in
		case len(inSet) > 0:
			reached = true
			union = append(union, inSet...)
		}
	}
	return union, reached
}

// resolved replaces the placeholders that are the same for every request, such
// as {env.SITE}.
func resolved(names []string) []string {
	repl := caddy.NewReplacer()
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = repl.ReplaceKnown(name, "")
	}
	return out
}

// intersect never returns nil: no host is not any host.
func (h hosts) intersect(names []string) hosts {
	if h == nil {
		return append(hosts{}, names...)
	}
	out := hosts{}
	for _, a := range h {
		for _, b := range names {
			switch {
			case covers(a, b):
				out = append(out, b)
			case covers(b, a):
				out = append(out, a)
			}
		}
	}
	return out
}

// covers says whether every host that name matches is matched by pattern, in
// which a label may be a wildcard. A placeholder covers only itself.
func covers(pattern, name string) bool {
	if strings.EqualFold(pattern, name) {
		return true
	}
	p, n := strings.Split(pattern, "."), strings.Split(name, ".")
	if len(p) != len(n) {
		return false
	}
	for i := range p {
		if p[i] != "*" && !strings.EqualFold(p[i], n[i]) {
			return false
		}
	}
	return true
}

// same compares by identity. Members are pointers, so the comparison of
// interfaces cannot meet an incomparable type.
func same(member any, handler caddyhttp.MiddlewareHandler) bool {
	return member == any(handler)
}

func sortedSet(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// hostOf is the host of an origin, with the port unless it is the scheme's own.
func hostOf(origin string) (string, error) {
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok || host == "" || strings.ContainsAny(host, "/?#@") || scheme != "http" && scheme != "https" {
		return "", fmt.Errorf("origin %q: an origin is a scheme and a host, as in https://wiki.example.com", origin)
	}
	name, port, err := net.SplitHostPort(host)
	if err == nil && (scheme == "https" && port == "443" || scheme == "http" && port == "80") {
		return name, nil
	}
	return host, nil
}
