package gate

import (
	"fmt"
	"net/url"
	"slices"

	"golang.org/x/net/http/httpguts"

	"github.com/caddyito/caddyito/usersync"
)

// DefaultPrefix of the gate's own paths.
const DefaultPrefix = "/oidc"

// Ambiguous says whether software behind the gate might read the path of u as
// another one. Whoever decides by path whether the gate is asked at all must
// ask it then.
func (g *Gate) Ambiguous(u *url.URL) bool { return ambiguous(u) }

// Check says what is wrong with the header.
func (h Header) Check() error {
	switch {
	case !httpguts.ValidHeaderFieldName(h.Name):
		return fmt.Errorf("header %q: not a name of a header", h.Name)
	case len(h.Name) > 63:
		return fmt.Errorf("header %q: longer than 63 characters", h.Name)
	case slices.Contains(reservedHeaders, foldHeader(h.Name)):
		return fmt.Errorf("header %q: HTTP uses it itself; choose another", h.Name)
	case !fieldGrammar.MatchString(h.Field):
		return fmt.Errorf("header %q: %q is not a field of a user, as in username or company.name", h.Name, h.Field)
	}
	return nil
}

// SameAs says whether software may take one header for the other: names differ
// by case, or by what is neither letter nor digit, only.
func (h Header) SameAs(o Header) bool { return foldHeader(h.Name) == foldHeader(o.Name) }

// CheckPath says what is wrong with a path of Public or of a Rule.
func CheckPath(s string) error { return checkPattern(s) }

// CheckSyncs says what is wrong with secret as that of a gate that the server syncs with.
func CheckSyncs(secret string) error {
	if len(secret) < usersync.MinSecret {
		return fmt.Errorf("offline needs a server that syncs with this gate, and for that a client_secret of at least %d bytes", usersync.MinSecret)
	}
	return nil
}

// CheckField says what is wrong with name as that of a field of a user, also
// into relations.
func CheckField(name string) error {
	if !fieldGrammar.MatchString(name) {
		return fmt.Errorf("%q is not a field of a user, as in is_staff or company.name", name)
	}
	return nil
}
