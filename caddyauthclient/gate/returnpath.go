package gate

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxReturn is how long an address to return to may be: longer than that, the
// query is dropped, and then the path.
const maxReturn = 2 << 10

// returnPath is the path and query that r asked for, to come back to after
// signing in.
func (g *Gate) returnPath(r *http.Request) string {
	u := g.cfg.OriginalURL(r)
	path := u.EscapedPath()
	full := path
	if u.RawQuery != "" {
		full += "?" + escapeQuery(u.RawQuery)
	}
	for _, s := range [...]string{full, path} {
		if len(s) <= maxReturn && g.isLocal(s) {
			return s
		}
	}
	return "/"
}

// askedReturn is the return parameter of /oidc/login, if it passes the same
// check.
func (g *Gate) askedReturn(r *http.Request) string {
	if s := r.URL.Query().Get("return"); len(s) <= maxReturn && g.isLocal(s) {
		return s
	}
	return "/"
}

// isLocal says whether s, as a Location, stays at this origin in every browser
// and behind every proxy that decodes once more than it should; and does not
// lead to one of the gate's own paths, which would go round in circles.
func (g *Gate) isLocal(s string) bool {
	if len(s) == 0 || s[0] != '/' {
		return false
	}
	for i := range len(s) {
		// Browsers drop tab, CR and LF, and read a backslash as a slash (URL
		// standard, basic URL parser).
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '\\' || c == '#' {
			return false
		}
	}
	path, _, _ := strings.Cut(s, "?")
	if strings.HasPrefix(path, g.cfg.Prefix+"/") {
		return false
	}
	decoded, err := url.PathUnescape(path)
	if err != nil || ambiguous(&url.URL{Path: decoded}) {
		return false
	}
	for range 4 {
		if strings.Contains(path, "//") || strings.Contains(path, `\`) || !utf8.ValidString(path) ||
			strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return false
		}
		decoded := decodeLeniently(path)
		if decoded == path {
			return true
		}
		path = decoded
	}
	return false // encoded more often than anyone means it
}

// decodeLeniently decodes what is well formed and leaves the rest, as lax
// software does.
func decodeLeniently(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			c, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			b = append(b, byte(c))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// escapeQuery writes a query so that it can stand in an address: net/http takes
// bytes that browsers read otherwise.
func escapeQuery(q string) string {
	const hex = "0123456789ABCDEF"
	needs := func(c byte) bool { return c <= ' ' || c >= 0x7f || strings.IndexByte("\\\"#<>`", c) >= 0 }
	n := 0
	for i := range len(q) {
		if needs(q[i]) {
			n++
		}
	}
	if n == 0 {
		return q
	}
	b := make([]byte, 0, len(q)+2*n)
	for i := range len(q) {
		if c := q[i]; needs(c) {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}
