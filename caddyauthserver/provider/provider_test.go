package provider_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

func TestConfig(t *testing.T) {
	s := newServer(t)
	for name, change := range map[string]func(*provider.Config){
		"no issuer":         func(c *provider.Config) { c.Issuer = "" },
		"issuer with slash": func(c *provider.Config) { c.Issuer += "/" },
		"issuer with path":  func(c *provider.Config) { c.Issuer += "/auth" },
		"issuer with query": func(c *provider.Config) { c.Issuer += "?" },
		"issuer with user":  func(c *provider.Config) { c.Issuer = "https://me@auth.example.com" },
		"issuer a host":     func(c *provider.Config) { c.Issuer = "auth.example.com" },
		"issuer ftp":        func(c *provider.Config) { c.Issuer = "ftp://auth.example.com" },
		"prefix":            func(c *provider.Config) { c.Prefix = "o" },
		"prefix slash":      func(c *provider.Config) { c.Prefix = "/o/" },
		"prefix dots":       func(c *provider.Config) { c.Prefix = "/../o" },
		"no store":          func(c *provider.Config) { c.Store = nil },
		"no master key":     func(c *provider.Config) { c.MasterKey = store.MasterKey{} },
		"schema": func(c *provider.Config) {
			c.Schema = &store.Schema{User: []store.Field{{Name: "id", Type: store.Text}}}
		},
		"lifetime": func(c *provider.Config) { c.CodeLifetime = -1 },
	} {
		c := provider.Config{Issuer: "https://auth.example.com", Store: s.store, MasterKey: s.key}
		change(&c)
		if p, err := provider.New(c); err == nil {
			p.Close()
			t.Errorf("%s: taken", name)
		}
	}
	// What the Caddyfile accepts must start.
	p, err := provider.New(provider.Config{Issuer: "https://auth.example.com", Store: s.store, MasterKey: s.key, Prefix: "/v1.2/~sign-in_"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if !p.Handles("/v1.2/~sign-in_/authorize") || p.Handles("/v1x2/~sign-in_/authorize") {
		t.Error("its paths are not those of the prefix")
	}
}

func TestHandles(t *testing.T) {
	s := newServer(t)
	for path, want := range map[string]bool{
		"/o": true, "/o/": true, "/o/authorize": true, "/o/authorize/": true, "/o/unheard-of": true,
		"/.well-known/openid-configuration": true, "/.well-known/openid-configuration/": true, "/.well-known/oauth-authorization-server": true,
		"/": false, "/other": false, "/oo": false, "/o2/authorize": false, "//o/authorize": false, "/x/o/authorize": false, "": false,
		"/.well-known/": false, "/.well-known/acme-challenge/x": false,
	} {
		if s.p.Handles(path) != want {
			t.Errorf("%q: %v", path, !want)
		}
	}
}

// Whoever comes to an address that there is not finds a way on.
func TestNothingThere(t *testing.T) {
	s := newServer(t)
	for path, wayOn := range map[string]string{"/o/unheard-of": "/o", "/o/admin/unheard-of": "/o/admin"} {
		a := s.browser().get(path)
		if a.StatusCode != http.StatusNotFound || !strings.Contains(a.body, `href="`+wayOn+`"`) {
			t.Errorf("%s: %d, no way to %s: %s", path, a.StatusCode, wayOn, a.body)
		}
	}
}

func TestTrailingSlashAndPrefix(t *testing.T) {
	s := newServer(t, func(c *provider.Config) { c.Prefix = "/id/v1" })
	b := s.browser()
	for _, path := range []string{"/id/v1/jwks", "/id/v1/jwks/", "/.well-known/openid-configuration/", "/id/v1/login/"} {
		if a := b.get(path); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	if a := b.get("/o/jwks"); a.StatusCode != http.StatusNotFound {
		t.Errorf("the default prefix: %d", a.StatusCode)
	}
	if got := b.get("/.well-known/openid-configuration").decode(t)["jwks_uri"]; got != s.issuer+"/id/v1/jwks" {
		t.Errorf("jwks_uri %v", got)
	}
}

// Both documents say the same, and nothing of what a request says about hosts.
func TestDiscovery(t *testing.T) {
	s := newServer(t, func(c *provider.Config) { c.Issuer = "https://auth.example.com" })
	plain := s.call("GET", "/.well-known/openid-configuration", "", nil)
	b := s.browser()
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		req := b.request("GET", path, nil)
		req.Host = "evil.example.net"
		req.Header.Set("X-Forwarded-Host", "evil.example.net")
		req.Header.Set("X-Forwarded-Proto", "http")
		req.Header.Set("Forwarded", "host=evil.example.net")
		if a := b.do(req); a.body != plain.body {
			t.Errorf("%s says\n%s\nand not\n%s", path, a.body, plain.body)
		}
	}
	v := plain.decode(t)
	if v["issuer"] != "https://auth.example.com" || plain.Header.Get("Content-Type") != "application/json" || plain.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%v", v)
	}
	for name, value := range v {
		if text, ok := value.(string); ok && !strings.HasPrefix(text, "https://auth.example.com") {
			t.Errorf("%s is %s", name, text)
		}
	}
	// Nor do redirects and pages.
	req := b.request("GET", "/o/", nil)
	req.Host = "evil.example.net"
	req.Header.Set("X-Forwarded-Host", "evil.example.net")
	if a := b.do(req); a.Header.Get("Location") != "https://auth.example.com/o/login" {
		t.Errorf("home leads to %s", a.location())
	}
}

// Every page and answer carries the headers that lock it down.
func TestHeadersEverywhere(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	for _, path := range []string{"/o/", "/o/login", "/o/authorize", "/o/consent", "/o/logout", "/o/setup", "/o/unheard-of", "/o/device", "/o/device/code", "/o/device/qr", "/o/par", "/o/token", "/o/userinfo", "/o/jwks"} {
		for _, method := range []string{"GET", "POST", "PATCH"} {
			a := b.do(b.request(method, path, nil))
			leads := path != "/o/jwks" // it is data for programs, without a link
			if a.Header.Get("X-Content-Type-Options") != "nosniff" || leads && a.Header.Get("Referrer-Policy") != "no-referrer" || a.StatusCode >= 500 {
				t.Errorf("%s %s: %d %v", method, path, a.StatusCode, a.Header)
			}
			if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") && !strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
				t.Errorf("%s %s: a page without policy", method, path)
			}
		}
	}
}

// failing is a store that can be made to fail.
type failing struct {
	store.Store
	down atomic.Bool
}

var errDown = errors.New("disk /var/lib/secret-path is on fire")

func (f *failing) View(ctx context.Context, fn func(store.ReadTx) error) error {
	if f.down.Load() {
		return errDown
	}
	return f.Store.View(ctx, fn)
}

func (f *failing) Update(ctx context.Context, fn func(store.WriteTx) error) error {
	if f.down.Load() {
		return errDown
	}
	return f.Store.Update(ctx, fn)
}

// Without its store the server says so, in words for people and in JSON for
// programs, and never lets anyone in.
func TestUnavailableStore(t *testing.T) {
	f := new(failing)
	s := newServer(t, func(c *provider.Config) { f.Store = c.Store; c.Store = f })
	b := s.browser()
	tok := b.tokens("openid read")
	code := b.code(authQuery("app", appRedirect))
	login := b.get("/o/login")
	f.down.Store(true)
	for name, a := range map[string]*answer{
		"authorize": b.authorize(authQuery("app", appRedirect)),
		"of static": b.authorize(authQuery("gate", "https://wiki.example.com/oidc/callback")),
		"home":      b.get("/o/"),
		"logout":    b.logout("id_token_hint", tok.id),
		"login":     b.post("/o/login", login.form("username", "alice", "password", alicePassword)),
		"setup":     b.get("/o/setup?token=x"),
		"device":    b.get("/o/device?user_code=WDJB-MJHT"),
		"pushed":    b.authorize(url.Values{"client_id": {"gate"}, "request_uri": {requestURIPrefix + "x"}}),
		"consent":   b.get("/o/consent?request=" + url.QueryEscape(authQuery("app", appRedirect).Encode())),
	} {
		if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || !strings.Contains(a.body, "<html") || strings.Contains(a.body, "fire") {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	for name, a := range map[string]*answer{
		"token":      s.token(as("app", appSecret), codeForm(code, appRedirect)),
		"refresh":    s.token(as("app", appSecret), refreshForm(tok.refresh)),
		"static":     s.token(as("gate", "gate-secret"), refreshForm(tok.refresh)),
		"userinfo":   s.call("GET", "/o/userinfo", "Bearer "+tok.access, nil),
		"profile":    s.call("GET", "/o/profile", "Bearer "+tok.access, nil),
		"introspect": s.call("POST", "/o/introspect", as("app", appSecret), url.Values{"token": {tok.access}}),
		"par":        s.push(as("gate", "gate-secret"), authQuery("gate", wikiRedirect)),
		"device":     s.call("POST", "/o/device/code", "", url.Values{"client_id": {"tv"}, "scope": {"openid"}}),
		"revoke":     s.call("POST", "/o/revoke", as("app", appSecret), url.Values{"token": {tok.access}}),
	} {
		wantError(t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
		if strings.Contains(a.body, "fire") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	if a := b.get("/.well-known/openid-configuration"); a.StatusCode != http.StatusOK {
		t.Errorf("discovery: %d", a.StatusCode)
	}
	if _, err := s.p.SetupLink(context.Background()); !errors.Is(err, errDown) {
		t.Errorf("setup link: %v", err)
	}
	f.down.Store(false)
	if a := s.token(as("app", appSecret), codeForm(code, appRedirect)); a.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d %s", a.StatusCode, a.body)
	}
	if !strings.Contains(s.logs.String(), "on fire") {
		t.Error("the log does not say why")
	}
}
