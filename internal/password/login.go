package password

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/caddyito/caddyito/store"
)

// NormalUsername is the form in which a username (or an e-mail address, at a
// login) is stored and looked up: Unicode form NFKC, without surrounding space.
func NormalUsername(s string) string {
	return strings.TrimSpace(norm.NFKC.String(strings.ToValidUTF8(s, "\ufffd")))
}

// CanonicalLogin is the one spelling under which attempts to sign in are
// counted. Whatever spellings reach the same account have the same: it begins
// with what the store compares by, and goes on to fold case in full ("ß" is
// "ss") so that what looks alike is counted together. It is idempotent.
func CanonicalLogin(s string) string {
	// Folding can undo the normal form and the other way round. Two rounds
	// reach the end for every known character; the bound is for those to come.
	for range 8 {
		next := cases.Fold().String(store.CanonicalName(NormalUsername(s)))
		if next == s {
			break
		}
		s = next
	}
	return s
}
