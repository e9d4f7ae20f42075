package gate

import (
	"net/http"
	"strings"
)

// secretLen is the length of what store.NewSecret makes.
const secretLen = 43

// secretCookie is the value of the cookie name, if the request has exactly one
// and it has the form of a secret. Two of one name mean that someone who could
// set cookies for this host (another port, a sibling domain) tries to slip one
// in; which of them is ours cannot be told, so neither is.
func secretCookie(h http.Header, name string) (string, bool) {
	value, found := "", false
	for _, line := range h["Cookie"] {
		for len(line) > 0 {
			var pair string
			pair, line = nextCookie(line)
			n, v, isPair := cutPair(pair)
			if !isPair || n != name {
				continue
			}
			if found {
				return "", false
			}
			value, found = v, true
		}
	}
	if !found || !isSecret(value) {
		return "", false
	}
	return value, true
}

// cookieMark begins the names of the cookies of all gates and servers, perhaps
// after "__Host-".
const cookieMark = "caddyito-"

func isOfGateOrServer(name string) bool {
	return strings.HasPrefix(strings.TrimPrefix(name, "__Host-"), cookieMark)
}

// removeCookies takes the cookies of gates and servers out of the request and
// leaves the others as they are, byte for byte. Not only those of o, by which
// the request came: all ports of a host share one jar (RFC 6265 section 8.5),
// also on https, and an app could use what it is sent. It says whether there
// were any that are not o's; then the lines of h are left as they are, for
// another gate, and h has new ones.
func removeCookies(h http.Header, o *origin) (others bool) {
	lines := h["Cookie"]
	found := false
	for _, line := range lines {
		if !strings.Contains(line, cookieMark) {
			continue
		}
		found = true
		for rest := line; len(rest) > 0 && !others; {
			var pair string
			pair, rest = nextCookie(rest)
			others = o.isOthers(pair)
		}
	}
	if !found {
		return false
	}
	kept := lines[:0]
	if others {
		kept = nil
	}
	for _, line := range lines {
		if line = withoutCookies(line, o); line != "" {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
	} else {
		h["Cookie"] = kept
	}
	return others
}

// isOthers says whether the pair is a cookie of another gate, or of a server.
func (o *origin) isOthers(pair string) bool {
	name, _, _ := cutPair(pair)
	return isOfGateOrServer(name) && (o == nil || name != o.sessionCookie && name != o.browserCookie)
}

// isRemoved says whether the pair is a cookie that the app is not to see. That
// of a server behind the gate, at the same origin, is passed on: one in front of
// it has taken its own out.
func (o *origin) isRemoved(pair string) bool {
	name, _, _ := cutPair(pair)
	if o != nil && o.serverCookie != "" && strings.HasPrefix(name, o.serverCookie) {
		return name == o.sessionCookie || name == o.browserCookie
	}
	return isOfGateOrServer(name)
}

func withoutCookies(line string, o *origin) string {
	if !strings.Contains(line, cookieMark) {
		return line
	}
	var kept []byte
	begun, removed := false, false
	for rest := line; len(rest) > 0; {
		var pair string
		pair, rest = nextCookie(rest)
		if o.isRemoved(pair) {
			removed = true
			continue
		}
		if begun {
			kept = append(kept, ';')
		} else if removed {
			pair = strings.TrimLeft(pair, " \t")
		}
		if kept == nil {
			kept = make([]byte, 0, len(line))
		}
		kept = append(kept, pair...)
		begun = true
	}
	if !removed {
		return line
	}
	return string(kept)
}

// nextCookie cuts the first name=value pair off a Cookie header.
func nextCookie(line string) (pair, rest string) {
	if i := strings.IndexByte(line, ';'); i >= 0 {
		return line[:i], line[i+1:]
	}
	return line, ""
}

func cutPair(pair string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(pair, "=")
	return trimSpace(name), trimSpace(value), ok
}

// trimSpace takes away what those who read cookies do.
func trimSpace(s string) string {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isSecret(s string) bool {
	if len(s) != secretLen {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// setCookie sets one of the gate's cookies; an empty value takes it away. The
// names on https begin with __Host-, which binds the browser to Secure, Path=/
// and no Domain (RFC 6265bis section 4.1.3.2).
func (o *origin) setCookie(w http.ResponseWriter, name, value string) {
	var b strings.Builder
	b.Grow(len(name) + len(value) + 64)
	b.WriteString(name)
	b.WriteByte('=')
	b.WriteString(value)
	b.WriteString("; Path=/; HttpOnly; SameSite=Lax")
	if o.secure() {
		b.WriteString("; Secure")
	}
	if value == "" {
		b.WriteString("; Max-Age=0")
	}
	w.Header()["Set-Cookie"] = append(w.Header()["Set-Cookie"], b.String())
}
