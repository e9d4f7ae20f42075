package password

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// MinLength is the shortest new password, in characters.
const MinLength = 8

var (
	errTooShort = errors.New("The password is too short. It must have at least 8 characters.")
	errTooLong  = errors.New("The password is too long. It must have at most 1024 bytes.")
	errNotText  = errors.New("The password holds something that is not text. Please type it again.")
	errBlank    = errors.New("The password must not be only spaces.")
)

// Check says what is wrong with a new password, in words for the person who
// chose it.
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
