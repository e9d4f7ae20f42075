package integration

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// enforced waits until the person's next request to the gate shows what is
// wanted. A change travels by itself; nobody signs in again.
func enforced(t *testing.T, p *person, gate, what string, ok func(status int, me map[string]any) bool) {
	t.Helper()
	waitFor(t, time.Minute, func() error {
		me, err := p.me(gate)
		status := 200
		if err != nil {
			status = 0
			fmt.Sscanf(err.Error(), "%d", &status)
		}
		if !ok(status, me) {
			return fmt.Errorf("%s: the gate still says %v, %v", what, me, err)
		}
		return nil
	})
}

func companyNamed(name string) func(int, map[string]any) bool {
	return func(_ int, me map[string]any) bool {
		company, _ := me["company"].(map[string]any)
		return company["name"] == name
	}
}

func signedOut(status int, _ map[string]any) bool { return status == 401 }

func TestSyncTwoBoxes(t *testing.T) {
	t.Parallel()
	b := startBoxes(t)
	b.showMirror("")
	alice, bob := newPerson(t), newPerson(t)
	alice.open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
	bob.open(b.gate+"/").onLogin(b.server).signIn("bob", password).at(b.gate+"/", 200)

	t.Run("who renames the company renames it at the gate", func(t *testing.T) {
		b.serverCaddy.auth("", "object", "set", "company", "1", "name=Acme & Sons")
		waitFor(t, time.Minute, func() error {
			if company := alice.open(b.gate + "/").upstream().Header.Get("Remote-Company"); company != "Acme & Sons" {
				return fmt.Errorf("the app is told of %q", company)
			}
			return nil
		})
		enforced(t, alice, b.gate, "renamed", companyNamed("Acme & Sons"))
	})

	t.Run("who is disabled is out", func(t *testing.T) {
		b.serverCaddy.auth("", "user", "disable", "bob")
		enforced(t, bob, b.gate, "disabled", signedOut)
		b.serverCaddy.auth("", "user", "enable", "bob")
		enforced(t, alice, b.gate, "alice", companyNamed("Acme & Sons"))
		if resp := bob.fetch("GET", b.gate+"/"); resp.StatusCode != 401 {
			t.Errorf("enabling gives back a session that was ended: %s", resp.Status)
		}
	})

	const crowd = 1000
	t.Run("a thousand users changed while the gate is down are there when it is up", func(t *testing.T) {
		for i := range crowd {
			b.serverCaddy.addUser(fmt.Sprintf("crowd%d", i))
		}
		waitFor(t, time.Minute, b.settled)
		b.gateCaddy.stop()
		b.serverCaddy.auth("", "object", "set", "company", "1", "name=Missed")
		for i := range crowd {
			b.serverCaddy.setUser(fmt.Sprintf("crowd%d", i), `{"first_name":"Changed","company":1}`)
		}
		b.gateCaddy.start(b.gateFile)
		enforced(t, alice, b.gate, "renamed while down", companyNamed("Missed"))
		b.wantCrowd(crowd, "Missed")
	})

	t.Run("a gate whose database was deleted fills itself", func(t *testing.T) {
		b.gateCaddy.stop()
		if err := os.RemoveAll(filepath.Join(b.gateCaddy.dataDir(), "caddyito")); err != nil {
			t.Fatal(err)
		}
		b.gateCaddy.start(b.gateFile)
		b.wantCrowd(crowd, "Missed")
		p := newPerson(t)
		p.open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
		b.serverCaddy.auth("", "object", "set", "company", "1", "name=Anew")
		enforced(t, p, b.gate, "renamed after it was deleted", companyNamed("Anew"))
	})

	t.Run("a crash of either side loses nothing", func(t *testing.T) {
		p := newPerson(t)
		p.open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
		b.serverCaddy.auth("", "object", "set", "company", "1", "name=Before")
		b.serverCaddy.kill()
		b.serverCaddy.start(b.serverFile)
		enforced(t, p, b.gate, "the server crashed", companyNamed("Before"))
		b.serverCaddy.auth("", "object", "set", "company", "1", "name=After")
		b.gateCaddy.kill()
		b.gateCaddy.start(b.gateFile)
		enforced(t, p, b.gate, "the gate crashed", companyNamed("After"))
	})

	t.Run("a reload of the server hands over", func(t *testing.T) {
		p := newPerson(t)
		p.open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
		if err := b.serverCaddy.reload(b.serverFile); err != nil {
			t.Fatal(err)
		}
		b.serverCaddy.auth("", "object", "set", "company", "1", "name=Reloaded")
		enforced(t, p, b.gate, "after a reload", companyNamed("Reloaded"))
	})

	t.Run("resync", func(t *testing.T) {
		b.serverCaddy.auth("", "sync", "resync", "wiki")
		waitFor(t, time.Minute, func() error {
			if err := b.settled(); err != nil {
				return err
			}
			if s := b.serverCaddy.authJSON("", "sync", "status"); strings.Contains(fmt.Sprint(s), "resync:true") {
				return fmt.Errorf("still to be done: %v", s)
			}
			return nil
		})
	})

	t.Run("who is deleted is out", func(t *testing.T) {
		p := newPerson(t)
		p.open(b.gate+"/").onLogin(b.server).signIn("bob", password).at(b.gate+"/", 200)
		b.serverCaddy.auth("", "user", "delete", "bob", "--yes")
		enforced(t, p, b.gate, "deleted", signedOut)
	})
}

// addUser is "caddy auth user create --no-password", without a process for each.
func (c *caddy) addUser(name string) {
	c.t.Helper()
	c.api("POST", "/auth/users", `{"username":"`+name+`"}`)
}

// setUser is "caddy auth user set", without a process for each.
func (c *caddy) setUser(name, body string) {
	c.t.Helper()
	c.api("PATCH", "/auth/users/"+name, body)
}

// api asks the admin API for a change.
func (c *caddy) api(method, path, body string) {
	c.t.Helper()
	r, err := http.NewRequest(method, "http://"+c.admin+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode/100 != 2 {
		c.t.Fatalf("%s %s: %s: %s, %v", method, path, resp.Status, answer, err)
	}
}

// settled says whether the server knows the gate to have everything.
func (b *boxes) settled() error {
	s := b.serverCaddy.authJSON("", "sync", "status")
	clients, _ := s["clients"].([]any)
	if len(clients) != 1 {
		return fmt.Errorf("sync status lists %v", s)
	}
	c := clients[0].(map[string]any)
	if c["client_id"] != "wiki" || c["lag"] != 0.0 || c["error"] != nil || c["seq"] != s["head"] {
		return fmt.Errorf("the gate has not everything: %v", s)
	}
	return nil
}

func TestSyncOneBox(t *testing.T) {
	t.Parallel()
	app := startApp(t)
	server, gate := "http://"+freeAddr(t), "http://"+freeAddr(t)
	c := startCaddy(t, fmt.Sprintf("%s {\n\tauth_server\n}\n%s {\n\tauth_client\n\treverse_proxy %s\n}\n", server, gate, app.addr))
	c.people()
	p := newPerson(t)
	p.open(gate+"/").onLogin(server).signIn("alice", password).at(gate+"/", 200)
	c.auth("", "object", "set", "company", "1", "name=Renamed")
	enforced(t, p, gate, "renamed", companyNamed("Renamed"))
	c.auth("", "user", "disable", "alice")
	enforced(t, p, gate, "disabled", signedOut)
	s := fmt.Sprint(c.authJSON("", "sync", "status"))
	if strings.Contains(s, "error") || !strings.Contains(s, "lag:0") {
		t.Errorf("sync status: %s", s)
	}
	begun := time.Now()
	c.stop()
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the process took %s to stop: it waits for a pull", took)
	}
}
