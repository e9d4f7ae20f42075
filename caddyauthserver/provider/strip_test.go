package provider

import (
	"net/http"
	"slices"
	"testing"
)

func TestStripCookies(t *testing.T) {
	p := &Provider{cookies: cookieNamesFor("https://auth.example.com")}
	for _, c := range []struct{ in, want []string }{
		{nil, nil},
		{[]string{"a=1; b=2"}, []string{"a=1; b=2"}},
		{[]string{"a=1;  b = 2 "}, []string{"a=1;  b = 2 "}}, // not ours to tidy
		{[]string{"__Host-caddyito-server=secret"}, nil},
		{[]string{"a=1; __Host-caddyito-server=secret; b=2"}, []string{"a=1; b=2"}},
		{[]string{"a=1;__Host-caddyito-server =secret;b=2"}, []string{"a=1; b=2"}},
		{[]string{"__Host-caddyito-server-csrf=secret; __Host-caddyito-server-device=secret", "c=3"}, []string{"c=3"}},
		{[]string{"__Host-caddyito-server=secret; __Host-caddyito-server=secret", "__Host-caddyito-server=secret"}, nil},
		{[]string{"__Host-caddyito-server-of-mine=1"}, []string{"__Host-caddyito-server-of-mine=1"}},
	} {
		h := http.Header{}
		if c.in != nil {
			h["Cookie"] = slices.Clone(c.in)
		}
		p.StripCookies(h)
		if _, there := h["Cookie"]; !slices.Equal(h["Cookie"], c.want) || there != (c.want != nil) {
			t.Errorf("%q becomes %q instead of %q", c.in, h["Cookie"], c.want)
		}
	}
}
