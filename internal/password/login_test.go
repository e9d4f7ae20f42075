package password

import (
	"testing"
	"unicode/utf8"

	"github.com/caddyito/caddyito/store"
)

func TestCanonicalLogin(t *testing.T) {
	for _, same := range [][]string{
		{"ada", "ADA", " Ada\t", "\u00a0ada\u3000", "\uff21\uff24\uff21"}, // full width
		{"mississippi", "MISSISSIPPI", "m\u0130ssissippi"},                // the store lowers a dotted İ to i
		{"kelvin", "\u212aelvin"},
		{"caf\u00e9", "cafe\u0301", "CAFE\u0301"},
		{"strasse", "stra\u00dfe", "STRA\u1e9eE"},
		{"\u03c3\u03c3", "\u03a3\u03c2"}, // sigma, final sigma
		{"ada@example.com", "Ada@Example.COM"},
	} {
		for _, s := range same {
			if got := CanonicalLogin(s); got != same[0] {
				t.Errorf("CanonicalLogin(%q) = %q, want %q", s, got, same[0])
			}
		}
	}
	if CanonicalLogin("ada") == CanonicalLogin("adb") {
		t.Error("different names are the same")
	}
}

// What the store takes for one account must be counted as one, or a guesser
// has as many tries as there are spellings.
func TestEveryRuneIsCountedWithWhatTheStoreFinds(t *testing.T) {
	find := func(s string) string { return store.CanonicalName(NormalUsername(s)) }
	seen := map[string]string{}
	for r := rune(0); r < 0x30000; r++ { // beyond, nothing has case or another form
		if !utf8.ValidRune(r) {
			continue
		}
		s := "a" + string(r) + "b"
		canonical := CanonicalLogin(s)
		if before, ok := seen[find(s)]; ok && before != canonical {
			t.Errorf("U+%04X: found as %q, but counted as both %q and %q", r, find(s), before, canonical)
		}
		seen[find(s)] = canonical
		if again := CanonicalLogin(canonical); again != canonical {
			t.Errorf("U+%04X: %q becomes %q when asked again", r, canonical, again)
		}
	}
}

func FuzzCanonicalLogin(f *testing.F) {
	for _, s := range []string{"", "Ada", "\u00a8x", "a\u0345\u0301", "\u1e9e", "\xff", "\u0130", "\u03d3\u0345", "\u2000 x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		canonical := CanonicalLogin(s)
		if again := CanonicalLogin(canonical); again != canonical {
			t.Errorf("CanonicalLogin(%q) = %q, and of that %q", s, canonical, again)
		}
		normal := NormalUsername(s)
		if again := NormalUsername(normal); again != normal {
			t.Errorf("NormalUsername(%q) = %q, and of that %q", s, normal, again)
		}
		for _, spelling := range []string{normal, store.CanonicalName(normal)} {
			if other := CanonicalLogin(spelling); other != canonical {
				t.Errorf("CanonicalLogin(%q) = %q, but of %q %q", s, canonical, spelling, other)
			}
		}
	})
}
