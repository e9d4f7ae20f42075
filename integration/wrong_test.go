package integration

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What goes wrong at the start says what happened, where, and what to do.
func TestWrongStart(t *testing.T) {
	t.Parallel()
	server, gate := "http://"+freeAddr(t), "http://"+freeAddr(t)
	good := boxFile(server, gate, "localhost:1", "")

	// says runs a Caddy that must end, and checks its last words.
	says := func(t *testing.T, c *caddy, caddyfile string, want ...string) {
		t.Helper()
		c.run(caddyfile)
		log := c.ended()
		for _, w := range want {
			if !strings.Contains(strings.ToLower(log), strings.ToLower(w)) {
				t.Errorf("the log lacks %q:\n%s", w, log)
			}
		}
		if strings.Contains(log, "panic") || strings.Contains(log, "goroutine ") {
			t.Errorf("it panicked:\n%s", log)
		}
	}
	db := func(c *caddy) string { return filepath.Join(c.dataDir(), "caddyito", "auth.db") }
	// installed is a Caddy that ran once.
	installed := func(t *testing.T) *caddy {
		c := startCaddy(t, good)
		c.stop()
		return c
	}

	t.Run("port taken", func(t *testing.T) {
		l, err := net.Listen("tcp", strings.TrimPrefix(server, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c := newCaddy(t)
		says(t, c, good, "address already in use")
		if log := c.log.String(); strings.Contains(log, "/o/setup?token=") {
			t.Errorf("it shows a link to what does not run:\n%s", log)
		}
	})
	t.Run("database locked by another Caddy", func(t *testing.T) {
		c := startCaddy(t, good)
		second := newCaddy(t)
		second.dir = c.dir
		other := boxFile("http://"+freeAddr(t), "http://"+freeAddr(t), "localhost:1", "")
		says(t, second, other, "auth.db", "locked", "caddy reload")
		c.stop()
	})
	t.Run("database empty", func(t *testing.T) {
		c := installed(t)
		if err := os.Truncate(db(c), 0); err != nil {
			t.Fatal(err)
		}
		says(t, c, good, "auth.db", "restore")
	})
	t.Run("database gone", func(t *testing.T) {
		c := installed(t)
		if err := os.Remove(db(c)); err != nil {
			t.Fatal(err)
		}
		says(t, c, good, "auth.db", "restore")
	})
	t.Run("database garbage", func(t *testing.T) {
		c := installed(t)
		garbage, err := os.ReadFile(garbageFile(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(db(c), garbage, 0o600); err != nil {
			t.Fatal(err)
		}
		says(t, c, good, "auth.db", "restore")
		if after, _ := os.ReadFile(db(c)); string(after) != string(garbage) {
			t.Error("the file was changed")
		}
	})
	t.Run("master key missing", func(t *testing.T) {
		c := installed(t)
		if err := os.Remove(filepath.Join(c.dataDir(), "caddyito", "master.key")); err != nil {
			t.Fatal(err)
		}
		says(t, c, good, "master.key", "master key")
	})
	t.Run("master key of another", func(t *testing.T) {
		c, other := installed(t), installed(t)
		key, err := os.ReadFile(filepath.Join(other.dataDir(), "caddyito", "master.key"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.dataDir(), "caddyito", "master.key"), key, 0o600); err != nil {
			t.Fatal(err)
		}
		says(t, c, good, "master key is not the one")
	})
	t.Run("unknown option", func(t *testing.T) {
		c := newCaddy(t)
		says(t, c, boxFile(server, gate, "localhost:1", "alow group staff"), "Caddyfile:", "alow", "allow")
	})
	t.Run("no server for a gate", func(t *testing.T) {
		says(t, newCaddy(t), fmt.Sprintf("%s {\n\tauth_client https://nowhere.example\n}\n", gate), "https://nowhere.example", "client_id")
	})
	t.Run("nothing listens for the command line", func(t *testing.T) {
		c := newCaddy(t)
		out, err := c.command("", "auth", "user", "list", "--address", c.admin)
		if err == nil || !strings.Contains(out, c.admin) || !strings.Contains(out, "caddy run") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// What goes wrong at a sign-in says what to do, to the person and in the log.
func TestWrongSignIn(t *testing.T) {
	t.Parallel()
	b := startBoxes(t)

	t.Run("wrong client secret", func(t *testing.T) {
		if err := b.gateCaddy.reload(b.gateWith(strings.Repeat("x", 43))); err != nil {
			t.Fatal(err)
		}
		p := newPerson(t)
		p.open(b.gate+"/").onLogin(b.server).signIn("alice", password)
		if p.status < 500 || strings.Contains(p.body, "Remote-User") {
			t.Errorf("the person is at %s with %d\n%s", p.url, p.status, p.body)
		}
		waitFor(t, time.Minute, func() error {
			if log := b.gateCaddy.log.String(); !strings.Contains(log, "invalid_client") || !strings.Contains(log, "its secret is wrong") {
				return fmt.Errorf("the log does not say that the secret is wrong:\n%s", log)
			}
			return nil
		})
		if err := b.gateCaddy.reload(b.gateFile); err != nil {
			t.Fatal(err)
		}
		newPerson(t).open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
	})

	t.Run("redirect URI not registered", func(t *testing.T) {
		other := "http://" + freeAddr(t)
		if err := b.gateCaddy.reload(b.gateFile + strings.ReplaceAll(b.gateFile, b.gate, other)); err != nil {
			t.Fatal(err)
		}
		p := newPerson(t)
		p.open(other + "/")
		if p.status != 400 || !strings.HasPrefix(p.url.String(), b.server) || !strings.Contains(p.body, other+"/oidc/callback") {
			t.Errorf("the person is at %s with %d\n%s", p.url, p.status, p.body)
		}
	})

	t.Run("cookie from another key", func(t *testing.T) {
		p := newPerson(t)
		gate, _ := url.Parse(b.gate)
		server, _ := url.Parse(b.server)
		p.open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
		var forged []*http.Cookie
		for _, u := range []*url.URL{gate, server} {
			for _, c := range p.client.Jar.Cookies(u) {
				forged = append(forged, &http.Cookie{Name: c.Name, Value: strings.Repeat("A", len(c.Value)), Path: "/"})
			}
			p.client.Jar.SetCookies(u, forged)
		}
		if len(forged) == 0 {
			t.Fatal("there are no cookies")
		}
		p.open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
	})

	t.Run("issuer under another name", func(t *testing.T) {
		alias := strings.Replace(b.server, "localhost", "127.0.0.1", 1)
		b.serverCaddy.stop()
		b.serverCaddy.start(b.serverFile + strings.ReplaceAll(b.serverFile, b.server+" {\n\tauth_server", alias+" {\n\tauth_server {\n\t\tissuer "+b.server+"\n\t}"))
		if err := b.gateCaddy.reload(strings.ReplaceAll(b.gateFile, b.server, alias)); err != nil {
			t.Fatal(err)
		}
		p := newPerson(t)
		p.open(b.gate + "/")
		if p.status != 503 {
			t.Errorf("the person is at %s with %d\n%s", p.url, p.status, p.body)
		}
		waitFor(t, time.Minute, func() error {
			if log := b.gateCaddy.log.String(); !strings.Contains(log, b.server) || !strings.Contains(log, alias) {
				return fmt.Errorf("the log does not name both issuers:\n%s", log)
			}
			return nil
		})
	})
}

// Attacks from outside on the journey as a whole.
func TestAttacks(t *testing.T) {
	t.Parallel()
	b := startBoxes(t)

	t.Run("a stranger's callback signs nobody in", func(t *testing.T) {
		mallory := newPerson(t)
		var callback string
		mallory.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if strings.Contains(r.URL.Path, "/oidc/callback") {
				callback = r.URL.String()
				return http.ErrUseLastResponse
			}
			return nil
		}
		mallory.open(b.gate+"/").onLogin(b.server).signIn("bob", password)
		if callback == "" {
			t.Fatal("no callback was caught")
		}
		victim := newPerson(t)
		victim.open(callback).onLogin(b.server)
		if resp := victim.fetch("GET", b.gate+"/"); resp.StatusCode != 401 {
			t.Errorf("the victim is signed in: %s", resp.Status)
		}
	})

	t.Run("a return address stays on the host", func(t *testing.T) {
		for _, evil := range []string{"https://evil.example/", "//evil.example/", `/\evil.example/`, "/%2f/evil.example", "/\tx//evil.example", "http:evil.example", `\\evil.example`, "/%5cevil.example", "/x@evil.example:80//"} {
			p := newPerson(t)
			p.open(b.gate + "/oidc/login?return=" + url.QueryEscape(evil))
			if strings.Contains(p.body, "login-submit") {
				p.signIn("alice", password)
			}
			if !strings.HasPrefix(p.url.String(), b.gate+"/") {
				t.Errorf("%q led to %s", evil, p.url)
			}
		}
	})

	t.Run("a forged Host changes no address", func(t *testing.T) {
		for _, path := range []string{"/.well-known/openid-configuration", "/o/authorize?client_id=wiki"} {
			r, _ := http.NewRequest("GET", b.server+path, nil)
			r.Header.Set("X-Forwarded-Host", "evil.example")
			r.Header.Set("X-Forwarded-Proto", "https")
			r.Header.Set("Forwarded", "host=evil.example")
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var body strings.Builder
			resp.Write(&body)
			if strings.Contains(body.String(), "evil.example") {
				t.Errorf("%s: %s", path, body.String())
			}
		}
	})
}

// A field that is misspelt lets nobody pass, and the log says why.
func TestWrongFields(t *testing.T) {
	t.Parallel()
	c := startCaddy(t, boxFile("http://"+freeAddr(t), "http://"+freeAddr(t), "localhost:1", `header X-Id id
		header X-Name name
		header X-Company company.name
		header X-Wrong company.nmae
		allow group staff
		allow {
			field company.primary_activity Buyer
			field emial alice@example.com
			field is_staff true
		}`))
	const says = "auth_client names a field that no user has here"
	log := c.log.String()
	for _, want := range []string{`"header X-Wrong","field":"company.nmae"`, `"field":"emial"`, `"field":"is_staff"`, "there are"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if n := strings.Count(log, says); n != 3 {
		t.Errorf("it warns %d times:\n%s", n, log)
	}
}
