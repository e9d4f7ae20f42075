package caddyauthserver

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/store"
)

// What the Caddyfile refuses is refused in JSON too, where placeholders are
// known by then.
func TestValidate(t *testing.T) {
	const secret = `"secret": "0123456789abcdef0123456789abcdef"`
	for _, c := range []struct{ config, want string }{
		{`{}`, ""},
		{`{"clients": [{"id": "wiki", ` + secret + `, "redirect_uris": ["https://w.example/cb"]}]}`, ""},
		{`{"clients": [{"id": "wiki", "public": true, "redirect_uris": ["http://127.0.0.1:1/cb"]}]}`, ""},
		{`{"issuer": "https://auth.example.com/"}`, "without a path"},
		{`{"issuer": "//auth.example.com"}`, "absolute URL"},
		{`{"prefix": "/"}`, "prefix"},
		{`{"brand": {"accent": "#12"}}`, "not a colour"},
		{`{"session": {"idle": "2h", "absolute": "1h"}}`, "longer than absolute"},
		{`{"lifetimes": {"code": -1}}`, "longer than nothing"},
		{`{"lifetimes": {"access_token": "31d"}}`, "30d at the most"},
		{`{"clients": [{"id": ""}]}`, "1 to 100 characters"},
		{`{"clients": [{"id": "wiki", "redirect_uris": ["https://w.example/cb"]}]}`, "needs a secret"},
		{`{"clients": [{"id": "wiki", "secret": "hunter2", "redirect_uris": ["https://w.example/cb"]}]}`, "has 7 bytes"},
		// What looks like a placeholder is none any more.
		{`{"clients": [{"id": "wiki", "secret": "{hunter2", "redirect_uris": ["https://w.example/cb"]}]}`, "has 8 bytes"},
		{`{"clients": [{"id": "wiki", "public": true, "redirect_uris": ["{x}/cb"]}]}`, "absolute URL"},
		{`{"clients": [{"id": "wiki", "public": true, ` + secret + `, "redirect_uris": ["https://w.example/cb"]}]}`, "no secret"},
		{`{"clients": [{"id": "wiki", ` + secret + `}]}`, "redirect is needed"},
		{`{"clients": [{"id": "wiki", ` + secret + `, "redirect_uris": ["https://w.example/cb#x"]}]}`, "fragment"},
		{`{"clients": [{"id": "wiki", ` + secret + `, "redirect_uris": ["https://w.example/cb"], "post_logout_redirect_uris": ["/"]}]}`, "absolute URL"},
		{`{"clients": [{"id": "a", "public": true, "redirect_uris": ["https://w.example/cb"]}, {"id": "a", "public": true, "redirect_uris": ["https://w.example/cb"]}]}`, "given twice"},
	} {
		var s Server
		if err := caddy.StrictUnmarshalJSON([]byte(c.config), &s); err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		err := s.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: it says %v", c.config, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the secret is in the error: %v", err)
		}
	}
}

func TestChooseIssuer(t *testing.T) {
	const a, b = "https://a.example", "https://b.example"
	for _, c := range []struct {
		configured string
		origins    []string
		want, err  string
	}{
		{"", []string{a}, a, ""},
		{b, []string{a}, b, ""},
		{b, nil, b, ""},
		{b, []string{a, b}, b, ""},
		{"", nil, "", "issuer https://auth.example.com"},
		{"", []string{b, a}, "", "several origins (" + a + ", " + b + ")"},
	} {
		got, err := chooseIssuer(c.configured, c.origins)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("chooseIssuer(%q, %q) = %q, %v", c.configured, c.origins, got, err)
		}
	}
}

// Clients of the config go before gates of this process, which need no consent:
// who runs the server runs them.
func TestStaticClients(t *testing.T) {
	s := &Server{Clients: []Client{{ID: "wiki", Secret: "s", ClientSettings: store.ClientSettings{Name: "The Wiki", RedirectURIs: []string{"https://w.example/cb"}, Scopes: []string{"openid"}}}}}
	find := s.staticClients(authapp.ServerEnv{Gate: func(id string) (authapp.EnrolledGate, bool) {
		return authapp.EnrolledGate{ClientID: id, Secret: "derived", RedirectURIs: []string{"https://g.example/oidc/callback"}}, id != "nobody"
	}})
	if c, ok := find("wiki"); !ok || c.Secret != "s" || c.SkipConsent || c.Name != "The Wiki" || c.RedirectURIs[0] != "https://w.example/cb" || c.Scopes[0] != "openid" {
		t.Errorf("wiki: %+v", c)
	}
	if c, ok := find("g.example"); !ok || c.Secret != "derived" || !c.SkipConsent || c.AllowNoPKCE || c.Public {
		t.Errorf("g.example: %+v", c)
	}
	if c, ok := find("nobody"); ok {
		t.Errorf("nobody: %+v", c)
	}
	if c, ok := s.staticClients(authapp.ServerEnv{})("x"); ok {
		t.Errorf("without gates: %+v", c)
	}
	list := s.listStaticClients(authapp.ServerEnv{Gates: func() []authapp.EnrolledGate {
		return []authapp.EnrolledGate{{ClientID: "wiki", Secret: "derived"}, {ClientID: "g.example", Secret: "derived", SyncURL: "https://g.example/oidc/sync"}}
	}})()
	if len(list) != 2 || list[0].Secret != "s" || list[1].ID != "g.example" || list[1].SyncTarget() != "https://g.example/oidc/sync" {
		t.Errorf("listed: %+v", list)
	}
	if list := s.listStaticClients(authapp.ServerEnv{})(); len(list) != 1 {
		t.Errorf("listed without gates: %+v", list)
	}
}
