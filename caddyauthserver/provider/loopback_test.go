package provider

import (
	"net/url"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

func TestMayBeAnsweredAt(t *testing.T) {
	uris := []string{
		"http://127.0.0.1/cb", "http://[::1]/cb", "http://127.0.0.1:8400/fixed?x=1", "http://localhost/cb",
		"com.example.app:/cb", "https://spa.example.com/cb", "http://127.0.0.2/cb",
	}
	for uri, want := range map[string]struct{ public, confidential bool }{
		"http://127.0.0.1/cb":                {true, true},
		"http://127.0.0.1:49152/cb":          {true, false},
		"http://127.0.0.1:65535/cb":          {true, false},
		"http://[::1]:49152/cb":              {true, false},
		"http://127.0.0.1/fixed?x=1":         {true, false},
		"http://127.0.0.1:1/fixed?x=1":       {true, false},
		"com.example.app:/cb":                {true, true},
		"https://spa.example.com/cb":         {true, true},
		"http://localhost/cb":                {true, true},
		"http://localhost:49152/cb":          {},
		"http://127.0.0.2:49152/cb":          {},
		"https://127.0.0.1:49152/cb":         {},
		"http://127.0.0.1:0/cb":              {},
		"http://127.0.0.1:65536/cb":          {},
		"http://127.0.0.1:/cb":               {},
		"http://127.0.0.1:x/cb":              {},
		"http://127.0.0.1:80@evil.test/cb":   {},
		"http://127.0.0.1@evil.test/cb":      {},
		"http://127.0.0.1.evil.test/cb":      {},
		"http://127.0.0.1:80.evil.test/cb":   {},
		"http://127.0.0.1:80\\@evil.test/cb": {},
		"http://127.0.0.1:49152/cb/":         {},
		"http://127.0.0.1:49152/cb?x":        {},
		"http://127.0.0.1:49152/cb#x":        {},
		"http://127.0.0.1:49152/CB":          {},
		"http://127.0.0.1:49152/x/../cb":     {},
		"HTTP://127.0.0.1:49152/cb":          {},
		"com.example.app:/cb2":               {},
		"com.example.app://cb":               {},
		"https://spa.example.com:8443/cb":    {},
		"":                                   {},
	} {
		for _, public := range []bool{true, false} {
			c := &client{Client: store.Client{ClientSettings: store.ClientSettings{Public: public, RedirectURIs: uris}}}
			if got := c.mayBeAnsweredAt(uri); got != (public && want.public || !public && want.confidential) {
				t.Errorf("public %v, %q: %v", public, uri, got)
			}
		}
	}
}

// Whatever passes besides what is registered is on this very machine.
func FuzzMayBeAnsweredAt(f *testing.F) {
	for _, s := range []string{"http://127.0.0.1:1/cb", "http://[::1]:2/cb", "http://127.0.0.1:80@evil/cb", "http://127.0.0.1:80\\/cb", "javascript:alert(1)"} {
		f.Add(s)
	}
	c := &client{Client: store.Client{ClientSettings: store.ClientSettings{Public: true, RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]/cb"}}}}
	f.Fuzz(func(t *testing.T, uri string) {
		if !c.mayBeAnsweredAt(uri) {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "http" || u.User != nil || u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" || u.Path != "/cb" || strings.ContainsAny(uri, "#?@\\") {
			t.Errorf("%q passes", uri)
		}
	})
}
