package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// boxes are a server and a gate in two Caddys.
type boxes struct {
	serverCaddy, gateCaddy *caddy
	server, gate           string // origins
	serverFile, gateFile   string
	secret                 string
	app                    *app
}

func startBoxes(t *testing.T) *boxes {
	t.Helper()
	b := &boxes{app: startApp(t), server: "http://" + freeAddr(t), gate: "http://" + freeAddr(t)}
	b.serverFile = fmt.Sprintf("%s {\n\tauth_server\n}\n", b.server)
	b.serverCaddy = startCaddy(t, b.serverFile)
	b.serverCaddy.people()
	created := b.serverCaddy.authJSON("", "client", "create", "wiki", "--name", "The Wiki",
		"--redirect", b.gate+"/oidc/callback", "--post-logout", b.gate+"/", "--skip-consent")
	b.secret, _ = created["secret"].(string)
	if b.secret == "" {
		t.Fatalf("client create says %v", created)
	}
	b.gateFile = b.gateWith(b.secret)
	b.gateCaddy = startCaddy(t, b.gateFile)
	return b
}

func (b *boxes) gateWith(secret string) string {
	return fmt.Sprintf(`
%s {
	auth_client %s {
		client_id wiki
		client_secret %s
	}
	reverse_proxy %s
}
`, b.gate, b.server, secret, b.app.addr)
}

func TestTwoBoxes(t *testing.T) {
	t.Parallel()
	b := startBoxes(t)

	p := newPerson(t)
	deep := b.gate + "/pages/x?y=1"
	h := p.open(deep).onLogin(b.server).signIn("alice", password).at(deep, 200).upstream().Header
	if h.Get("Remote-User") != "alice" || h.Get("Remote-Groups") != "staff,wiki" {
		t.Errorf("the app saw %v", h)
	}
	me, err := p.me(b.gate)
	if err != nil {
		t.Fatal(err)
	}
	if company, _ := me["company"].(map[string]any); company["name"] != "Acme" {
		t.Errorf("/oidc/me says %v", me)
	}

	t.Run("sessions outlive a restart of either side", func(t *testing.T) {
		b.gateCaddy.stop()
		b.gateCaddy.start(b.gateFile)
		p.open(deep).at(deep, 200)
		b.serverCaddy.stop()
		p.open(deep).at(deep, 200) // the gate needs no server for who is signed in
		b.serverCaddy.start(b.serverFile)
		p.open(deep).at(deep, 200)
	})

	t.Run("sessions outlive a crash of either side", func(t *testing.T) {
		b.gateCaddy.kill()
		b.serverCaddy.kill()
		b.serverCaddy.start(b.serverFile)
		b.gateCaddy.start(b.gateFile)
		p.open(deep).at(deep, 200)
	})

	t.Run("a sign-in begun before restarts of both sides ends after them", func(t *testing.T) {
		p := newPerson(t)
		p.open(deep).onLogin(b.server)
		b.gateCaddy.stop()
		b.gateCaddy.start(b.gateFile)
		b.serverCaddy.stop()
		b.serverCaddy.start(b.serverFile)
		p.signIn("alice", password).at(deep, 200)
	})

	t.Run("who is signed in at the server is not asked again", func(t *testing.T) {
		p := newPerson(t)
		p.open(b.gate+"/").onLogin(b.server).signIn("bob", password)
		p.open(b.gate+"/oidc/login?return=/elsewhere").at(b.gate+"/elsewhere", 200)
	})

	t.Run("signing out ends it at both and comes back", func(t *testing.T) {
		p.open(b.gate + "/oidc/logout").onLogin(b.server) // back at the gate, which asks again
		if resp := p.fetch("GET", b.gate+"/"); resp.StatusCode != 401 {
			t.Errorf("the gate still lets in: %s", resp.Status)
		}
	})
}

func TestServerUnreachable(t *testing.T) {
	t.Parallel()
	b := startBoxes(t)
	p := newPerson(t)
	p.open(b.gate+"/").onLogin(b.server).signIn("alice", password)
	b.serverCaddy.stop()
	b.gateCaddy.stop() // forgets what it had discovered
	b.gateCaddy.start(b.gateFile)

	p.open(b.gate+"/").at(b.gate+"/", 200)
	stranger := newPerson(t)
	stranger.open(b.gate + "/")
	if stranger.status != 503 {
		t.Errorf("a stranger gets %d\n%s", stranger.status, stranger.body)
	}
	waitFor(t, time.Minute, func() error {
		if log := b.gateCaddy.log.String(); !strings.Contains(log, b.server) || !strings.Contains(log, "refused") {
			return fmt.Errorf("the log does not say that %s refuses:\n%s", b.server, log)
		}
		return nil
	})
	b.serverCaddy.start(b.serverFile)
	waitFor(t, time.Minute, func() error {
		if err := stranger.try("GET", b.gate+"/", nil); err != nil {
			return err
		}
		if stranger.status == 503 {
			return fmt.Errorf("the gate does not find the server again")
		}
		return nil
	})
	stranger.onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
}
