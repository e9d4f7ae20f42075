package password

import (
	"errors"
	"testing"
)

func TestCheckStrength(t *testing.T) {
	own := []string{"ada", "ada.lovelace@analytical.example", "Ada", "Lovelace"}
	for pw, want := range map[string]error{
		"password":                        errWeak,
		"Password1!":                      errWeak,
		"P@ssw0rd":                        errWeak,
		"12345678":                        errWeak,
		"87654321":                        errWeak,
		"qwertyuiop":                      errWeak,
		"asdfghjk":                        errWeak,
		"aaaaaaaaaaaaa":                   errWeak,
		"abcdefgh":                        errWeak,
		"michael1985":                     errWeak,
		"iloveyou2":                       errWeak,
		"lovelaceada":                     errOwn,
		"Analytical2026":                  errOwn,
		"kV7#pq2x":                        nil,
		"8401957362":                      nil,
		"ich mag Bahnhof":                 nil,
		"correct horse battery":           nil,
		"ada and nine purple wheelbarrow": nil,
		"пароль и ещё кое-что":            nil,
	} {
		if err := CheckStrength(pw, own...); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v (%.0f guesses)", pw, err, want, guesses(pw, ownWords(own)))
		}
	}
}

// However long a password is, to estimate it ends.
func FuzzGuesses(f *testing.F) {
	f.Add("P@ssw0rd 2026", "ada@example.com")
	f.Fuzz(func(t *testing.T, pw, own string) {
		bare := guesses(pw, nil)
		if with := guesses(pw, ownWords([]string{own})); with > bare || with < 1 {
			t.Errorf("%q takes %g guesses, and %g for who knows %q", pw, bare, with, own)
		}
	})
}
