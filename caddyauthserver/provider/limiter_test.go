package provider

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What a stranger sends is remembered a number of times, so each must be short.
func TestLimiterKeysAreShort(t *testing.T) {
	p := &Provider{}
	p.ClientIP = func(r *http.Request) string { return strings.Repeat("2001:db8::", 1000) }
	r := httptest.NewRequest("POST", "/o/login", nil)
	keys := map[string]bool{}
	// The first is one character that NFKC makes eighteen.
	for _, name := range []string{strings.Repeat("\ufdfa", 341), strings.Repeat("a", 1024), strings.Repeat("b", 1024), strings.Repeat("x", 5000)} {
		attempts, _ := p.attemptsOf(r, name, nil)
		for _, a := range attempts {
			if len(a.key) > 64 {
				t.Errorf("a key of %d bytes for %.20q", len(a.key), name)
			}
			if a.limit == accountLimit {
				keys[a.key] = true
			}
		}
	}
	if len(keys) != 4 {
		t.Errorf("four names are counted as %d", len(keys))
	}
}
