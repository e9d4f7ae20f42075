package gate

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyito/caddyito/internal/owncookie"
)

// origin is a scheme and host under which people reach the gate. Which one a
// request came by decides the redirect URI and the names of the cookies.
type origin struct {
	index  int
	url    string // "https://wiki.example.com", as browsers serialise it (RFC 6454 section 6.2)
	scheme string
	host   string // without the default port
	port   string // ":443", where it is the default one; "" otherwise
	// The cookies differ by gate also where gates differ by port only, for all
	// ports of a host share one jar (RFC 6265 section 8.5).
	sessionCookie, browserCookie string
	// serverCookie is how the names of the server's cookies begin, if the
	// server has the same origin; then it may stand behind the gate.
	serverCookie string
	redirectURI  string
}

func (o *origin) secure() bool { return o.scheme == "https" }

func newOrigins(c *Config) ([]origin, error) {
	if len(c.Origins) == 0 {
		return nil, fmt.Errorf("no origin is known for this gate: name the URL under which people reach it, as in `origin https://wiki.example.com`")
	}
	var list []origin
	for i, text := range c.Origins {
		u, err := url.Parse(strings.ToLower(text))
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" ||
			u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(u.Host, "*{} ") {
			return nil, fmt.Errorf("origin %q: must be a scheme and a host only, as in https://wiki.example.com", text)
		}
		o := origin{index: i, scheme: u.Scheme, host: u.Host}
		standard := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]
		if bare, ok := strings.CutSuffix(o.host, standard); ok && u.Port() != "" {
			o.host = bare
		}
		if !strings.Contains(strings.TrimPrefix(o.host, "["+u.Hostname()+"]"), ":") {
			o.port = standard
		}
		o.url = o.scheme + "://" + o.host
		o.redirectURI = o.url + c.Prefix + "/callback"
		name, server := owncookie.Mark+cookieToken(c.Name), owncookie.Mark+"server"
		if o.secure() {
			name, server = "__Host-"+name, "__Host-"+server
		}
		if issuer := strings.ToLower(c.Issuer); issuer == o.url || strings.HasPrefix(issuer, o.url+"/") {
			o.serverCookie = server
		}
		o.sessionCookie, o.browserCookie = name, name+"-browser"
		list = append(list, o)
	}
	return list, nil
}

// originOf is the one that r came by: of that host, and if two differ by
// scheme only, of its scheme. Nil if there is none: then nothing is known
// about who asks for what, and the request is refused.
func (g *Gate) originOf(r *http.Request) *origin {
	var found *origin
	for i := range g.origins {
		o := &g.origins[i]
		if !o.isHost(r.Host) {
			continue
		}
		if found == nil || o.scheme == g.cfg.Scheme(r) {
			found = o
		}
	}
	return found
}

func (o *origin) isHost(host string) bool {
	n := len(o.host)
	if len(host) < n || !equalFoldASCII(host[:n], o.host) {
		return false
	}
	return len(host) == n || host[n:] == o.port
}

// isOwnOrigin says whether an Origin header names this gate.
func (g *Gate) isOwnOrigin(header string) bool {
	for i := range g.origins {
		if g.origins[i].url == header {
			return true
		}
	}
	return false
}

func equalFoldASCII(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// cookieToken writes name so that it can be part of a cookie's name (RFC 6265
// section 4.1.1); no two names become one.
func cookieToken(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// originOfURL is the origin of an absolute URL, which was checked.
func originOfURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "'none'"
	}
	return u.Scheme + "://" + u.Host
}
