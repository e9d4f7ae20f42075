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
	others, _ = owncookie.Without(h["Cookie"], p.cookies.has)
	kept, areOthers := owncookie.Without(others, owncookie.Named)
	if len(kept) > 0 {
		h["Cookie"] = kept
	} else {
		delete(h, "Cookie")
	}
	if !areOthers {
		return nil
	}
	return others
}

func (n *cookieNames) has(name string) bool {
	return slices.Contains(n.all(), name)
}
