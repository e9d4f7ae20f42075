package glue

import (
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

const twoSites = `
$SERVER {
	auth_server
}
$GATE {
	auth_client $SERVER {
		public /open/*
	}
	@whoami path /whoami /open/whoami
	respond @whoami "{http.auth.user.id}|{http.auth.user.username}|{http.auth.user.name}|{http.auth.user.groups}|{http.auth.user.company.name}|{http.auth.user.no_such}|{http.auth.user.company.no_such}|"
	reverse_proxy $APP
}
`

// From the first start on: the link in the log makes the first user, and the
// app behind the gate knows who it is.
func TestFirstStart(t *testing.T) {
	b := newBox(t)
	if err := b.load(twoSites); err != nil {
		t.Fatal(err)
	}
	links := setupLinks(b)
	if len(links) != 1 {
		t.Fatalf("the log shows %d setup links: %s", len(links), b.log())
	}
	c := newBrowser(t)
	p := c.submit(c.get(links[0]), "username", "carol", "email", "carol@example.com", "password", pass)
	if p.status != 200 {
		t.Fatalf("setup: %s", p)
	}
	// Making the first user signed carol in at the server.
	uri, header := c.get(b.gate+"/deep/link?x=%2F&y=2", "Remote-User", "root", "Remote_groups", "staff").seen(t)
	if uri != "/deep/link?x=%2F&y=2" {
		t.Errorf("the upstream saw %s", uri)
	}
	if header.Get("Remote-User") != "carol" || header.Get("Remote-Email") != "carol@example.com" {
		t.Errorf("the upstream saw %v", header)
	}
	for name, v := range header {
		if strings.Contains(strings.ToLower(name), "groups") {
			t.Errorf("the upstream saw %s: %v", name, v)
		}
	}
	if b.gateCookie(header) {
		t.Errorf("the upstream saw the gate's cookie: %v", header)
	}

	// Nobody else can be made by the link, and no other link appears.
	if p := newBrowser(t).get(links[0]); strings.Contains(p.body, `name="password"`) {
		t.Errorf("the setup link works twice: %s", p)
	}
	if err := b.load(twoSites); err != nil {
		t.Fatal(err)
	}
	if n := len(setupLinks(b)); n != 1 {
		t.Errorf("after a superuser was made the log shows %d setup links", n)
	}
}

func setupLinks(b *box) []string {
	return regexp.MustCompile(regexp.QuoteMeta(b.server)+`/o/setup\?token=[\w-]{43}`).FindAllString(b.log(), -1)
}

// A server that others do not find runs, since who has its address may sign in there,
// and the log says so. So does one behind its gate, where that leaves its pages out.
func TestServerOutOfReachOfOthers(t *testing.T) {
	const warning = "not all of what auth_server answers gets to it"
	b := start(t, "$SERVER {\n auth_server /o/*\n respond 404\n}\n")
	if log := b.log(); !strings.Contains(log, warning) || !strings.Contains(log, b.server+"/.well-known/openid-configuration") {
		t.Errorf("the log does not say so: %s", log)
	}
	for _, gate := range []string{"auth_client /app/*", "auth_client {\n public /o/* /.well-known/*\n }"} {
		b := start(t, "$SERVER {\n route {\n "+gate+"\n auth_server\n respond \"hi\"\n }\n}\n")
		if log := b.log(); strings.Contains(log, warning) {
			t.Errorf("%s: the log says %s", gate, log)
		}
		if p := newBrowser(t).signIn(b.server+"/app/x", "bob"); p.body != "hi" {
			t.Errorf("%s: bob got %s", gate, p)
		}
	}
}

// A reload must not end the link that somebody is about to follow.
func TestSetupLinkOutlivesReload(t *testing.T) {
	b := newBox(t)
	for range 3 {
		if err := b.load(twoSites); err != nil {
			t.Fatal(err)
		}
	}
	links := setupLinks(b)
	if len(links) != 1 {
		t.Fatalf("three loads show %d setup links", len(links))
	}
	if p := newBrowser(t).get(links[0]); !strings.Contains(p.body, `name="password"`) {
		t.Errorf("the link is over: %s", p)
	}
}

// Nor may a config that does not come to run, which shows no link of its own: it would
// lead nowhere.
func TestSetupLinkOutlivesFailedReload(t *testing.T) {
	b := newBox(t)
	links := func() []string {
		return regexp.MustCompile(`http://localhost:\d+/o/setup\?token=[\w-]{43}`).FindAllString(b.log(), -1)
	}
	// Another issuer, and a gate that has none.
	const bad = "$GATE {\n auth_server\n}\n$SERVER {\n auth_client https://nowhere.example\n}\n"
	if err := b.load(bad); err == nil {
		t.Fatal("the bad config was accepted")
	}
	if shown := links(); len(shown) != 0 {
		t.Errorf("a first start that failed shows %q", shown)
	}
	if err := b.load(twoSites); err != nil {
		t.Fatal(err)
	}
	if err := b.load(bad); err == nil {
		t.Fatal("the bad config was accepted")
	}
	shown := links()
	if len(shown) != 1 {
		t.Fatalf("after a reload that failed the log shows %q", shown)
	}
	if p := newBrowser(t).get(shown[0]); !strings.Contains(p.body, `name="password"`) {
		t.Errorf("the link is over: %s", p)
	}
}

// Nor may another server with the same store end it. One whose server is gone
// is of no use to anybody.
func TestOneSetupLinkForAllServersOfAStore(t *testing.T) {
	b := newBox(t)
	links := func() []string {
		return regexp.MustCompile(`http://localhost:\d+/o/setup\?token=[\w-]{43}`).FindAllString(b.log(), -1)
	}
	for range 2 {
		if err := b.load("$SERVER {\n auth_server\n}\n$GATE {\n auth_server\n}\n"); err != nil {
			t.Fatal(err)
		}
	}
	shown := links()
	if len(shown) != 1 {
		t.Fatalf("two loads of two servers show %q", shown)
	}
	if p := newBrowser(t).get(shown[0]); !strings.Contains(p.body, `name="password"`) {
		t.Errorf("the link is over: %s", p)
	}
	other := b.gate
	if strings.HasPrefix(shown[0], b.gate) {
		other = b.server
	}
	if err := b.load(other + " {\n auth_server\n}\n"); err != nil {
		t.Fatal(err)
	}
	if shown = links(); len(shown) != 2 || !strings.HasPrefix(shown[1], other+"/") {
		t.Fatalf("without the first server the log shows %q", shown)
	}
	if p := newBrowser(t).get(shown[1]); !strings.Contains(p.body, `name="password"`) {
		t.Errorf("the link of the server that is left is over: %s", p)
	}
}

func TestPlaceholders(t *testing.T) {
	b := start(t, twoSites)
	if p := newBrowser(t).get(b.gate + "/open/whoami"); p.body != "|||||||" {
		t.Errorf("a stranger's placeholders are %q", p.body)
	}
	alice := newBrowser(t)
	want := "1|alice|Alice <b>Archer</b>|staff,wiki|Acme <&> Sons|||"
	if p := alice.signIn(b.gate+"/whoami", "alice"); p.body != want {
		t.Errorf("alice's placeholders are %q", p.body)
	}
	if p := alice.get(b.gate + "/open/whoami"); p.body != want {
		t.Errorf("on a public path alice's placeholders are %q", p.body)
	}
	if p := newBrowser(t).signIn(b.gate+"/whoami", "bob"); p.body != "2|bob|bob|||||" {
		t.Errorf("bob's placeholders are %q", p.body)
	}
}

func TestIdentityHeadersOfStrangers(t *testing.T) {
	b := start(t, twoSites)
	_, header := newBrowser(t).get(b.gate+"/open/x", "Remote-User", "alice", "remote-groups", "staff", "Remote.Email", "a@b", "Connection", "Remote-Name").seen(t)
	for name := range header {
		if strings.HasPrefix(strings.ToLower(name), "remote") {
			t.Errorf("a stranger's %s reached the upstream: %v", name, header)
		}
	}
}

func TestSignOut(t *testing.T) {
	b := start(t, twoSites)
	alice := newBrowser(t)
	alice.signIn(b.gate+"/x", "alice")
	p := alice.get(b.gate+"/oidc/logout", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-User", "?1")
	if strings.Contains(p.body, "<form") {
		alice.submit(p)
	}
	if p := alice.get(b.gate + "/x"); !strings.Contains(p.body, `id="login-submit"`) {
		t.Errorf("after signing out the page does not ask: %s", p)
	}
}

// The user of a session is known to what comes after, also after a reload.
func TestSessionOutlivesReload(t *testing.T) {
	b := start(t, twoSites)
	alice := newBrowser(t)
	alice.signIn(b.gate+"/x", "alice")
	if err := b.load(strings.Replace(twoSites, "public /open/*", "public /other/*", 1)); err != nil {
		t.Fatal(err)
	}
	if _, h := alice.get(b.gate + "/x").seen(t); h.Get("Remote-User") != "alice" {
		t.Errorf("the session was lost: %v", h)
	}
}

func TestStartErrors(t *testing.T) {
	for name, c := range map[string]struct{ sites, want string }{
		"no host": {`
http:// {
	auth_server
}`, "issuer"},
		"several origins": {`
$SERVER, $OTHER {
	auth_server
}`, "say which one is the issuer"},
		"secret missing from the environment": {`
$SERVER {
	auth_server {
		client wiki {
			secret {env.NO_SUCH_SECRET}
			redirect https://wiki.example.com/oidc/callback
		}
	}
}`, "NO_SUCH_SECRET"},
		"secret too short in the environment": {`
$SERVER {
	auth_server {
		client wiki {
			secret {env.SHORT_SECRET}
			redirect https://wiki.example.com/oidc/callback
		}
	}
}`, "the secret has 7 bytes"},
		"redirect wrong in the environment": {`
$SERVER {
	auth_server {
		client wiki {
			public
			redirect {env.SHORT_SECRET}/callback
		}
	}
}`, "must be an absolute URL"},
		"two clients at one address": {`
$SERVER {
	auth_server
}
$GATE {
	auth_client $SERVER
	auth_client /other/* https://id.example.com {
		client_id other
	}
}`, "another prefix"},
		"server in a handle_path": {`
$SERVER {
	handle_path /sso/* {
		auth_server
	}
	respond "home"
}`, "/o/login, which does not get to it"},
		"server behind its own gate": {`
$SERVER {
	route {
		auth_client
		auth_server
		respond "home"
	}
}`, "put auth_server before auth_client there"},
		"gate with the prefix of its server": {`
$SERVER {
	auth_server
	auth_client {
		prefix /o
	}
}`, "give it another prefix"},
		"gate without server": {`
$GATE {
	auth_client
}`, "auth_client"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			t.Setenv("SHORT_SECRET", "hunter2")
			err := b.load(strings.ReplaceAll(c.sites, "$OTHER", strings.Replace(b.server, "localhost", "127.0.0.1", 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it says %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") && !strings.Contains(name, "redirect") {
				t.Errorf("the secret is in the error: %v", err)
			}
		})
	}
	caddy.Stop()
}
