package store

import (
	"encoding/base64"
	"testing"
)

func TestNewSecret(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		s := NewSecret()
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || len(b) != 32 || len(s) != 43 {
			t.Fatalf("%q is not 32 bytes in base64url: %v", s, err)
		}
		if seen[s] {
			t.Fatalf("%q came twice", s)
		}
		seen[s] = true
		if HashOf(s) == HashOf(s[:42]) {
			t.Fatal("two secrets have one hash")
		}
	}
}
