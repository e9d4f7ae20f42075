package store

import (
	"slices"
	"strings"
)

// Scopes are what a client can be granted (RFC 6749 section 3.3), in the order
// in which people read them.
func Scopes() []string {
	return []string{"openid", "profile", "email", "phone", "address", "groups", "read", "offline_access"}
}

// IsAPIScope says whether a scope is of an API of the operator's own, which the
// server knows nothing of but that the client may ask for it: "invoices:read". It
// has a colon, as no other scope has, and is of the grammar of RFC 6749 section 3.3.
func IsAPIScope(name string) bool {
	odd := func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }
	return strings.Contains(name, ":") && len(name) <= 200 && !strings.ContainsFunc(name, odd)
}

// CheckScope says what is wrong with one that a client is to be limited to.
func CheckScope(name string) error {
	if slices.Contains(Scopes(), name) || IsAPIScope(name) {
		return nil
	}
	return Mistakef("there is no scope %q; there are: %s, and those of APIs of your own, which have a colon as in invoices:read", name, strings.Join(Scopes(), ", "))
}
