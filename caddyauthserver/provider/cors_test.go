package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// from asks as a program of a page at that origin does.
func (s *server) from(origin, method, path string, header ...string) *answer {
	s.t.Helper()
	b := s.browser()
	r := b.request(method, path, nil)
	r.Header.Set("Origin", origin)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return b.do(r)
}

func (s *server) preflight(origin, path string) *answer {
	s.t.Helper()
	return s.from(origin, "OPTIONS", path, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
}

const forAny, forClients, forNone = "*", "clients", ""

// readers says who may read what in a browser.
var readers = map[string]string{
	"/.well-known/openid-configuration": forAny, "/.well-known/oauth-authorization-server": forAny, "/o/jwks": forAny,
	"/o/token": forClients, "/o/userinfo": forClients, "/o/profile": forNone, "/o/revoke": forNone,
	"/o/par": forNone, "/o/device/code": forNone,
	"/o/": forNone, "/o/authorize": forNone, "/o/login": forNone, "/o/consent": forNone, "/o/logout": forNone, "/o/setup": forNone,
	"/o/password": forNone, "/o/forgot": forNone, "/o/reset": forNone, "/o/introspect": forNone, "/o/sync": forNone,
	"/o/device": forNone, "/o/device/qr": forNone, "/o/register": forNone,
}

// Programs of other origins read answers where they have business to, and
// nowhere with cookies.
func TestCORS(t *testing.T) {
	s := newServer(t, func(c *provider.Config) {
		c.StaticClients = func() []*provider.StaticClient {
			gate, _ := staticClients("gate")
			off := *gate
			off.Disabled, off.RedirectURIs = true, []string{"https://gone.example.com/cb"}
			return []*provider.StaticClient{gate, &off}
		}
	})
	for origin, registered := range map[string]bool{
		"https://app.example.com":       true, // of the store
		"https://spa.example.com":       true,
		"https://wiki.example.com":      true,  // of the config
		"https://off.example.com":       false, // of clients that are disabled
		"https://gone.example.com":      false,
		"http://app.example.com":        false,
		"https://app.example.com:8443":  false,
		"https://app.example.com:443":   false, // as no browser writes it
		"https://APP.example.com":       false,
		"https://app.example.com/":      false,
		"https://evil.app.example.com":  false,
		"https://app.example.com.evil":  false,
		"https://evilapp.example.com":   false,
		"https://evil.example.net":      false,
		"null":                          false,
		"*":                             false,
		"https://app.example.com, null": false,
	} {
		for path, who := range readers {
			want := ""
			if who == forAny {
				want = "*"
			} else if who == forClients && registered {
				want = origin
			}
			for kind, a := range map[string]*answer{"preflight": s.preflight(origin, path), "GET": s.from(origin, "GET", path), "POST": s.from(origin, "POST", path)} {
				if got := a.Header.Get("Access-Control-Allow-Origin"); got != want || len(a.Header["Access-Control-Allow-Origin"]) > 1 {
					t.Errorf("%s of %s from %s: may be read by %q; want %q", kind, path, origin, got, want)
				}
				if a.Header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s of %s from %s: with credentials", kind, path, origin)
				}
				if varies := strings.Contains(a.Header.Get("Vary"), "Origin"); varies != (who == forClients) {
					t.Errorf("%s of %s: Vary %q", kind, path, a.Header.Get("Vary"))
				}
				if kind == "preflight" && (a.StatusCode == http.StatusNoContent) != (want != "") {
					t.Errorf("preflight of %s from %s: %d", path, origin, a.StatusCode)
				}
			}
		}
	}
	if a := s.preflight("https://spa.example.com", "/o/token"); a.Header.Get("Access-Control-Allow-Methods") != "POST" ||
		!strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight says %v", a.Header)
	}
	// Errors are answers too.
	a := s.from("https://spa.example.com", "GET", "/o/userinfo")
	if a.StatusCode != http.StatusUnauthorized || a.Header.Get("Access-Control-Expose-Headers") != "WWW-Authenticate" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	two := s.browser().request("GET", "/o/userinfo", nil)
	two.Header["Origin"] = []string{"https://spa.example.com", "https://evil.example.net"}
	if a := s.browser().do(two); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("two origins: %v", a.Header)
	}
}

// Who is registered, changed, disabled or deleted counts at once.
func TestCORSFollowsClients(t *testing.T) {
	s := newServer(t)
	may := func(origin string) bool {
		return s.preflight(origin, "/o/token").Header.Get("Access-Control-Allow-Origin") == origin
	}
	c := &store.Client{ID: "new", ClientSettings: store.ClientSettings{Public: true, RedirectURIs: []string{
		"HTTPS://New.Example.com:443/cb", "http://new.example.com:80/", "http://localhost:5173/cb", "http://[::1]/cb", "com.example.new:/cb",
	}}}
	put := func(tx store.WriteTx) error { return tx.PutClient(c) }
	if may("https://new.example.com") {
		t.Error("before it is registered")
	}
	s.update(put)
	for _, origin := range []string{"https://new.example.com", "http://new.example.com", "http://localhost:5173", "http://[::1]"} {
		if !may(origin) {
			t.Errorf("%s may not", origin)
		}
	}
	for _, origin := range []string{"http://localhost", "http://localhost:5174", "http://[::1]:80", "com.example.new://", "com.example.new:"} {
		if may(origin) {
			t.Errorf("%s may", origin)
		}
	}
	c.RedirectURIs = []string{"https://other.example.com/cb"}
	s.update(put)
	if may("https://new.example.com") || !may("https://other.example.com") {
		t.Error("a change does not count")
	}
	c.Disabled = true
	s.update(put)
	if may("https://other.example.com") {
		t.Error("disabled, and may")
	}
	c.Disabled = false
	s.update(put)
	s.update(func(tx store.WriteTx) error { return tx.DeleteClient("new") })
	if may("https://other.example.com") {
		t.Error("deleted, and may")
	}
}

// Without the store, nobody is let in for want of a list.
func TestCORSWithoutStore(t *testing.T) {
	f := new(failing)
	s := newServer(t, func(c *provider.Config) { f.Store = c.Store; c.Store = f })
	f.down.Store(true)
	if a := s.preflight("https://spa.example.com", "/o/token"); a.Header.Get("Access-Control-Allow-Origin") != "" || a.StatusCode == http.StatusNoContent {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
}
