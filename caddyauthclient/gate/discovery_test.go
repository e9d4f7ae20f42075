package gate

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"
)

func TestMetadataThatCannotBeUsed(t *testing.T) {
	set := func(name string, v any) func(map[string]any) {
		return func(m map[string]any) {
			if v == nil {
				delete(m, name)
			} else {
				m[name] = v
			}
		}
	}
	for name, c := range map[string]struct {
		change func(map[string]any)
		log    string
	}{
		"another issuer":                {set("issuer", "https://evil.example"), `"wrong_issuer"`},
		"a slash at the end":            {set("issuer", testIssuer+"/"), "slash at the end"},
		"no authorization endpoint":     {set("authorization_endpoint", nil), "authorization_endpoint: is missing"},
		"no token endpoint":             {set("token_endpoint", nil), "token_endpoint: is missing"},
		"no keys":                       {set("jwks_uri", nil), "jwks_uri: is missing"},
		"token endpoint in the clear":   {set("token_endpoint", "http://issuer.example/token"), "not encrypted"},
		"profile endpoint in the clear": {set("caddyito_profile_endpoint", "http://issuer.example/p"), "not encrypted"},
		"a script to sign in":           {set("authorization_endpoint", "javascript:alert(1)"), "not an https URL"},
	} {
		t.Run(name, func(t *testing.T) {
			house := newHouse(t)
			house.issuer.metadata = c.change
			w := newBrowser(house.gate).get("/page")
			wantStatus(t, w, 503)
			if !strings.Contains(house.log.String(), c.log) {
				t.Errorf("log without %s:\n%s", c.log, house.log)
			}
		})
	}
}

func TestOneLooksForAll(t *testing.T) {
	house := newHouse(t)
	release := make(chan struct{})
	house.issuer.answerWith = func(http.ResponseWriter, *http.Request) bool { <-release; return false }
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if w := newBrowser(house.gate).get("/page"); w.Code != 302 {
				t.Errorf("status %d", w.Code)
			}
		})
	}
	// Those signed in, and public paths, do not wait.
	seen(t, newBrowser(house.gate).get("/public/x"))
	close(release)
	wg.Wait()
	if n := house.issuer.count("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("looked %d times", n)
	}
}

func TestMetadataIsUsedOnWhileTheIssuerIsDown(t *testing.T) {
	house := newHouse(t)
	b := newBrowser(house.gate)
	wantStatus(t, b.get("/page"), 302)
	house.clock.add(2 * issuerMaxAge)
	house.issuer.down = http.ErrServerClosed
	wantStatus(t, b.get("/page"), 302)
	house.issuer.down = nil
	house.clock.add(2 * issuerPause)
	wantStatus(t, b.signIn(house.issuer, "/page"), 303)
	if n := house.issuer.count("/.well-known/openid-configuration"); n != 3 {
		t.Errorf("looked %d times", n)
	}
}

func TestScopesAsked(t *testing.T) {
	for name, c := range map[string]struct {
		configured, supported []string
		ours                  bool
		want                  string
	}{
		"foreign":               {nil, []string{"openid", "profile", "email", "phone"}, false, "openid profile email"},
		"foreign with groups":   {nil, []string{"openid", "groups", "email"}, false, "openid email groups"},
		"foreign, says nothing": {nil, nil, false, "openid profile email"},
		"ours":                  {nil, []string{"openid", "profile", "email", "groups", "read"}, true, "openid profile email groups read"},
		"configured":            {[]string{"profile", "x"}, nil, true, "openid profile x"},
	} {
		house := newHouse(t, func(cfg *Config) { cfg.Scopes = c.configured })
		if c.ours {
			house.ours()
		}
		house.issuer.metadata = func(m map[string]any) {
			if c.supported == nil {
				delete(m, "scopes_supported")
			} else {
				m["scopes_supported"] = c.supported
			}
		}
		b := newBrowser(house.gate)
		u, _ := url.Parse(location(t, b.get("/page")))
		if got := u.Query().Get("scope"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestHowTheClientSaysWhoItIs(t *testing.T) {
	for _, c := range []struct {
		secret  string
		offered []string
		want    oauth2.AuthStyle
	}{
		{"s", nil, oauth2.AuthStyleInHeader},
		{"s", []string{"client_secret_post", "client_secret_basic"}, oauth2.AuthStyleInHeader},
		{"s", []string{"client_secret_post"}, oauth2.AuthStyleInParams},
		{"", []string{"client_secret_basic"}, oauth2.AuthStyleInParams},
	} {
		if got := authStyle(c.secret, c.offered); got != c.want {
			t.Errorf("%q %v: %v", c.secret, c.offered, got)
		}
	}
	if algs := signingAlgs([]string{"none", "HS256"}); !slices.Equal(algs, []string{"RS256"}) {
		t.Errorf("algorithms %v", algs)
	}
	if algs := signingAlgs([]string{"HS256", "ES256", "none"}); !slices.Equal(algs, []string{"ES256"}) {
		t.Errorf("algorithms %v", algs)
	}
}

func TestSettingsThatAreWrong(t *testing.T) {
	good := Config{
		Name: "wiki", Issuer: testIssuer, ClientID: testClient, Origins: []string{"https://wiki.example.com"},
		Store: brokenStore{}, Key: [32]byte{1},
	}
	if g, err := New(good); err != nil {
		t.Fatal(err)
	} else {
		g.Close()
	}
	for want, change := range map[string]func(*Config){
		"name":                      func(c *Config) { c.Name = "" },
		"client_id":                 func(c *Config) { c.ClientID = "" },
		"store":                     func(c *Config) { c.Store = nil },
		"key":                       func(c *Config) { c.Key = [32]byte{} },
		"prefix oidc":               func(c *Config) { c.Prefix = "oidc" },
		"prefix /oidc/":             func(c *Config) { c.Prefix = "/oidc/" },
		"prefix /x/../oidc":         func(c *Config) { c.Prefix = "/x/../oidc" },
		"prefix /a?b":               func(c *Config) { c.Prefix = "/a?b" },
		"authorization":             func(c *Config) { c.Authorization = "keep" },
		"session limits":            func(c *Config) { c.SessionIdle = 1 },
		"cache_size":                func(c *Config) { c.CacheSize = -1 },
		`issuer "auth"`:             func(c *Config) { c.Issuer = "auth" },
		"issuer \"ftp:":             func(c *Config) { c.Issuer = "ftp://x" },
		"issuer \"https://a?":       func(c *Config) { c.Issuer = "https://a?b" },
		"no origin":                 func(c *Config) { c.Origins = nil },
		`origin "wiki"`:             func(c *Config) { c.Origins = []string{"wiki"} },
		`origin "https://*.`:        func(c *Config) { c.Origins = []string{"https://*.example.com"} },
		`origin "https://a/b`:       func(c *Config) { c.Origins = []string{"https://a/b"} },
		`header "Cookie"`:           func(c *Config) { c.Headers = []Header{{"Cookie", "id"}} },
		`header "a b"`:              func(c *Config) { c.Headers = []Header{{"a b", "id"}} },
		`header "x_y" is set twice`: func(c *Config) { c.Headers = []Header{{"X-Y", "id"}, {"x_y", "id"}} },
		`"a b" is not a field`:      func(c *Config) { c.Headers = []Header{{"X", "a b"}} },
		`public: path "x"`:          func(c *Config) { c.Public = []string{"x"} },
		`public: path "/*/x"`:       func(c *Config) { c.Public = []string{"/*/x"} },
		`allow: path "x"`:           func(c *Config) { c.Allow = []Rule{{Paths: []string{"x"}}} },
		`allow: "A" is not a field`: func(c *Config) { c.Allow = []Rule{{Fields: map[string][]string{"A": nil}}} },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
