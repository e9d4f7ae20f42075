package store

import (
	"fmt"
	"slices"
	"strings"
)

// Scopes are what a client can be granted (RFC 6749 section 3.3), in the order
// in which people read them.
func Scopes() []string {
	return []string{"openid", "profile", "email", "phone", "address", "groups", "read", "offline_access"}
}

// CheckScope says what is wrong with one that a client is to be limited to.
func CheckScope(name string) error {
	if slices.Contains(Scopes(), name) {
		return nil
	}
	return fmt.Errorf("there is no scope %q; there are: %s", name, strings.Join(Scopes(), ", "))
}
