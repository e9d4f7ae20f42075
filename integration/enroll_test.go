package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// enrolBoxes are a server that takes registrations, and a gate elsewhere that is
// not started yet.
func enrolBoxes(t *testing.T) *boxes {
	t.Helper()
	b := &boxes{app: startApp(t), server: "http://" + freeAddr(t), gate: "http://" + freeAddr(t)}
	b.serverFile = fmt.Sprintf("%s {\n\tauth_server {\n\t\tdynamic_registration\n\t}\n}\n", b.server)
	b.serverCaddy = startCaddy(t, b.serverFile)
	b.serverCaddy.people()
	b.gateCaddy = newCaddy(t)
	return b
}

// token is one for gates at the origins, which are on the server's machine here.
func (b *boxes) token(origins ...string) string {
	b.serverCaddy.t.Helper()
	args := []string{"registration", "create", "--skip-consent"}
	for _, o := range origins {
		args = append(args, "--origin", o)
	}
	token, _ := b.serverCaddy.authJSON("", args...)["token"].(string)
	if token == "" {
		b.serverCaddy.t.Fatal("registration create prints no token")
	}
	return token
}

// enrolling is a site whose gate enrols with the token.
func (b *boxes) enrolling(site, token string) string {
	return fmt.Sprintf("%s {\n\tauth_client %s {\n\t\tpublic /health\n\t\tenroll %s\n\t}\n\treverse_proxy %s\n}\n", site, b.server, token, b.app.addr)
}

// clients are those of the server's list, by name.
func (b *boxes) clients() map[string][]string {
	b.serverCaddy.t.Helper()
	var page struct {
		Clients []struct{ ID, Name string }
	}
	out := b.serverCaddy.auth("", "client", "list", "--json")
	if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &page); err != nil {
		b.serverCaddy.t.Fatal(err)
	}
	named := map[string][]string{}
	for _, c := range page.Clients {
		named[c.Name] = append(named[c.Name], c.ID)
	}
	return named
}

func logged(t *testing.T, c *caddy, text string) {
	t.Helper()
	waitFor(t, time.Minute, func() error {
		if !strings.Contains(c.log.String(), text) {
			return fmt.Errorf("the log does not say %q:\n%s", text, c.log.String())
		}
		return nil
	})
}

func TestGateEnrols(t *testing.T) {
	t.Parallel()
	b := enrolBoxes(t)
	host := strings.TrimPrefix(b.gate, "http://")
	other := "http://" + freeAddr(t)
	token := b.token(b.gate, other)
	b.gateFile = b.enrolling(b.gate, token)
	b.gateCaddy.start(b.gateFile)
	logged(t, b.gateCaddy, "the gate is enrolled")
	if log := b.gateCaddy.log.String(); strings.Contains(log, token) {
		t.Errorf("the log has the token:\n%s", log)
	}
	if named := b.clients(); len(named[host]) != 1 {
		t.Fatalf("the server lists %v", named)
	}
	if status := b.serverCaddy.auth("", "sync", "status"); !strings.Contains(status, host) {
		t.Errorf("the status names no gate that people know:\n%s", status)
	}
	p := newPerson(t)
	p.open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
	if user := p.upstream().Header.Get("Remote-User"); user != "alice" {
		t.Errorf("the app saw %q", user)
	}

	t.Run("sync arrives", func(t *testing.T) {
		b.serverCaddy.auth("", "user", "set", "alice", "first_name=Alix")
		waitFor(t, time.Minute, func() error {
			me, err := p.me(b.gate)
			if err == nil && me["first_name"] != "Alix" {
				err = fmt.Errorf("/oidc/me says %v", me)
			}
			return err
		})
	})

	t.Run("restarts and a reload need no other token", func(t *testing.T) {
		b.gateCaddy.stop()
		b.serverCaddy.stop()
		b.gateCaddy.start(b.gateFile) // also without the server
		p.open(b.gate+"/").at(b.gate+"/", 200)
		b.serverCaddy.start(b.serverFile)
		if err := b.gateCaddy.reload(b.gateFile + "\n# changed"); err != nil {
			t.Fatal(err)
		}
		p.open(b.gate+"/").at(b.gate+"/", 200)
		newPerson(t).open(b.gate+"/").onLogin(b.server).signIn("bob", password).at(b.gate+"/", 200)
		if named := b.clients(); len(named[host]) != 1 || len(named) != 1 {
			t.Errorf("the server lists %v", named)
		}
	})

	t.Run("another site is told to the server", func(t *testing.T) {
		if err := b.gateCaddy.reload(b.gateFile + b.enrolling(other, token)); err != nil {
			t.Fatal(err)
		}
		waitFor(t, time.Minute, func() error {
			if out := b.serverCaddy.auth("", "client", "list"); !strings.Contains(out, other+"/oidc/callback") || !strings.Contains(out, b.gate+"/oidc/callback") {
				return fmt.Errorf("the server lists\n%s", out)
			}
			return nil
		})
		newPerson(t).open(other+"/").onLogin(b.server).signIn("bob", password).at(other+"/", 200)
	})

	t.Run("a secret that is rotated comes by itself", func(t *testing.T) {
		for _, ids := range b.clients() {
			b.serverCaddy.auth("", "client", "rotate-secret", ids[0], "--overlap", "0")
		}
		if err := b.gateCaddy.reload(b.gateFile + b.enrolling(other, token) + "\n# it asks when it starts"); err != nil {
			t.Fatal(err)
		}
		waitFor(t, time.Minute, func() error {
			p := newPerson(t)
			p.open(b.gate+"/").onLogin(b.server).signIn("bob", password)
			if p.status != 200 {
				return fmt.Errorf("a sign-in ends with %d\n%s", p.status, p.body)
			}
			return nil
		})
	})

	t.Run("the token is worth nothing to another", func(t *testing.T) {
		thief := newCaddy(t)
		site := "http://" + freeAddr(t)
		thief.start(b.enrolling(site, token))
		logged(t, thief, "is used, expired or of another server")
	})

	t.Run("deleted at the server it says what to do, and enrols anew with another token", func(t *testing.T) {
		for _, ids := range b.clients() { // by now named after the other site
			b.serverCaddy.auth("", "client", "delete", ids[0], "--yes")
		}
		if err := b.gateCaddy.reload(b.gateFile); err != nil {
			t.Fatal(err)
		}
		logged(t, b.gateCaddy, "the server does not know this gate any more")
		if err := b.gateCaddy.reload(b.enrolling(b.gate, b.token(b.gate))); err != nil {
			t.Fatal(err)
		}
		waitFor(t, time.Minute, func() error {
			if named := b.clients(); len(named[host]) != 1 {
				return fmt.Errorf("the server lists %v", named)
			}
			return nil
		})
		p := newPerson(t)
		waitFor(t, time.Minute, func() error {
			if err := p.try("GET", b.gate+"/", nil); err != nil || p.status == 503 {
				return fmt.Errorf("the gate is not there yet: %d %v", p.status, err)
			}
			return nil
		})
		p.onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
	})
}

// While it has not enrolled, a gate lets nobody in but on public paths; when the
// server can be reached it goes on by itself.
func TestGateNotEnrolledYet(t *testing.T) {
	t.Parallel()
	b := enrolBoxes(t)
	token := b.token(b.gate)
	b.serverCaddy.stop()
	b.gateCaddy.start(b.enrolling(b.gate, token))
	p := newPerson(t)
	p.open(b.gate + "/")
	if p.status != 503 || !strings.Contains(p.body, "Not enrolled yet") {
		t.Errorf("a stranger gets %d\n%s", p.status, p.body)
	}
	for path, want := range map[string]int{
		"/health": 200, "/x": 503, "/oidc/login": 503, "/oidc/callback?code=x&state=y": 503, "/oidc/me": 503, "/oidc/logout": 503, "/oidc/sync": 503,
	} {
		resp, err := http.Get(b.gate + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want || want == 503 && resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s %v", path, resp.Status, resp.Header)
		}
	}
	logged(t, b.gateCaddy, "the gate cannot enrol")
	b.serverCaddy.start(b.serverFile)
	waitFor(t, time.Minute, func() error {
		if err := p.try("GET", b.gate+"/", nil); err != nil {
			return err
		}
		if p.status == 503 {
			return fmt.Errorf("the gate does not enrol:\n%s", b.gateCaddy.log.String())
		}
		return nil
	})
	p.onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
}

// A token that names no address lets nobody choose what the server calls: no gate
// registers with it, and its log says what to ask for.
func TestGateNeedsATokenWithItsAddress(t *testing.T) {
	t.Parallel()
	b := enrolBoxes(t)
	b.gateCaddy.start(b.enrolling(b.gate, b.token()))
	logged(t, b.gateCaddy, "an initial access token that is made with --origin "+b.gate)
	if named := b.clients(); len(named) > 0 {
		t.Errorf("the server lists %v", named)
	}
}

// Whatever address a token was made for, by mistake or by whoever talked an
// administrator into it: where clouds hand out credentials nobody is sent anything.
func TestRegisteredAtForbiddenAddresses(t *testing.T) {
	t.Parallel()
	b := enrolBoxes(t)
	for _, origin := range []string{"https://169.254.169.254", "https://[fe80::1]", "https://[::ffff:169.254.169.254]", "https://0.0.0.0", "https://[fd00:ec2::254]"} {
		body := fmt.Sprintf(`{"redirect_uris":["%s/oidc/callback"],"caddyito_sync_uri":"%s/latest/api/token"}`, origin, origin)
		r, err := http.NewRequest("POST", b.server+"/o/register", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+b.token(origin))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			ID string `json:"client_id"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.ID == "" {
			t.Fatalf("%s: %s, %v", origin, resp.Status, err)
		}
		resp.Body.Close()
		waitFor(t, time.Minute, func() error {
			if out := b.serverCaddy.auth("", "sync", "status", "--json"); !strings.Contains(out, "is no address of a client") || !strings.Contains(out, answer.ID) {
				return fmt.Errorf("sync status says\n%s", out)
			}
			return nil
		})
		b.serverCaddy.auth("", "client", "delete", answer.ID, "--yes") // whose state goes with it
	}
}
