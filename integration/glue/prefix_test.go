package glue

import "testing"

// In a block of a path, the gate's own pages must be below that path. What
// handle_path strips does not matter: they go by the path that was asked for.
func TestGateInABlockOfAPath(t *testing.T) {
	for _, block := range []string{"handle", "handle_path", "route"} {
		t.Run(block, func(t *testing.T) {
			b := start(t, `
$SERVER {
	auth_server
}
$GATE {
	`+block+` /x/* {
		auth_client $SERVER {
			prefix /x/oidc
		}
		reverse_proxy $APP
	}
	respond "open"
}
`)
			c := newBrowser(t)
			want := "/x/page?q=1"
			if block == "handle_path" {
				want = "/page?q=1"
			}
			if uri, header := c.signIn(b.gate+"/x/page?q=1", "alice").seen(t); uri != want || header.Get("Remote-User") != "alice" {
				t.Errorf("the upstream saw %s and %v", uri, header)
			}
			if p := c.get(b.gate + "/elsewhere"); p.body != "open" {
				t.Errorf("beside the block: %s", p)
			}
			if p := c.get(b.gate + "/x/oidc/me"); p.status != 200 {
				t.Errorf("/x/oidc/me: %s", p)
			}
		})
	}
}
