package glue

import (
	"net/http"
	"testing"
)

// A matcher sees one reading of a path; the app may have another, so a path
// that has more than one is guarded.
func TestMatcherAndAmbiguousPaths(t *testing.T) {
	b := start(t, `
$SERVER {
	auth_server
}
$GATE {
	auth_client /admin/* $SERVER
	reverse_proxy $APP
}
`)
	c := newBrowser(t)
	c.get(b.gate + "/elsewhere/x;y").mustNotBeSeen(t)
	for _, path := range []string{"/admin;x=1/secret", "/%5cadmin/x", "/admin%00/x", "/%2561dmin/x", "/x/..;/admin", "/x%2f..%2fadmin/x", "/%ff"} {
		c.get(b.gate + path).mustNotBeSeen(t)
	}
	if uri, _ := c.get(b.gate + "/elsewhere/caf%C3%A9?a;b/..").seen(t); uri != "/elsewhere/caf%C3%A9?a;b/.." {
		t.Errorf("the upstream saw %s", uri)
	}
}

// FastCGI tells the app the path as it was asked for, not as it was rewritten.
// Both must be allowed.
func TestMatcherOfTheGateAndRewrites(t *testing.T) {
	b := start(t, `
$SERVER {
	auth_server
}
$GATE {
	@pages path /admin/* /shop/* /open/*
	rewrite @pages /index.php
	rewrite /sneaky /admin/x
	rewrite /odd/* /index.php
	auth_client /admin/* $SERVER
	reverse_proxy $APP
}
`)
	c := newBrowser(t)
	for _, path := range []string{"/admin/x", "/sneaky", "/odd/;x"} {
		c.get(b.gate + path).mustNotBeSeen(t)
	}
	if uri, _ := c.get(b.gate + "/shop/x").seen(t); uri != "/index.php" {
		t.Errorf("the upstream saw %s", uri)
	}
}

func TestRulesAndRewrites(t *testing.T) {
	b := start(t, `
$SERVER {
	auth_server
}
$GATE {
	@pages path /admin/* /page /static/old.css /open/a;b
	rewrite @pages /index.php
	rewrite /static/v1.css /static/v2.css
	auth_client $SERVER {
		public /index.php /static/* /open/*
		allow {
			path /admin/*
			group staff
		}
	}
	reverse_proxy $APP
}
`)
	stranger, bob, alice := newBrowser(t), newBrowser(t), newBrowser(t)
	for _, path := range []string{"/page", "/admin/x", "/open/a;b"} {
		stranger.get(b.gate + path).mustNotBeSeen(t)
	}
	for _, path := range []string{"/index.php", "/static/old.css", "/static/v1.css", "/static/x"} {
		stranger.get(b.gate + path).seen(t)
	}
	bob.signIn(b.gate+"/page", "bob").seen(t)
	if p := bob.get(b.gate + "/admin/x"); p.status != http.StatusForbidden {
		t.Errorf("bob got %s", p)
	}
	alice.signIn(b.gate+"/admin/x", "alice").seen(t)
}

// mustNotBeSeen fails if the page is one of the upstream's.
func (p *page) mustNotBeSeen(t *testing.T) {
	t.Helper()
	if !asksToSignIn(p) {
		t.Errorf("a stranger got %s", p)
	}
}
