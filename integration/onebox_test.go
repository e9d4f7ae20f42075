package integration

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// box is a server and a gate in one Caddy, and an app behind the gate.
type box struct {
	*caddy
	server, gate string // origins
	app          *app
}

// boxFile is the two-line Caddyfile, on free ports. more goes into auth_client.
func boxFile(server, gate, app, more string) string {
	return fmt.Sprintf(`
%s {
	auth_server
}
%s {
	auth_client %s {
		%s
	}
	reverse_proxy %s
}
`, server, gate, server, more, app)
}

// startBox starts it, with a superuser alice of Acme.
func startBox(t *testing.T, more string) *box {
	t.Helper()
	b := &box{app: startApp(t), server: "http://" + freeAddr(t), gate: "http://" + freeAddr(t)}
	b.caddy = startCaddy(t, boxFile(b.server, b.gate, b.app.addr, more))
	b.people()
	return b
}

const password = "correct horse battery staple"

// people makes the company Acme, and alice and bob.
func (c *caddy) people() {
	c.t.Helper()
	acme := c.authJSON("", "object", "create", "company", "name=Acme", "primary_activity=Buyer")
	c.auth(password+"\n", "user", "create", "alice", "--email", "alice@example.com", "--superuser",
		"--group", "staff", "--group", "wiki", "--set", "first_name=Alice", "--set", "last_name=Archer", "--set", fmt.Sprintf("company=%v", acme["id"]))
	c.auth(password+"\n", "user", "create", "bob", "--email", "bob@example.com")
}

func TestOneBox(t *testing.T) {
	t.Parallel()
	b := startBox(t, "")

	t.Run("a deep link leads through sign-in back to itself", func(t *testing.T) {
		p := newPerson(t)
		deep := b.gate + "/pages/a%20b?x=1&y=%2F%3F&y=2"
		p.open(deep).onLogin(b.server).signIn("alice", password).at(deep, 200)
		if got := p.upstream(); got.URI != "/pages/a%20b?x=1&y=%2F%3F&y=2" {
			t.Errorf("the app saw %s", got.URI)
		}
	})

	t.Run("the app learns who it is", func(t *testing.T) {
		p := newPerson(t)
		h := p.open(b.gate+"/").onLogin(b.server).signIn("Alice@Example.com", password).at(b.gate+"/", 200).upstream().Header
		for name, want := range map[string]string{
			"Remote-User": "alice", "Remote-Email": "alice@example.com", "Remote-Name": "Alice Archer", "Remote-Groups": "staff,wiki",
		} {
			if got := h.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if c := h.Get("Cookie"); strings.Contains(c, "caddyito-localhost") {
			t.Errorf("the gate's cookie reached the app: %s", c)
		}
		me, err := p.me(b.gate)
		if err != nil {
			t.Fatal(err)
		}
		company, _ := me["company"].(map[string]any)
		if me["username"] != "alice" || company["name"] != "Acme" || company["primary_activity"] != "Buyer" {
			t.Errorf("/oidc/me says %v", me)
		}
		if p.header.Get("Cache-Control") != "private" {
			t.Errorf("Cache-Control is %q", p.header.Values("Cache-Control"))
		}
	})

	t.Run("what a stranger claims to be never reaches the app", func(t *testing.T) {
		p := newPerson(t)
		p.open(b.gate+"/").onLogin(b.server).signIn("bob", password)
		r, _ := http.NewRequest("GET", b.gate+"/", nil)
		r.Header = http.Header{"Remote-User": {"root"}, "remote_user": {"root"}, "REMOTE.USER": {"root"}, "Remote-Groups": {"staff"}}
		resp, err := p.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		b.app.mu.Lock()
		defer b.app.mu.Unlock()
		for name, values := range b.app.last.Header {
			for _, v := range values {
				if v == "root" || v == "staff" {
					t.Errorf("the app saw %s: %s", name, v)
				}
			}
		}
		if got := b.app.last.Header.Get("Remote-User"); got != "bob" {
			t.Errorf("Remote-User is %q", got)
		}
	})

	t.Run("a program is told 401 instead of a sign-in page", func(t *testing.T) {
		for _, method := range []string{"GET", "POST", "OPTIONS", "DELETE"} {
			resp := newPerson(t).fetch(method, b.gate+"/api")
			if resp.StatusCode != 401 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
				t.Errorf("%s: %s %s", method, resp.Status, resp.Header.Get("Content-Type"))
			}
		}
	})

	t.Run("signing out ends it, here and at the server", func(t *testing.T) {
		p := newPerson(t)
		p.open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
		p.open(b.gate + "/oidc/logout")
		if resp := p.fetch("GET", b.gate+"/"); resp.StatusCode != 401 {
			t.Errorf("the gate still lets in: %s", resp.Status)
		}
		p.open(b.gate + "/").onLogin(b.server)
	})

	t.Run("ten tabs each come back to their own page", func(t *testing.T) {
		first := newPerson(t)
		tabs := make([]*person, 10)
		for i := range tabs {
			tabs[i] = first.tab().open(fmt.Sprintf("%s/tab/%d?n=%d", b.gate, i, i)).onLogin(b.server)
		}
		for i, tab := range tabs {
			tab.signIn("alice", password).at(fmt.Sprintf("%s/tab/%d?n=%d", b.gate, i, i), 200)
		}
	})

	t.Run("ten tabs restored at once, before there is any cookie", func(t *testing.T) {
		first := newPerson(t)
		tabs := make([]*person, 10)
		var wg sync.WaitGroup
		for i := range tabs {
			tabs[i] = first.tab()
			wg.Go(func() {
				if err := tabs[i].try("GET", fmt.Sprintf("%s/tab/%d", b.gate, i), nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i, tab := range tabs {
			tab.onLogin(b.server).signIn("alice", password).at(fmt.Sprintf("%s/tab/%d", b.gate, i), 200)
		}
	})

	t.Run("a wrong password says the same as an unknown name", func(t *testing.T) {
		known, unknown := newPerson(t), newPerson(t)
		known.open(b.gate+"/").onLogin(b.server).signIn("bob", "wrong password").onLogin(b.server)
		unknown.open(b.gate+"/").onLogin(b.server).signIn("bill", "wrong password").onLogin(b.server)
		if known.status != unknown.status || visible(known.body, "bob") != visible(unknown.body, "bill") {
			t.Errorf("%d and %d:\n%s\n%s", known.status, unknown.status, visible(known.body, "bob"), visible(unknown.body, "bill"))
		}
	})
}

// visible is the page's error message and what surrounds it, without the name
// that was typed and the tokens.
func visible(body, name string) string {
	_, alert, _ := strings.Cut(body, `role="alert"`)
	alert, _, _ = strings.Cut(alert, "</")
	return strings.ReplaceAll(alert, name, "NAME")
}

func TestRules(t *testing.T) {
	t.Parallel()
	b := startBox(t, `
		public /health /static/*
		allow group wiki
		allow {
			path /admin/*
			field company.name Acme
			user alice
		}
	`)
	p := newPerson(t)
	if got := p.open(b.gate+"/static/a.css").at(b.gate+"/static/a.css", 200).upstream().Header.Get("Remote-User"); got != "" {
		t.Errorf("a stranger on a public path is %q", got)
	}
	for _, path := range []string{"/static/../secret", "/static/%2e%2e/secret", "/static//x", "/static/..;/secret", "/static/a%2fb", "/Health"} {
		r, _ := http.NewRequest("GET", b.gate, nil)
		r.URL.Opaque = strings.TrimPrefix(b.gate, "http:") + path
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == 200 {
			t.Errorf("%s is let in as public", path)
		}
	}
	p.open(b.gate+"/admin/x").onLogin(b.server).signIn("alice", password).at(b.gate+"/admin/x", 200)

	bob := newPerson(t)
	bob.open(b.gate+"/").onLogin(b.server).signIn("bob", password).at(b.gate+"/", 403)
	bob.open(b.gate+"/admin/x").at(b.gate+"/admin/x", 403)
	b.auth("", "user", "set", "bob", "groups=wiki")
	carol := newPerson(t)
	carol.open(b.gate+"/").onLogin(b.server).signIn("bob", password).at(b.gate+"/", 200)
	carol.open(b.gate+"/ADMIN/x").at(b.gate+"/ADMIN/x", 403)
}

func TestSetupLink(t *testing.T) {
	t.Parallel()
	app := startApp(t)
	server, gate := "http://"+freeAddr(t), "http://"+freeAddr(t)
	c := startCaddy(t, boxFile(server, gate, app.addr, ""))
	link := c.setupLink()
	p := newPerson(t)
	p.open(link).submit(map[string]string{"username": "root", "email": "root@example.com", "company": "Initech", "password": password})
	if p.status != 200 {
		t.Fatalf("setup answers %d\n%s", p.status, p.body)
	}
	if again := newPerson(t).open(link); again.status == 200 || strings.Contains(again.body, `name="password"`) {
		t.Errorf("the setup link works twice: %d\n%s", again.status, again.body)
	}
	other := newPerson(t)
	other.open(gate+"/").onLogin(server).signIn("root", password).at(gate+"/", 200)
	me, err := other.me(gate)
	if err != nil {
		t.Fatal(err)
	}
	if company, _ := me["company"].(map[string]any); me["email"] != "root@example.com" || company["name"] != "Initech" {
		t.Errorf("/oidc/me says %v", me)
	}
}

// The app calls the server in the person's name, with tokens that last four seconds.
func TestOneBoxTokensKept(t *testing.T) {
	t.Parallel()
	server, gate, app := "http://"+freeAddr(t), "http://"+freeAddr(t), startApp(t)
	c := startCaddy(t, fmt.Sprintf(`
%s {
	auth_server {
		access_token_lifetime 4s
	}
}
%s {
	auth_client %s {
		tokens keep
	}
	reverse_proxy %s {
		header_up Authorization "Bearer {http.auth.user.access_token}"
	}
}
`, server, gate, server, app.addr))
	c.people()
	p := newPerson(t)
	p.open(gate+"/").onLogin(server).signIn("alice", password)
	tokens := map[string]bool{}
	waitFor(t, time.Minute, func() error {
		token := p.open(gate+"/").at(gate+"/", 200).upstream().Header.Get("Authorization")
		r, err := http.NewRequest("GET", server+"/o/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			tokens[token] = true
		}
		if len(tokens) < 3 {
			return fmt.Errorf("%d tokens were good; the last gets %s", len(tokens), resp.Status)
		}
		return nil
	})
}
