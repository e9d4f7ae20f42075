package provider

import (
	"crypto/rand"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// userCodeLetters are those of a user code (RFC 8628 section 6.1): no vowels, so
// that no words come out, and none that looks like a digit. Eight make 34 bits.
const (
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLength  = 8
)

// newUserCode is a code as people see it, WDJB-MJHT say.
func newUserCode() string {
	code := make([]byte, 0, userCodeLength)
	for len(code) < userCodeLength {
		var b [1]byte
		rand.Read(b[:])                                     // never fails (crypto/rand)
		if n := len(userCodeLetters); int(b[0]) < 256/n*n { // each letter as likely as the next
			code = append(code, userCodeLetters[int(b[0])%n])
		}
	}
	return hyphenated(code)
}

// parseUserCode reads what a person typed: in any case, and with whatever spaces
// and hyphens. It returns the code as newUserCode has it.
func parseUserCode(typed string) (code string, ok bool) {
	if len(typed) > 100 {
		return "", false
	}
	var letters []byte
	for _, c := range norm.NFKC.String(typed) { // full-width letters too
		c = unicode.ToUpper(c)
		switch {
		case c < unicode.MaxASCII && strings.ContainsRune(userCodeLetters, c):
			letters = append(letters, byte(c))
		case unicode.IsSpace(c), unicode.Is(unicode.Pd, c):
		default:
			return "", false
		}
	}
	if len(letters) != userCodeLength {
		return "", false
	}
	return hyphenated(letters), true
}

func hyphenated(letters []byte) string {
	return string(letters[:userCodeLength/2]) + "-" + string(letters[userCodeLength/2:])
}
