package provider

import (
	"slices"
	"strconv"
	"strings"
)

// mayBeAnsweredAt says whether a code may be sent to uri: it is registered, or
// it is that of a program on the person's own machine but for the port, which
// such a program gets from the system when it begins (RFC 8252 section 7.3).
// Only for public clients, and not for "localhost", which may be somebody
// else's (section 8.3).
func (c *client) mayBeAnsweredAt(uri string) bool {
	if redirectAllowed(c.RedirectURIs, uri) {
		return true
	}
	if !c.Public || strings.Contains(uri, "#") {
		return false
	}
	asked, ok := withoutLoopbackPort(uri)
	return ok && slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		without, ok := withoutLoopbackPort(registered)
		return ok && without == asked
	})
}

// withoutLoopbackPort is uri without its port, if its host is a loopback
// address. It goes by the letters: nothing is normalised, so nothing can be
// read in two ways.
func withoutLoopbackPort(uri string) (string, bool) {
	for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
		rest, ok := strings.CutPrefix(uri, host)
		if !ok {
			continue
		}
		if port, ok := strings.CutPrefix(rest, ":"); ok {
			rest = strings.TrimLeft(port, "0123456789")
			if n, err := strconv.ParseUint(port[:len(port)-len(rest)], 10, 16); err != nil || n == 0 {
				return "", false
			}
		}
		if rest != "" && rest[0] != '/' && rest[0] != '?' {
			return "", false
		}
		return host + rest, true
	}
	return "", false
}

// isWeb says whether a registered URI is not of a scheme of an app's own.
func isWeb(uri string) bool {
	uri = strings.ToLower(uri)
	return strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://")
}

// anyProgram says whether any program on the person's machine could ask as this
// client and take the answer: it shows no secret, and what is behind such a URI
// shows nothing either.
func (c *client) anyProgram(uri string) bool {
	_, loopback := withoutLoopbackPort(uri)
	return c.Public && (loopback || !isWeb(uri))
}
