package glue

import (
	"strings"
	"testing"
)

// auth_user is evaluated when the request gets to its route, so after the gate,
// although the directive may stand in front of it in the file.
func TestMatcher(t *testing.T) {
	b := start(t, `
$SERVER {
	auth_server
}
$GATE {
	@both {
		auth_user group staff
		auth_user user Alice bob
		path /both
	}
	handle @both {
		respond "both"
	}
	@acme {
		auth_user field company.name Other "Acme <&> Sons"
		path /acme
	}
	handle @acme {
		respond "acme"
	}
	@staff auth_user group admins staff
	handle @staff {
		respond "staff"
	}
	@anyone auth_user
	handle @anyone {
		respond "anyone"
	}
	handle {
		respond "stranger"
	}
	header @anyone X-Too-Early yes
	auth_client $SERVER {
		public /open
	}
}
`)
	alice, bob := newBrowser(t), newBrowser(t)
	alice.signIn(b.gate+"/", "alice")
	bob.signIn(b.gate+"/", "bob")
	for _, c := range []struct {
		who  *browser
		path string
		want string
	}{
		{alice, "/both", "both"}, {alice, "/acme", "acme"}, {alice, "/x", "staff"}, {alice, "/open", "staff"},
		{bob, "/both", "anyone"}, {bob, "/acme", "anyone"}, {bob, "/x", "anyone"},
		{newBrowser(t), "/open", "stranger"},
	} {
		p := c.who.get(b.gate + c.path)
		if p.body != c.want {
			t.Errorf("%s: %q instead of %q", c.path, p.body, c.want)
		}
		if p.header.Get("X-Too-Early") != "" {
			t.Errorf("%s: the matcher matched in front of the gate", c.path)
		}
	}
}

// Rewrites in front of the gate hide neither its own paths nor where people
// wanted to go; rules see the path that the upstream sees.
func TestRewrites(t *testing.T) {
	b := start(t, `
$SERVER {
	auth_server
	rewrite * /gone
	respond "rewritten"
}
$GATE {
	rewrite /app/* /index.html
	rewrite /oidc/* /index.html
	rewrite /sneaky /private
	auth_client $SERVER {
		public /sneaky
	}
	reverse_proxy $APP
}
`)
	alice := newBrowser(t)
	p := alice.signIn(b.gate+"/app/deep?x=1", "alice")
	if p.url.String() != b.gate+"/app/deep?x=1" {
		t.Fatalf("came back to %s", p)
	}
	if uri, _ := p.seen(t); uri != "/index.html?x=1" {
		t.Errorf("the upstream saw %s", uri)
	}
	if p := alice.get(b.gate + "/oidc/me"); !strings.Contains(p.body, `"alice"`) {
		t.Errorf("/oidc/me: %s", p)
	}
	if p := newBrowser(t).get(b.gate + "/sneaky"); !strings.Contains(p.body, `id="login-submit"`) {
		t.Errorf("the rule was for a path that the upstream does not see: %s", p)
	}
}
