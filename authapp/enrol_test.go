package authapp

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyito/caddyito/store"
)

const authSite = "http://auth.example.com {\n\tfake_server name=s\n}\n"

func TestGateIsEnrolledByItself(t *testing.T) {
	resetEvents()
	dir := t.TempDir()
	cfg := globals(dir) + authSite + `
http://wiki.example.com, http://localhost:18191 {
	fake_gate name=g issuer=http://auth.example.com/ prefix=/x/
}`
	mustLoad(t, cfg)
	// Caddy makes two gates of a site with addresses on two ports; the fakes'
	// map holds the last.
	g, s := gate(t, "g"), server(t, "s")
	for id, want := range map[string]string{"wiki.example.com": "http://wiki.example.com", "localhost:18191": "http://localhost:18191"} {
		e, ok := s.env.Gate(id)
		if !ok {
			t.Fatalf("the server does not know the gate %q", id)
		}
		if e.Name != id || !slices.Equal(e.RedirectURIs, []string{want + "/x/callback"}) || !slices.Equal(e.PostLogoutRedirectURIs, []string{want + "/"}) {
			t.Errorf("enrolled as %+v", e)
		}
		if len(e.Secret) != 43 {
			t.Errorf("the secret has %d characters, want 43", len(e.Secret))
		}
	}
	if g.env.Issuer != "http://auth.example.com" {
		t.Errorf("issuer %q, want it exactly as the server says", g.env.Issuer)
	}
	e, _ := s.env.Gate(g.env.ClientID)
	if e.Secret != g.env.ClientSecret || g.env.Name != Realm(g.env.ClientID, g.env.Issuer) {
		t.Errorf("gate has %q %q, server %q", g.env.Name, g.env.ClientSecret, e.Secret)
	}
	if _, ok := s.env.Gate("nobody"); ok {
		t.Error("the server knows a gate that is not there")
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, cfg)
	if again, _ := server(t, "s").env.Gate(e.ClientID); again.Secret != e.Secret {
		t.Error("a restart changed the gate's secret")
	}
}

func TestPairing(t *testing.T) {
	other := "http://other.example.com {\n\tfake_server name=s2\n}\n"
	for _, test := range []struct {
		name, sites string
		says        string // "" if it starts
	}{
		{"the only server", authSite + "http://w.example.com {\n fake_gate name=g\n}", ""},
		{"by issuer", authSite + other + "http://w.example.com {\n fake_gate name=g issuer=http://auth.example.com\n}", ""},
		{"issuer spelled otherwise", authSite + other + "http://w.example.com {\n fake_gate name=g issuer=HTTP://Auth.example.com:80/\n}", ""},
		{"registered elsewhere", "http://w.example.com {\n fake_gate name=g issuer=https://elsewhere.example.com client_id=w client_secret=" + strings.Repeat("s", 32) + "\n}", ""},
		{"origin named", authSite + ":18192 {\n fake_gate name=g origin=https://w.example.com\n}", ""},
		{"two servers", authSite + other + "http://w.example.com {\n fake_gate name=g\n}", "auth_client at http://w.example.com: no issuer is named, and this Caddy has several; write auth_client with one of http://auth.example.com, http://other.example.com"},
		{"no server", "http://w.example.com {\n fake_gate name=g\n}", "auth_client at http://w.example.com: no issuer is named, and there is no auth_server"},
		{"unknown issuer", authSite + "http://w.example.com {\n fake_gate name=g issuer=https://x.example.com\n}", "auth_client at http://w.example.com: its issuer is https://x.example.com, but the issuer of this Caddy is http://auth.example.com; give it client_id and client_secret"},
		{"another scheme is another issuer", authSite + "http://w.example.com {\n fake_gate name=g issuer=https://auth.example.com\n}", "give it client_id"},
		{"no host", authSite + ":18192 {\n fake_gate name=g\n}", "auth_client at the site at :18192: the config does not say under which address"},
		{"wildcard", authSite + "http://*.example.com {\n fake_gate name=g\n}", "auth_client at *.example.com: the config does not say under which address"},
		{"secret without id", authSite + "http://w.example.com {\n fake_gate name=g client_secret=x\n}", "no client_id"},
		{"two clients at one address", authSite + "http://w.example.com {\n handle /x/* {\n fake_gate name=g\n }\n handle {\n fake_gate name=h client_id=h\n }\n}", "two gates with different issuers or client ids both have http://w.example.com/oidc; give one of them another prefix"},
		{"two clients at one address, apart", authSite + "http://w.example.com {\n handle /x/* {\n fake_gate name=g prefix=/x/oidc\n }\n handle {\n fake_gate name=h client_id=h prefix=/oidc2\n }\n}", ""},
		{"a token for a server of this Caddy", authSite + "http://w.example.com {\n fake_gate name=g issuer=http://auth.example.com enroll=t\n}", "auth_client at http://w.example.com: its server is in this Caddy, where gates are enrolled by themselves; take the option enroll away"},
		{"a token and no issuer", "http://w.example.com {\n fake_gate name=g enroll=t\n}", "no issuer is named"},
		{"two tokens at one address", "http://w.example.com {\n handle /x/* {\n fake_gate name=g issuer=http://127.0.0.1:1 enroll=t\n }\n handle {\n fake_gate name=h issuer=http://127.0.0.1:1 enroll=u\n }\n}", "two gates with different issuers or client ids both have http://w.example.com/oidc"},
		{"origin that is none", authSite + "http://w.example.com {\n fake_gate name=g origin=w.example.com/x\n}", "an origin is a scheme and a host"},
	} {
		t.Run(test.name, func(t *testing.T) {
			resetEvents()
			err := load(t, globals(t.TempDir())+test.sites)
			if test.says == "" && err != nil {
				t.Fatal(err)
			}
			if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("error %v\nwant  %q", err, test.says)
			}
		})
	}
}

// An enrolled gate is a client of its own server alone.
func TestGateIsNoClientOfAnotherServer(t *testing.T) {
	resetEvents()
	mustLoad(t, globals(t.TempDir())+authSite+"http://other.example.com {\n\tfake_server name=s2\n}\nhttp://w.example.com {\n fake_gate name=g issuer=http://auth.example.com\n}")
	if _, ok := server(t, "s").env.Gate("w.example.com"); !ok {
		t.Error("its server does not know it")
	}
	if _, ok := server(t, "s2").env.Gate("w.example.com"); ok {
		t.Error("another server knows it")
	}
}

func TestGatesOfOneAddressShareAClient(t *testing.T) {
	resetEvents()
	mustLoad(t, globals(t.TempDir())+authSite+`
http://a.example.com, http://b.example.com {
	@a host a.example.com
	handle @a {
		fake_gate name=one
	}
	handle {
		fake_gate name=two
	}
}
http://c.example.com {
	handle /x/* {
		fake_gate name=three prefix=/x/oidc
	}
	handle /y/* {
		fake_gate name=four prefix=/y/oidc
	}
}`)
	one, two, three, four := gate(t, "one"), gate(t, "two"), gate(t, "three"), gate(t, "four")
	if one.env.ClientID != two.env.ClientID || one.env.Name != two.env.Name {
		t.Errorf("gates of one address are clients %q and %q", one.env.ClientID, two.env.ClientID)
	}
	if fmt.Sprint(one.env.Origins) != "[http://a.example.com]" || len(two.env.Origins) != 2 {
		t.Errorf("origins %v and %v", one.env.Origins, two.env.Origins)
	}
	e, _ := server(t, "s").env.Gate(one.env.ClientID)
	if want := []string{"http://a.example.com/oidc/callback", "http://b.example.com/oidc/callback"}; !slices.Equal(e.RedirectURIs, want) {
		t.Errorf("redirect URIs %v, want %v", e.RedirectURIs, want)
	}
	// Another prefix has another callback: a client of its own.
	if three.env.ClientID != "c.example.com" || four.env.ClientID != "c.example.com~2" || three.env.ClientSecret == four.env.ClientSecret {
		t.Errorf("clients %q and %q", three.env.ClientID, four.env.ClientID)
	}
}

func TestNamesOfGatesWithOneClient(t *testing.T) {
	at := func(id string, origins ...string) *placedGate {
		return &placedGate{clientID: id, issuer: "https://i", origins: origins}
	}
	got := gateNames([]*placedGate{at("w", "https://a"), at("w", "https://b"), at("x", "https://c"), at("w", "https://a", "https://z")})
	if got[0] != got[3] || got[0] == got[1] || got[2] != Realm("x", "https://i") {
		t.Errorf("names %v", got)
	}
	turned := gateNames([]*placedGate{at("w", "https://a", "https://z"), at("x", "https://c"), at("w", "https://b"), at("w", "https://a")})
	if turned[0] != got[3] || turned[1] != got[2] || turned[2] != got[1] || turned[3] != got[0] {
		t.Errorf("in another order %v, want those of %v", turned, got)
	}
	// Who shares an address only through a third has the same sessions.
	chain := []*placedGate{at("w", "https://c"), at("w", "https://b", "https://c"), at("w", "https://a", "https://b"), at("w", "https://z")}
	names := gateNames(chain)
	if names[0] != names[1] || names[1] != names[2] || names[3] == names[0] {
		t.Errorf("a chain has the names %v", names)
	}
	slices.Reverse(chain)
	reversed := gateNames(chain)
	if slices.Reverse(reversed); !slices.Equal(reversed, names) {
		t.Errorf("in another order %v, want %v", reversed, names)
	}
	// One issuer, spelled in two ways, at two addresses.
	slash := at("w", "https://b")
	slash.issuer = "https://i/"
	if two := gateNames([]*placedGate{at("w", "https://a"), slash}); two[0] == two[1] {
		t.Errorf("two addresses share the name %s", two[0])
	}
	// Another issuer's people are others, also with the same client id.
	if Realm("w", "https://i") == Realm("w", "https://j") || Realm("w", "https://i") != Realm("w", "https://i/") {
		t.Error("a realm is one issuer's")
	}
	if Realm(store.ServerRealm, "https://i") == store.ServerRealm {
		t.Error("a gate shares the server's realm")
	}
}

func TestGateReachesItsServerWithoutTheNetwork(t *testing.T) {
	resetEvents()
	mustLoad(t, globals(t.TempDir())+"http://auth.no-such-host.invalid {\n\tfake_server name=s\n}\nhttp://w.example.com {\n fake_gate name=g client_id=w client_secret="+strings.Repeat("s", 32)+"\n}")
	g := gate(t, "g")
	if g.env.ClientID != "w" || g.env.Issuer != "http://auth.no-such-host.invalid" {
		t.Errorf("env %+v", g.env)
	}
	if _, ok := server(t, "s").env.Gate("w"); ok {
		t.Error("a registered gate was enrolled, too")
	}
	resp, err := (&http.Client{Transport: g.env.Transport}).Get(g.env.Issuer + "/o/jwks?x=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); string(b) != "s answers GET /o/jwks?x=1" {
		t.Errorf("got %q", b)
	}
}

func TestHostOf(t *testing.T) {
	for origin, want := range map[string]string{
		"https://wiki.example.com":     "wiki.example.com",
		"http://localhost:9081":        "localhost:9081",
		"https://wiki.example.com:443": "wiki.example.com",
		"http://wiki.example.com:443":  "wiki.example.com:443",
		"http://[::1]:9081":            "[::1]:9081",
	} {
		if got, err := hostOf(origin); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", origin, got, err, want)
		}
	}
	for _, origin := range []string{"", "wiki.example.com", "ftp://x", "https://", "https://x/", "https://x?y", "https://u@x", "https://x#y"} {
		if got, err := hostOf(origin); err == nil {
			t.Errorf("%q was taken for the origin of %q", origin, got)
		}
	}
}
