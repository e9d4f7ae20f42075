package password

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func listOf(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every password of a list is found, and none that is not, wherever it stands, with
// and without counts, and however lines end.
func TestBreached(t *testing.T) {
	var hashes []string
	for i := range 500 {
		hashes = append(hashes, fmt.Sprintf("%X", sha1.Sum(fmt.Appendf(nil, "password %d", i))))
	}
	slices.Sort(hashes)
	for name, text := range map[string]string{
		"counts":         strings.Join(hashes, ":12\n") + ":1234567",
		"Windows":        strings.Join(hashes, ":3\r\n") + ":3\r\n",
		"hashes alone":   strings.Join(hashes, "\n") + "\n",
		"in lower case":  strings.ToLower(strings.Join(hashes, "\n")),
		"only the first": hashes[0] + "\n",
	} {
		b, err := OpenBreached(listOf(t, text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer b.Close()
		for i := range 1000 {
			pw := fmt.Sprintf("password %d", i)
			var want error
			if strings.Contains(strings.ToUpper(text), fmt.Sprintf("%X", sha1.Sum([]byte(pw)))) {
				want = ErrKnown
			}
			if err := b.Check(pw); !errors.Is(err, want) || want == nil && err != nil {
				t.Errorf("%s, %q: %v, want %v", name, pw, err, want)
			}
		}
	}
}

func TestNotAListOfBreachedPasswords(t *testing.T) {
	a, b := strings.Repeat("A", 40), strings.Repeat("B", 40)
	for name, text := range map[string]string{
		"empty":         "",
		"of clear text": "123456\npassword\n",
		"not in order":  b + ":1\n" + a + ":2\n",
		"one long line": strings.Repeat("A", 10_000),
		"of SHA-256":    strings.Repeat("A", 64) + "\n",
	} {
		if _, err := OpenBreached(listOf(t, text)); err == nil || !strings.Contains(err.Error(), "haveibeenpwned.com") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenBreached(t.TempDir()); err == nil {
		t.Error("a folder was opened as a list")
	}
}

func FuzzBreached(f *testing.F) {
	f.Add(strings.Repeat("A", 40)+":1\n"+strings.Repeat("B", 40)+":2\n", "password")
	f.Fuzz(func(t *testing.T, text, pw string) {
		b, err := OpenBreached(listOf(t, text))
		if err != nil {
			return
		}
		defer b.Close()
		if err := b.Check(pw); errors.Is(err, ErrKnown) && !strings.Contains(strings.ToUpper(text), fmt.Sprintf("%X", sha1.Sum([]byte(pw)))) {
			t.Errorf("%q is said to be in %q", pw, text)
		}
	})
}
