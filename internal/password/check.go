package password

import (
	"strings"
	"unicode/utf8"

	"github.com/caddyito/caddyito/internal/lang"
)

// MinLength is the shortest new password, in characters.
const MinLength = 8

var (
	errTooShort = lang.Err("is too short; it must have at least %d characters", MinLength)
	errTooLong  = lang.Err("is too long; it must have at most %d bytes", MaxLength)
	errNotText  = lang.Err("holds something that is not text; please type it again")
	errBlank    = lang.Err("must not be only spaces")
)

// Check says what is wrong with a new password, in words that follow the name of
// the field, as those of a store.Problem do.
func Check(pw string) error {
	switch {
	case len(pw) > MaxLength:
		return errTooLong
	case !utf8.ValidString(pw):
		return errNotText
	case utf8.RuneCountInString(pw) < MinLength:
		return errTooShort
	case strings.TrimSpace(pw) == "":
		return errBlank
	}
	return nil
}
