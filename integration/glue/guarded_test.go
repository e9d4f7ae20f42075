package glue

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func asksToSignIn(p *page) bool { return strings.Contains(p.body, `id="login-submit"`) }

// A gate with a matcher guards what matches. What does not is passed on, but
// without headers that would make the upstream take a stranger for somebody.
func TestMatcherOfTheGate(t *testing.T) {
	b := start(t, `
$SERVER {
	auth_server
}
$GATE {
	auth_client /private/* $SERVER {
		authorization strip
	}
	reverse_proxy $APP
}
`)
	c := newBrowser(t)
	_, header := c.get(b.gate+"/elsewhere", "Remote-User", "alice", "Authorization", "Bearer mine").seen(t)
	if header.Get("Remote-User") != "" {
		t.Errorf("a forged Remote-User reached the upstream: %v", header)
	}
	if header.Get("Authorization") != "Bearer mine" {
		t.Errorf("what is not guarded lost its Authorization: %v", header)
	}
	if p := c.get(b.gate + "/private/x"); !asksToSignIn(p) {
		t.Fatalf("/private/x asks for no sign-in: %s", p)
	}
	_, header = c.signIn(b.gate+"/private/x", "alice").seen(t)
	if header.Get("Remote-User") != "alice" {
		t.Errorf("the upstream saw %v", header)
	}
	if jar, _ := url.Parse(b.gate); !strings.Contains(fmt.Sprint(c.Jar.Cookies(jar)), b.gateCookieName()) {
		t.Fatalf("there is no cookie %s: %v", b.gateCookieName(), c.Jar.Cookies(jar))
	}
	_, header = c.get(b.gate+"/private/x", "Authorization", "Bearer mine").seen(t)
	if header.Get("Authorization") != "" {
		t.Errorf("authorization strip left %v", header)
	}
	// Outside, nobody is known, and the session stays out of the upstream.
	_, header = c.get(b.gate + "/elsewhere").seen(t)
	if header.Get("Remote-User") != "" || b.gateCookie(header) {
		t.Errorf("the upstream saw %v", header)
	}
}

// Two gates in one site: one after the other, for the same request too.
func TestTwoGates(t *testing.T) {
	b := start(t, `
$SERVER {
	auth_server
}
$GATE {
	@admin path /admin/*
	auth_client @admin $SERVER {
		allow group staff
		header X-Admin username
	}
	@rest not path /admin/* /open/*
	auth_client @rest $SERVER
	@both path /admin/both/*
	auth_client @both $SERVER {
		allow user alice
		header X-Both email
	}
	reverse_proxy $APP
}
`)
	alice, bob := newBrowser(t), newBrowser(t)
	alice.signIn(b.gate+"/x", "alice")
	bob.signIn(b.gate+"/x", "bob")

	forged := []string{"X-Admin", "forged", "X-Both", "forged", "Remote-User", "forged"}
	for _, c := range []struct {
		who    *browser
		path   string
		status int
		header map[string]string
	}{
		{alice, "/x", 200, map[string]string{"Remote-User": "alice", "X-Admin": "", "X-Both": ""}},
		{alice, "/admin/x", 200, map[string]string{"Remote-User": "", "X-Admin": "alice", "X-Both": ""}},
		{alice, "/admin/both/x", 200, map[string]string{"Remote-User": "", "X-Admin": "alice", "X-Both": "alice@example.com"}},
		{alice, "/open/x", 200, map[string]string{"Remote-User": "", "X-Admin": "", "X-Both": ""}},
		{bob, "/x", 200, map[string]string{"Remote-User": "bob", "X-Admin": "", "X-Both": ""}},
		{bob, "/admin/x", 403, nil},
		{bob, "/admin/both/x", 403, nil},
	} {
		p := c.who.get(b.gate+c.path, forged...)
		if p.status != c.status {
			t.Errorf("%s: %s", c.path, p)
			continue
		}
		if c.status != 200 {
			continue
		}
		_, header := p.seen(t)
		for name, want := range c.header {
			if got := strings.Join(header[name], "|"); got != want {
				t.Errorf("%s: %s is %q instead of %q", c.path, name, got, want)
			}
		}
		if b.gateCookie(header) {
			t.Errorf("%s: the gate's cookie reached the upstream", c.path)
		}
	}
	for _, path := range []string{"/x", "/admin/x", "/admin/both/x"} {
		if p := newBrowser(t).get(b.gate + path); !asksToSignIn(p) {
			t.Errorf("%s lets strangers in: %s", path, p)
		}
	}
}

// A server and a gate in one site: signing in must not need being signed in.
func TestServerBehindGate(t *testing.T) {
	b := start(t, `
$GATE {
	reverse_proxy $APP
	auth_client
	auth_server
}
`)
	p := newBrowser(t).signIn(b.gate+"/x?y=1", "bob")
	if uri, header := p.seen(t); uri != "/x?y=1" || header.Get("Remote-User") != "bob" || header["Cookie"] != nil {
		t.Errorf("the upstream saw %s %v", uri, header)
	}
}

// All ports of a host share one jar. What stands behind a server gets the cookies of
// no server and no gate, unless it is a gate.
func TestCookiesBehindServers(t *testing.T) {
	b := start(t, `
$SERVER {
	route {
		auth_server
		auth_client /guarded/* $SERVER
		reverse_proxy $APP
	}
}
$GATE {
	route {
		auth_client /guarded/* $SERVER
		auth_server {
			issuer $GATE
		}
		auth_client /guarded/twice/* $SERVER {
			allow user alice
		}
		reverse_proxy $APP
	}
}
`)
	alice := newBrowser(t)
	alice.signIn(b.gate+"/guarded/x", "alice")
	for _, path := range []string{"/guarded/x", "/guarded/twice/x", "/x"} {
		for _, origin := range []string{b.server, b.gate} {
			p := alice.get(origin+path, "Cookie", "mine=1")
			if asksToSignIn(p) {
				t.Errorf("%s%s asks alice to sign in again", origin, path)
				continue
			}
			_, header := p.seen(t)
			want := "alice"
			if path == "/x" {
				want = ""
			}
			if got := header.Get("Remote-User"); got != want {
				t.Errorf("%s%s: Remote-User is %q, want %q", origin, path, got, want)
			}
			if got := header.Get("Cookie"); got != "mine=1" {
				t.Errorf("%s%s: the app gets the cookies %q", origin, path, got)
			}
		}
	}
	for _, path := range []string{"/guarded/x", "/guarded/twice/x"} {
		if p := newBrowser(t).get(b.gate + path); !asksToSignIn(p) {
			t.Errorf("%s lets strangers in: %s", path, p)
		}
	}
}

func TestHandleErrors(t *testing.T) {
	const sites = `
$SERVER {
	auth_server
}
$GATE {
	auth_client $SERVER {
		allow group staff
	}
	reverse_proxy $APP
	%ERRORS%
}
`
	for name, c := range map[string]struct {
		errors string
		want   string
	}{
		"for this status":      {"handle_errors 403 {\n respond \"mine {err.status_code}\" 403\n }", "mine 403"},
		"for every status":     {"handle_errors {\n respond \"mine {err.status_code}\" 403\n }", "mine 403"},
		"for another status":   {"handle_errors 404 {\n respond \"mine\" 404\n }", "You may not see this"},
		"none":                 {"", "You may not see this"},
		"with nothing to say":  {"handle_errors {\n @never path /never\n respond @never \"mine\"\n }", "You may not see this"},
		"for the server's own": {"handle_errors 5xx {\n respond \"mine\" 500\n }", "You may not see this"},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, strings.Replace(sites, "%ERRORS%", c.errors, 1))
			p := newBrowser(t).signIn(b.gate+"/x", "bob")
			if p.status != 403 || !strings.Contains(p.body, c.want) {
				t.Errorf("bob got %s", p)
			}
			if !strings.Contains(p.header.Get("Cache-Control"), "no-store") {
				t.Errorf("the refusal may be cached: %v", p.header)
			}
		})
	}
}
