package provider

import (
	"net/http"
	"strings"
)

// StripCookies takes the server's cookies out of a request that is not for the
// server: an app on the same host, which gets all cookies of that host, could
// use the session as the person whose it is. Other cookies stay as they are.
func (p *Provider) StripCookies(h http.Header) {
	lines := h["Cookie"]
	for i, line := range lines {
		// All names begin with that of the session.
		if !strings.Contains(line, p.cookies.session) {
			continue
		}
		var kept []string
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.Trim(pair, " \t")
			if name, _, _ := strings.Cut(pair, "="); pair != "" && !p.cookies.has(strings.Trim(name, " \t")) {
				kept = append(kept, pair)
			}
		}
		lines[i] = strings.Join(kept, "; ")
	}
	rest := lines[:0]
	for _, line := range lines {
		if line != "" {
			rest = append(rest, line)
		}
	}
	if len(rest) < len(lines) {
		if h["Cookie"] = rest; len(rest) == 0 {
			delete(h, "Cookie")
		}
	}
}

func (n *cookieNames) has(name string) bool {
	return name == n.session || name == n.csrf || name == n.device
}
