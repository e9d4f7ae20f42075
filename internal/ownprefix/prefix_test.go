package ownprefix

import (
	"net/url"
	"path"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, s := range []string{"/o", "/oidc", "/x/oidc", "/.auth", "/v1.2/~auth-x_y", "/..."} {
		if err := Check(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", "/", "//", "o", "/o/", "/o//x", "/./o", "/o/..", "/o x", "/o%2f", "/ö", "/o?x", "/o#x", "/o;x", "/o*", "/{x}", "/o\\x", "/o\x00"} {
		if Check(s) == nil {
			t.Errorf("%q passes", s)
		}
	}
}

// What passes has one reading.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"/o", "/x/../y", "//x", "/%6f", "/o/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if Check(s) != nil {
			return
		}
		if u, err := url.Parse("http://h" + s); err != nil || u.Path != s || u.EscapedPath() != s || path.Clean(s) != s {
			t.Errorf("%q passes", s)
		}
	})
}
