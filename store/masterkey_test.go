package store

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestMasterKey(t *testing.T) {
	k := NewMasterKey()
	got, err := ParseMasterKey(" " + k.Encode() + "\n")
	if err != nil || got != k {
		t.Errorf("a key does not survive its file: %v", err)
	}
	for _, bad := range []string{"", "x", k.Encode()[1:], k.Encode() + "A", k.Encode() + "=", strings.Repeat("!", 43), k.Encode()[:20] + "\n" + k.Encode()[20:40]} {
		if _, err := ParseMasterKey(bad); err == nil {
			t.Errorf("%q was taken for a key", bad)
		} else if bad != "" && len(bad) > 5 && strings.Contains(err.Error(), bad) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if shown := fmt.Sprintf(format, k); shown != "MasterKey(hidden)" {
			t.Errorf("%s shows the key: %s", format, shown)
		}
		if shown := fmt.Sprintf(format, struct{ K MasterKey }{k}); strings.Contains(shown, k.Encode()) || !strings.Contains(shown, "hidden") {
			t.Errorf("%s shows the key in a struct: %s", format, shown)
		}
	}
}

func TestSeal(t *testing.T) {
	k := NewMasterKey()
	secret := []byte("secret")
	sealed := k.Seal("a", secret)
	if again := k.Seal("a", secret); bytes.Equal(sealed, again) {
		t.Error("sealing twice gives the same: the nonce is not fresh")
	}
	if bytes.Contains(sealed, secret) {
		t.Error("what is sealed can be read")
	}
	if got, err := k.Open("a", sealed); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("opening: %q, %v", got, err)
	}
	if _, err := k.Open("b", sealed); err == nil {
		t.Error("it opened for another purpose")
	}
	if _, err := NewMasterKey().Open("a", sealed); err == nil {
		t.Error("it opened with another key")
	}
	for i := range sealed {
		bent := bytes.Clone(sealed)
		bent[i] ^= 1
		if _, err := k.Open("a", bent); err == nil {
			t.Errorf("it opened with byte %d changed", i)
		}
		if _, err := k.Open("a", sealed[:i]); err == nil {
			t.Errorf("it opened cut to %d bytes", i)
		}
	}
	if first, again := k.Derive("a"), k.Derive("a"); first == k.Derive("b") || first != again {
		t.Error("a purpose always gives the same key, and no other does")
	}
	if k.Derive("a") == [32]byte(k) {
		t.Error("a derived key is the master key")
	}
}

func FuzzParseMasterKey(f *testing.F) {
	f.Add(MasterKey{}.Encode())
	f.Add(" \t" + NewMasterKey().Encode() + "\r\n")
	f.Add("")
	f.Add(strings.Repeat("A", 42) + "B")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseMasterKey(s)
		if err != nil {
			return
		}
		if again, err := ParseMasterKey(k.Encode()); err != nil || again != k {
			t.Errorf("%q is a key that does not survive its own form: %v", s, err)
		}
	})
}
