package registration

import (
	"net/url"
	"strings"
	"testing"
)

func FuzzCheckRedirect(f *testing.F) {
	for _, s := range []string{"https://wiki.example.com/cb", "http://[::1]:8400/cb?x=1", "//evil", "https:/x", "javascript://x/%0aalert(1)", "https://a@b/c", "https://x#", "HTTPS://X/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if CheckRedirect(s) != nil {
			return
		}
		lower := strings.ToLower(s)
		if !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "http://") || strings.ContainsAny(s, "#*\r\n") {
			t.Errorf("CheckRedirect lets %q pass", s)
		}
	})
}

func TestCheckPublicRedirect(t *testing.T) {
	for _, s := range []string{"com.example.app:/cb", "com.example.app://cb/x?y=1", "com.example.app:cb", "http://127.0.0.1/cb", "http://[::1]/cb", "https://spa.example.com/cb"} {
		if err := CheckPublicRedirect(s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"javascript:alert(1.5)", "data:text/html,a.b", "vbscript:x", "file:///etc/x.y", "blob:x.y", "myapp:/cb", "about:blank",
		"com.example.app:", "com.example.app:/cb#x", "com.example.app:/*", "com.example.app:/c b", "com.example.app:/<b>", "com.example.app://me@x/", "/cb", "", "//x.y/cb", "https:/x"} {
		if CheckPublicRedirect(s) == nil {
			t.Errorf("%q passes", s)
		}
	}
}

// A redirect URI has one origin, as a browser writes it, or none.
func FuzzWebOrigin(f *testing.F) {
	for _, s := range []string{"https://app.example.com/cb", "HTTPS://App.example.com:443", "http://[::1]:80/", "http://localhost:5173/cb?x#y", "com.example.app:/cb", "https://a@b:1/", "https://:443/", "https://x:/", "https:///x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		origin := WebOrigin(uri)
		if origin == "" {
			return
		}
		u, err := url.Parse(origin)
		if err != nil || WebOrigin(origin) != origin || u.Path != "" || u.User != nil || u.RawQuery != "" || u.Hostname() == "" ||
			u.Scheme != "https" && u.Scheme != "http" || strings.HasSuffix(origin, ":") {
			t.Fatalf("%q has origin %q", uri, origin)
		}
		from, err := url.Parse(uri)
		if err != nil || !strings.EqualFold(from.Hostname(), u.Hostname()) {
			t.Fatalf("%q has origin %q", uri, origin)
		}
	})
}
