package password

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// MinLength is the shortest new password, in characters.
const MinLength = 8

var (
	errTooShort = errors.New("is too short; it must have at least 8 characters")
	errTooLong  = errors.New("is too long; it must have at most 1024 bytes")
	errNotText  = errors.New("holds something that is not text; please type it again")
	errBlank    = errors.New("must not be only spaces")
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
