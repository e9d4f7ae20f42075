package provider

import (
	"net/http"
	"reflect"
	"slices"
	"testing"
)

func TestStripCookies(t *testing.T) {
	p := &Provider{cookies: cookieNamesFor("https://auth.example.com")}
	// app is what an app gets, gate what a gate may have besides; nil if that is the same.
	for _, c := range []struct{ in, app, gate []string }{
		{nil, nil, nil},
		{[]string{"a=1; b=2"}, []string{"a=1; b=2"}, nil},
		{[]string{"a=1;  b = 2 "}, []string{"a=1;  b = 2 "}, nil}, // not ours to tidy
		{[]string{"a=caddyito-x"}, []string{"a=caddyito-x"}, nil},
		{[]string{"__Host-caddyito-server=secret"}, nil, nil},
		{[]string{"a=1; __Host-caddyito-server=secret;  b=2"}, []string{"a=1;  b=2"}, nil},
		{[]string{"a=1;__Host-caddyito-server =secret;b=2"}, []string{"a=1;b=2"}, nil},
		{[]string{"__Host-caddyito-server-csrf=secret; __Host-caddyito-server-device=secret", "c=3"}, []string{"c=3"}, nil},
		{[]string{"__Host-caddyito-server=secret; __Host-caddyito-server=secret", "__Host-caddyito-server=secret"}, nil, nil},
		// A gate at this host, perhaps at another port, and a server at another port.
		{[]string{"__Host-caddyito-wiki-1a2b=g"}, nil, []string{"__Host-caddyito-wiki-1a2b=g"}},
		{[]string{"a=1; __Host-caddyito-server=secret; __Host-caddyito-wiki-1a2b=g; b=2", "caddyito-server-9080=o", "c=3"},
			[]string{"a=1; b=2", "c=3"}, []string{"a=1; __Host-caddyito-wiki-1a2b=g; b=2", "caddyito-server-9080=o", "c=3"}},
		{[]string{"__Host-caddyito-server-1a2b=g"}, nil, []string{"__Host-caddyito-server-1a2b=g"}}, // of a client "server"
	} {
		h := http.Header{}
		if c.in != nil {
			h["Cookie"] = slices.Clone(c.in)
		}
		others := p.StripCookies(h)
		if _, there := h["Cookie"]; !slices.Equal(h["Cookie"], c.app) || there != (c.app != nil) {
			t.Errorf("%q: the app gets %q instead of %q", c.in, h["Cookie"], c.app)
		}
		if !slices.Equal(others, c.gate) {
			t.Errorf("%q: a gate gets %q instead of %q", c.in, others, c.gate)
		}
	}
}

// No cookie of the server's is left out.
func TestStripCookiesKnowsAll(t *testing.T) {
	names := cookieNamesFor("https://auth.example.com")
	p := &Provider{cookies: names}
	for field, value := range reflect.ValueOf(names).Fields() {
		if value.Kind() != reflect.String {
			continue
		}
		h := http.Header{"Cookie": {value.String() + "=secret"}}
		if others := p.StripCookies(h); others != nil || len(h) != 0 {
			t.Errorf("%s: a gate gets %q, the app %q", field.Name, others, h["Cookie"])
		}
	}
}
