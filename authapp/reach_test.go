package authapp

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// A gate that does not get its own pages is refused: nobody could sign in.
func TestGatesGetTheirCallback(t *testing.T) {
	const registered = " client_id=w client_secret=ssssssssssssssssssssssssssssssss"
	for _, test := range []struct {
		name, site string
		says       string // "" if it starts
	}{
		{"whole site", "http://w.example.com {\n fake_gate\n}", ""},
		{"in handle", "http://w.example.com {\n handle {\n fake_gate\n }\n}", ""},
		{"handle of a path", "http://w.example.com {\n handle /x/* {\n fake_gate\n }\n}",
			"auth_client at http://w.example.com: people come back from signing in to http://w.example.com/oidc/callback, which does not get to it: the matchers of the site, handle, handle_path or route in which it stands do not match that; add to the auth_client: prefix /x/oidc"},
		{"handle of a path, prefix", "http://w.example.com {\n handle /x/* {\n fake_gate prefix=/x/oidc\n }\n}", ""},
		{"registered", "http://w.example.com {\n handle /x/* {\n fake_gate" + registered + "\n }\n}", "prefix /x/oidc"},
		{"handle_path", "http://w.example.com {\n handle_path /x/* {\n fake_gate\n }\n}", "prefix /x/oidc"},
		{"handle_path, prefix", "http://w.example.com {\n handle_path /x/* {\n fake_gate prefix=/x/oidc\n }\n}", ""},
		{"route of a path", "http://w.example.com {\n route /X/y/* {\n fake_gate\n }\n}", "prefix /x/y/oidc"},
		{"route of a path, prefix", "http://w.example.com {\n route /X/y/* {\n fake_gate prefix=/x/y/oidc\n }\n}", ""},
		{"nested", "http://w.example.com {\n handle /x/* {\n route /x/y/* {\n fake_gate\n }\n }\n}", "a prefix that they do match"},
		{"nested in handle_path", "http://w.example.com {\n handle_path /x/* {\n handle /y/* {\n fake_gate prefix=/x/y/oidc\n }\n }\n}", ""},
		{"nested in handle_path, wrong", "http://w.example.com {\n handle_path /x/* {\n handle /y/* {\n fake_gate prefix=/x/oidc\n }\n }\n}", "does not get to it"},
		{"path of the site", "http://w.example.com/docs/* {\n fake_gate\n}", "prefix /docs/oidc"},
		{"not that path", "http://w.example.com {\n @x not path /oidc/*\n handle @x {\n fake_gate\n }\n}", "a prefix that they do match"},
		{"not another path", "http://w.example.com {\n @x not path /static/*\n handle @x {\n fake_gate\n }\n}", ""},
		{"a regular expression", "http://w.example.com {\n @x path_regexp ^/x/\n handle @x {\n fake_gate\n }\n}", "a prefix that they do match"},
		{"an address", "http://w.example.com {\n @in not remote_ip 10.0.0.0/8\n handle @in {\n fake_gate\n }\n}", ""},
		{"a header", "http://w.example.com {\n @in header X-In 1\n handle @in {\n fake_gate\n }\n}", ""},
		{"one of several paths", "http://w.example.com {\n @x path /x/* /oidc/*\n handle @x {\n fake_gate\n }\n}", ""},
		{"taken by another handle", "http://w.example.com {\n handle /oidc/* {\n respond 404\n }\n handle {\n fake_gate\n }\n}", "does not get to it"},
		{"taken by another gate of its client", "http://w.example.com {\n handle /x/* {\n fake_gate\n }\n handle {\n fake_gate\n }\n}", ""},
		{"at another address", "http://w.example.com {\n handle /x/* {\n fake_gate" + registered + "\n }\n}\nhttp://v.example.com {\n fake_gate" + registered + "\n}", "auth_client at http://w.example.com"},
		{"beside a handle of WebSockets", "http://w.example.com {\n @ws header Upgrade websocket\n handle @ws {\n respond 404\n }\n handle {\n fake_gate\n }\n}", ""},
		{"beside a handle of the house", "http://w.example.com {\n @in remote_ip 10.0.0.0/8\n handle @in {\n respond 200\n }\n handle {\n fake_gate\n }\n}", ""},
		{"beside a handle of all others", "http://w.example.com {\n @out not client_ip 10.0.0.0/8\n handle @out {\n respond 403\n }\n handle {\n fake_gate\n }\n}", ""},
		{"beside a handle of a method", "http://w.example.com {\n @post method POST\n handle @post {\n respond 200\n }\n handle {\n fake_gate\n }\n}", ""},
		{"rewritten for some", "http://w.example.com {\n @bot header User-Agent *bot*\n rewrite @bot /bots\n handle /oidc/* {\n fake_gate\n }\n}", ""},
		{"a method of another path", "http://w.example.com {\n @x {\n method GET\n path /x/*\n }\n handle @x {\n fake_gate\n }\n}", "prefix /x/oidc"},
		{"a snippet, at the host of a wildcard", "(guard) {\n handle {\n fake_gate {args[:]}\n }\n}\nhttp://*.example.com {\n @w host w.example.com\n handle @w {\n import guard\n }\n handle {\n abort\n }\n}", ""},
		{"what goes before", "http://w.example.com {\n @bad client_ip 10.0.0.0/8\n abort @bad\n redir /old /new\n respond /health 200\n @file file\n handle @file {\n file_server\n }\n handle_path /api/* {\n respond 200\n }\n @spa not path /static/*\n handle @spa {\n fake_gate\n try_files {path} /index.html\n }\n}", ""},
		{"beside what depends on the query", "http://w.example.com {\n @q query a=b\n handle @q {\n respond 200\n }\n handle {\n fake_gate\n }\n}", ""},
		{"any host, any origin", "http:// {\n fake_gate origin=http://w.example.com\n}", ""},
		{"a host of the site that leads to the other", "http://w.example.com, http://v.example.com {\n @v host v.example.com\n handle @v {\n redir http://w.example.com{uri}\n }\n handle {\n fake_gate\n }\n}", ""},
		{"several hosts, none with the path", "http://w.example.com, http://v.example.com {\n handle /x/* {\n fake_gate\n }\n}", "prefix /x/oidc"},
		{"not from within", "http://w.example.com {\n @out {\n not remote_ip 10.0.0.0/8\n not path /public/*\n }\n handle @out {\n fake_gate\n }\n handle {\n respond 200\n }\n}", ""},
		{"prefix stripped on the way", "http://w.example.com {\n route /x/* {\n uri strip_prefix /x\n fake_gate prefix=/x/oidc\n }\n}", ""},
		{"expression", "http://w.example.com {\n @x expression path('/x/*')\n handle @x {\n fake_gate\n }\n}", ""},
		{"rewritten perhaps", "http://w.example.com {\n @x expression path('/x/*')\n rewrite @x /oidc/callback\n handle /oidc/* {\n fake_gate\n }\n}", ""},
		{"rewritten away", "http://w.example.com {\n rewrite /oidc/* /index.php\n handle /oidc/* {\n fake_gate\n }\n}", "does not get to it"},
		{"placeholder", "http://w.example.com {\n @x path {vars.p}/*\n handle @x {\n fake_gate\n }\n}", ""},
		{"named route", "&(guard) {\n handle /x/* {\n fake_gate\n }\n}\nhttp://w.example.com {\n invoke guard\n}", "prefix /x/oidc"},
		{"any host", ":18191 {\n handle /x/* {\n fake_gate origin=http://w.example.com:18191\n }\n}", "prefix /x/oidc"},
		{"any host, prefix", ":18191 {\n handle /x/* {\n fake_gate origin=http://w.example.com:18191 prefix=/x/oidc\n }\n}", ""},
		{"an origin of another site", "http://w.example.com {\n fake_gate origin=http://v.example.com\n}", "no request for its origin http://v.example.com gets to it"},
		{"an origin of the site's hosts", "http://*.example.com {\n fake_gate origin=http://v.example.com\n}", ""},
		{"an origin of the site's hosts, without its path", "http://*.example.com/x/* {\n fake_gate origin=http://v.example.com\n}", "prefix /x/oidc"},
		{"handle_errors", "http://w.example.com {\n respond 404\n handle_errors {\n fake_gate\n }\n}", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			resetEvents()
			err := load(t, globals(t.TempDir())+authSite+test.site)
			if test.says == "" && err != nil {
				t.Error(err)
			}
			if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("error %v\nwant  %q", err, test.says)
			}
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// What depends on more than the path is not refused, but said.
func TestCallbacksThatNobodyCanBeSureOf(t *testing.T) {
	for name, c := range map[string]struct {
		inside string
		want   certainty
	}{
		"expression":   {"@x expression path('/x/*')\n handle @x {\n fake_gate name=g\n }", unknown},
		"file":         {"@x file\n handle @x {\n fake_gate name=g\n }", unknown},
		"query":        {"@x query a=b\n handle @x {\n fake_gate name=g\n }", unknown},
		"try_files":    {"try_files {path} /index.html\n handle /x/* {\n fake_gate name=g\n }", unknown},
		"placeholder":  {"@x path {vars.p}/*\n handle @x {\n fake_gate name=g\n }", unknown},
		"both for one": {"@x {\n path /x/*\n expression true\n }\n handle @x {\n fake_gate name=g\n }", no},
		"a method":     {"@x method GET\n handle @x {\n fake_gate name=g\n }", assumed},
		"not a method": {"@x not method POST\n handle @x {\n fake_gate name=g\n }", assumed},
	} {
		where := "http://w.example.com {\n " + c.inside + "\n}"
		app, members := provisioned(t, where)
		if p := probeFor(app, members, nil, "http://w.example.com/oidc/callback"); p.reached != c.want {
			t.Errorf("%s: %d, want %d", name, p.reached, c.want)
		}
	}
}

// A server that nobody gets to is refused, and nothing that somebody may get to.
func TestServersGetTheirPages(t *testing.T) {
	const (
		lost   = "people sign in at http://auth.example.com/o/login, which does not get to it"
		behind = "has people sign in before they get to http://auth.example.com/o/login"
	)
	for _, test := range []struct {
		name, sites string
		says        string // "" if it starts
	}{
		{"whole site", "http://auth.example.com {\n fake_server\n}", ""},
		{"in handle", "http://auth.example.com {\n handle {\n fake_server\n }\n}", ""},
		{"handle of its prefix", "http://auth.example.com {\n handle /o/* {\n fake_server\n }\n respond 404\n}", ""},
		{"a matcher of its prefix", "http://auth.example.com {\n fake_server /o/*\n respond 404\n}", ""},
		{"handle_path", "http://auth.example.com {\n handle_path /sso/* {\n fake_server\n }\n}", lost},
		{"handle_path, prefix", "http://auth.example.com {\n handle_path /sso/* {\n fake_server prefix=/sso/o\n }\n}", ""},
		{"handle of a path", "http://auth.example.com {\n handle /sso/* {\n fake_server\n }\n respond 404\n}", "put it outside of them, or have them match /o/* and /.well-known/*"},
		{"path of the site", "http://auth.example.com/sso/* {\n fake_server\n}", lost},
		{"taken by another handle", "http://auth.example.com {\n handle /o/* {\n respond 404\n }\n handle {\n fake_server\n }\n}", lost},
		{"one page taken by another handle", "http://auth.example.com {\n handle /o/login {\n respond 404\n }\n handle {\n fake_server\n }\n}", ""},
		{"for programs alone", "http://auth.example.com {\n fake_server /o/token\n respond 404\n}", ""},
		{"a snippet, at the host of a wildcard", "(sso) {\n handle {\n fake_server {args[:]}\n }\n}\nhttp://*.example.com {\n @a host auth.example.com\n handle @a {\n import sso\n }\n handle {\n abort\n }\n}", ""},
		{"a wildcard, and an issuer", "http://*.example.com {\n handle /sso/* {\n fake_server url=http://auth.example.com\n }\n}", lost},
		{"named route", "&(sso) {\n fake_server\n}\nhttp://auth.example.com {\n invoke sso\n}", ""},
		{"what goes before", "http://auth.example.com {\n @bad client_ip 10.0.0.0/8\n abort @bad\n redir / /welcome\n encode\n header X-A b\n try_files {path} /index.html\n @static file\n handle @static {\n file_server\n }\n handle_path /api/* {\n respond 200\n }\n handle {\n fake_server\n respond 404\n }\n}", ""},
		{"not everybody", "http://auth.example.com {\n @in remote_ip 10.0.0.0/8\n fake_server @in\n}", ""},
		{"expression", "http://auth.example.com {\n @x expression path('/x/*')\n handle @x {\n fake_server\n }\n}", ""},
		{"handle_errors", "http://auth.example.com {\n respond 404\n handle_errors {\n fake_server\n }\n}", ""},
		{"of another address, with something in front", "http://auth.example.com {\n handle_path /sso/* {\n fake_server url=https://auth.example.com\n }\n}", ""},
		{"of another host, with something in front", "http://inside.example.com {\n handle_path /sso/* {\n fake_server url=http://auth.example.com\n }\n}", ""},
		{"any host, with something in front", "http:// {\n handle_path /sso/* {\n fake_server url=http://auth.example.com\n }\n}", ""},
		{"the same twice", "http://auth.example.com {\n fake_server\n}\nhttp://inside.example.com {\n handle_path /sso/* {\n fake_server url=http://auth.example.com\n }\n}", ""},

		{"behind its gate", "http://auth.example.com {\n route {\n fake_gate\n fake_server\n respond hi\n }\n}", behind},
		{"behind its gate in a handle", "http://auth.example.com {\n route {\n handle {\n fake_gate\n }\n fake_server\n }\n}", behind},
		{"before its gate", "http://auth.example.com {\n route {\n fake_server\n fake_gate\n respond hi\n }\n}", ""},
		{"with its gate, as directives are ordered", "http://auth.example.com {\n fake_gate\n fake_server\n respond hi\n}", ""},
		{"behind its gate that guards some", "http://auth.example.com {\n route {\n fake_gate match=/x/*\n fake_server\n }\n}", ""},
		{"behind its gate for some", "http://auth.example.com {\n route {\n @in remote_ip 10.0.0.0/8\n fake_gate @in\n fake_server\n }\n}", ""},
		{"beside its gate", "http://auth.example.com {\n route {\n handle /x/* {\n fake_gate prefix=/x/oidc\n }\n handle {\n fake_server\n }\n }\n}", ""},
		{"behind the gate of another", "http://other.example.com {\n fake_server\n}\nhttp://auth.example.com {\n route {\n fake_gate issuer=http://other.example.com\n fake_server\n }\n}", ""},

		{"a gate with its prefix", "http://auth.example.com {\n fake_server\n fake_gate prefix=/o\n}", "auth_client at http://auth.example.com: its own pages are below http://auth.example.com/o, as those of auth_server"},
		{"a gate with another's prefix", "http://auth.example.com {\n fake_server\n}\nhttp://w.example.com {\n fake_gate prefix=/o\n}", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			resetEvents()
			err := load(t, globals(t.TempDir())+test.sites)
			if test.says == "" && err != nil {
				t.Error(err)
			}
			if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("error %v\nwant  %q", err, test.says)
			}
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
