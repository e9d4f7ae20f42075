package authapp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// provisioned is the HTTP app of a Caddyfile that is not started, with the
// servers and gates that stand in it.
func provisioned(t *testing.T, caddyfile string) (*caddyhttp.App, []any) {
	t.Helper()
	cfg := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(adapt(t, caddyfile), cfg); err != nil {
		t.Fatal(err)
	}
	ctx, err := caddy.ProvisionContext(cfg)
	if err != nil {
		t.Fatal(err)
	}
	app, err := Get(ctx)
	if err != nil {
		t.Fatal(err)
	}
	http, err := app.httpApp()
	if err != nil {
		t.Fatal(err)
	}
	return http, app.members()
}

// placed returns where the gates of a Caddyfile stand, by name.
func placed(t *testing.T, caddyfile string) map[string]*site {
	t.Helper()
	where := findSites(provisioned(t, caddyfile))
	out := map[string]*site{}
	for m, s := range where {
		if g, ok := m.(*fakeGate); ok {
			out[g.Name] = merge(out[g.Name], s)
		}
	}
	return out
}

func merge(a, b *site) *site {
	if a == nil {
		return b
	}
	return &site{origins: sortedSet(append(a.origins, b.origins...)), vague: sortedSet(append(a.vague, b.vague...))}
}

func TestOriginsComeFromTheConfig(t *testing.T) {
	t.Setenv("TEST_HOST", "wiki.example.com")
	for _, test := range []struct {
		name, caddyfile string
		origins         string // of gate g
		vague           string
	}{
		{"http and port", "http://localhost:9081 {\n fake_gate name=g\n}", "http://localhost:9081", ""},
		{"plain host", "wiki.example.com {\n fake_gate name=g\n}", "https://wiki.example.com", ""},
		{"upper case", "WIKI.Example.com {\n fake_gate name=g\n}", "https://wiki.example.com", ""},
		{"international", "bücher.example {\n fake_gate name=g\n}", "https://xn--bcher-kva.example", ""},
		{"several hosts", "a.example.com, b.example.com {\n fake_gate name=g\n}", "https://a.example.com https://b.example.com", ""},
		{"with a path", "a.example.com/docs/* {\n fake_gate name=g\n}", "https://a.example.com", ""},
		{"another port", "a.example.com:8443 {\n fake_gate name=g\n}", "https://a.example.com:8443", ""},
		{"http site", "http://a.example.com {\n fake_gate name=g\n}", "http://a.example.com", ""},
		{"http and https", "http://a.example.com, https://a.example.com {\n fake_gate name=g\n}", "http://a.example.com https://a.example.com", ""},
		{"wildcard", "*.example.com {\n fake_gate name=g\n}", "", "*.example.com"},
		{"wildcard and host", "*.example.com, example.com {\n fake_gate name=g\n}", "https://example.com", "*.example.com"},
		{"no host", ":8080 {\n fake_gate name=g\n}", "", ""},
		{"IPv6", "http://[::1]:8080 {\n fake_gate name=g\n}", "http://[::1]:8080", ""},
		{"IPv4", "http://127.0.0.1:8080 {\n fake_gate name=g\n}", "http://127.0.0.1:8080", ""},
		{"bind on two addresses", "a.example.com {\n bind 127.0.0.1 ::1\n fake_gate name=g\n}", "https://a.example.com", ""},
		{"unix socket", "http://a.example.com {\n bind unix//tmp/x.sock\n fake_gate name=g\n}", "", ""},
		{"handle", "a.example.com {\n handle /x/* {\n fake_gate name=g\n }\n respond 404\n}", "https://a.example.com", ""},
		{"handle_path and route", "a.example.com {\n handle_path /x/* {\n route {\n fake_gate name=g\n }\n }\n}", "https://a.example.com", ""},
		{"handle_errors", "a.example.com {\n handle_errors {\n fake_gate name=g\n }\n respond 404\n}", "https://a.example.com", ""},
		{"host matcher in a wildcard", "*.example.com {\n @a host a.example.com b.example.com\n handle @a {\n fake_gate name=g\n }\n respond 404\n}", "https://a.example.com https://b.example.com", ""},
		{"host matcher without host", ":8080 {\n @a host a.example.com\n handle @a {\n fake_gate name=g\n }\n}", "http://a.example.com:8080", ""},
		{"narrowing two hosts", "a.example.com, b.example.com {\n @a host a.example.com\n fake_gate @a name=g\n}", "https://a.example.com", ""},
		{"a host matcher that never holds", "a.example.com {\n @x host x.example.org\n fake_gate @x name=g\n}", "", ""},
		{"invoke", "&(guard) {\n fake_gate name=g\n}\na.example.com {\n invoke guard\n}\nb.example.com {\n invoke guard\n}", "https://a.example.com https://b.example.com", ""},
		{"custom ports", "{\n http_port 8080\n https_port 8443\n}\na.example.com, http://b.example.com {\n fake_gate name=g\n}", "http://b.example.com https://a.example.com", ""},
		{"custom ports, spelled out", "{\n http_port 8080\n https_port 8443\n}\nhttps://a.example.com:8443, http://b.example.com:8080 {\n fake_gate name=g\n}", "http://b.example.com https://a.example.com", ""},
		{"auto_https off", "{\n auto_https off\n}\na.example.com {\n fake_gate name=g\n}", "https://a.example.com", ""},
		{"auto_https off, http", "{\n auto_https off\n}\nhttp://a.example.com {\n fake_gate name=g\n}", "http://a.example.com", ""},
		{"tls internal on a port", "localhost:9443 {\n tls internal\n fake_gate name=g\n}", "https://localhost:9443", ""},
		{"environment", "http://{env.TEST_HOST} {\n fake_gate name=g\n}", "http://wiki.example.com", ""},
		{"placeholder of the request", ":8080 {\n @v host {http.vars.tenant}.example.com\n fake_gate @v name=g\n}", "", "{http.vars.tenant}.example.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := placed(t, test.caddyfile)["g"]
			if s == nil {
				t.Fatal("the gate was not found")
			}
			if got := strings.Join(s.origins, " "); got != test.origins {
				t.Errorf("origins %q, want %q", got, test.origins)
			}
			if got := strings.Join(s.vague, " "); got != test.vague {
				t.Errorf("vague %q, want %q", got, test.vague)
			}
		})
	}
}

func TestGatesOfOneSiteAreToldApart(t *testing.T) {
	where := placed(t, `*.example.com {
		@a host a.example.com
		handle @a {
			fake_gate name=a
		}
		@b host b.example.com
		handle @b {
			fake_gate name=b
		}
	}`)
	for _, name := range []string{"a", "b"} {
		if got, want := fmt.Sprint(where[name].origins), "[https://"+name+".example.com]"; got != want {
			t.Errorf("gate %s: %s, want %s", name, got, want)
		}
	}
}

func TestNarrow(t *testing.T) {
	host := func(names ...string) caddyhttp.MatcherSet {
		m := caddyhttp.MatchHost(names)
		return caddyhttp.MatcherSet{&m}
	}
	path := caddyhttp.MatcherSet{&caddyhttp.MatchPath{"/x"}}
	for _, test := range []struct {
		name    string
		outer   hosts
		sets    caddyhttp.MatcherSets
		want    hosts
		reached bool
	}{
		{"no matcher keeps any", anyHost, nil, anyHost, true},
		{"no matcher keeps those", hosts{"a"}, nil, hosts{"a"}, true},
		{"any of two sets", anyHost, caddyhttp.MatcherSets{host("a"), host("b")}, hosts{"a", "b"}, true},
		{"a set without host lets any in", anyHost, caddyhttp.MatcherSets{host("a"), path}, anyHost, true},
		{"a set without host keeps those", hosts{"a"}, caddyhttp.MatcherSets{path}, hosts{"a"}, true},
		{"disjoint", hosts{"a"}, caddyhttp.MatcherSets{host("b")}, nil, false},
		{"disjoint in one set", anyHost, caddyhttp.MatcherSets{append(host("a"), host("b")...)}, nil, false},
		{"wildcard outside", hosts{"*.x"}, caddyhttp.MatcherSets{host("a.x", "a.y", "a.b.x")}, hosts{"a.x"}, true},
		{"wildcard inside", hosts{"a.x"}, caddyhttp.MatcherSets{host("*.x")}, hosts{"a.x"}, true},
		{"case", hosts{"A.x"}, caddyhttp.MatcherSets{host("a.X")}, hosts{"a.X"}, true},
	} {
		got, reached := test.outer.narrow(test.sets)
		if !slices.Equal(got, test.want) || (got == nil) != (test.want == nil) || reached != test.reached {
			t.Errorf("%s: %v %v, want %v %v", test.name, got, reached, test.want, test.reached)
		}
	}
}
