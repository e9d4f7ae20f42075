package webpage

import (
	"strings"
	"testing"
)

func TestFormSource(t *testing.T) {
	for target, want := range map[string]string{
		"https://app.example.com/cb?x=1":  "https:",
		"https://bücher.example/":         "https:",
		"http://app.example.com/cb?x=1":   "http://app.example.com",
		"http://APP.example.com":          "http://app.example.com",
		"http://localhost:9081/oidc/":     "http://localhost:9081",
		"http://[::1]:8080/cb":            "http:", // there is no way to write the address
		"http://user:pass@example.com/":   "http://example.com",
		"com.example.app:/callback":       "com.example.app:",
		"":                                "",
		"/relative":                       "",
		"//example.com/":                  "",
		"javascript:alert(1)":             "",
		"data:text/html,x":                "",
		"http://*/":                       "",
		"http://*.example.com/":           "",
		"http://a;script-src *":           "",
		"http://a,b/":                     "",
		"http://a b/":                     "",
		"http://a'unsafe-inline'/":        "",
		"http:///nohost":                  "",
		"http://example.com\r\nX-Evil: 1": "",
		"http://bücher.example/":          "", // must be registered as xn--
	} {
		if got := formSource(target); got != want {
			t.Errorf("formSource(%q) = %q, want %q", target, got, want)
		}
	}
}

func FuzzFormSource(f *testing.F) {
	for _, s := range []string{"https://a.example/cb", "http://[::1]:1/", "app:/x", "https://a;b", "x'y:z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if got := formSource(target); strings.ContainsAny(got, " ;,'\"*\r\n\t<>") {
			t.Errorf("formSource(%q) = %q writes policy", target, got)
		}
		if got := frameSource(target); strings.ContainsAny(got, " ;,'\"*\r\n\t<>") {
			t.Errorf("frameSource(%q) = %q writes policy", target, got)
		}
		want := 5
		if frameSource(target) != "" {
			want++
		}
		if n := strings.Count(policy("'x'", "", false, []string{target}, []string{target}), ";"); n != want {
			t.Errorf("%q changes the number of directives to %d", target, n+1)
		}
	})
}
