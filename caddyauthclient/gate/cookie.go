package gate

import (
	"net/http"
	"strings"

	"github.com/caddyito/caddyito/internal/owncookie"
)

// secretLen is the length of what store.NewSecret makes.
const secretLen = 43

// secretCookie is the value of the cookie name, if the request has exactly one
// and it has the form of a secret. Two of one name mean that someone who could
// set cookies for this host (another port, a sibling domain) tries to slip one
// in; which of them is ours cannot be told, so neither is.
func secretCookie(h http.Header, name string) (string, bool) {
	if value, ok := onlyCookie(h, name); ok && isSecret(value) {
		return value, true
	}
	value, found := "", false
	for _, line := range h["Cookie"] {
		for len(line) > 0 {
			var pair string
			pair, line = owncookie.Next(line)
			n, v := owncookie.Cut(pair)
			if n != name {
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

// onlyCookie is what the cookie of that name is set to if the request has no other, as
// most where the app sets none. It takes a fraction of the time.
func onlyCookie(h http.Header, name string) (string, bool) {
	lines := h["Cookie"]
	if len(lines) != 1 {
		return "", false
	}
	value, ok := strings.CutPrefix(lines[0], name)
	if !ok || value == "" || value[0] != '=' || strings.IndexByte(value, ';') >= 0 {
		return "", false
	}
	return value[1:], true
}

// removeCookies takes the cookies of gates and servers out of the request and
// leaves the others as they are: not only those of o, by which the request came.
// It says whether there were any that are not o's. The lines that h had are left as
// they are, for another gate.
func removeCookies(h http.Header, o *origin) (others bool) {
	if o != nil {
		if _, ok := onlyCookie(h, o.sessionCookie); ok {
			delete(h, "Cookie")
			return false
		}
	}
	kept, removed := owncookie.Without(h["Cookie"], func(name string) bool {
		others = others || o.isOthers(name)
		return o.isRemoved(name)
	})
	switch {
	case !removed:
	case len(kept) == 0:
		delete(h, "Cookie")
	default:
		h["Cookie"] = kept
	}
	return others
}

// isOthers says whether the name is that of a cookie of another gate, or of a server.
func (o *origin) isOthers(name string) bool {
	return owncookie.Named(name) && (o == nil || name != o.sessionCookie && name != o.browserCookie)
}

// isRemoved says whether the app is not to see the cookie of that name. One of a
// server behind the gate, at the same origin, is passed on: one in front of it has
// taken its own out.
func (o *origin) isRemoved(name string) bool {
	if o != nil && o.serverCookie != "" && strings.HasPrefix(name, o.serverCookie) {
		return name == o.sessionCookie || name == o.browserCookie
	}
	return owncookie.Named(name)
}

func isSecret(s string) bool {
	if len(s) != secretLen {
		return false
	}
	// No branch goes by a character: what is random, no processor foresees.
	all := byte(1)
	for i := range len(s) {
		all &= secretChars[s[i]]
	}
	return all == 1
}

// secretChars has 1 for every character of base64url.
var secretChars = func() (set [256]byte) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		set[c] = 1
	}
	return set
}()

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
