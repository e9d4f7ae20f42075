package provider

import (
	"net/http"
	"slices"

	"github.com/caddyito/caddyito/internal/owncookie"
)

// StripCookies takes the cookies of servers and gates out of a request that is not
// for the server: an app on the same host, which gets all cookies of that host,
// could use them as the person whose they are. Other cookies stay as they are. For a
// gate behind the server it returns what the lines were but for the server's own,
// nil if there is nothing in them that is another's.
func (p *Provider) StripCookies(h http.Header) (others []string) {
	lines := h["Cookie"]
	if !slices.ContainsFunc(lines, owncookie.In) {
		return nil
	}
	others = owncookie.AppendWithout(nil, lines, p.cookies.has)
	kept := owncookie.AppendWithout(lines[:0], others, owncookie.Named)
	if slices.Equal(kept, others) {
		others = nil
	}
	if h["Cookie"] = kept; len(kept) == 0 {
		delete(h, "Cookie")
	}
	return others
}

func (n *cookieNames) has(name string) bool {
	return slices.Contains(n.all(), name)
}
