package integration

import (
	"fmt"
	"testing"
)

// rooms are two gates of one server: "here" in its Caddy, "there" in another.
type rooms struct {
	*boxes
	here string // origin of the gate in the server's Caddy
}

func startRooms(t *testing.T) *rooms {
	t.Helper()
	b := &boxes{app: startApp(t), server: "http://" + freeAddr(t), gate: "http://" + freeAddr(t)}
	r := &rooms{b, "http://" + freeAddr(t)}
	b.serverFile = fmt.Sprintf("%s {\n\tauth_server\n}\n%s {\n\tauth_client\n\treverse_proxy %s\n}\n", b.server, r.here, b.app.addr)
	b.serverCaddy = startCaddy(t, b.serverFile)
	b.serverCaddy.people()
	created := b.serverCaddy.authJSON("", "client", "create", "wiki", "--redirect", b.gate+"/oidc/callback", "--post-logout", b.gate+"/", "--skip-consent")
	b.secret, _ = created["secret"].(string)
	if created["logout_target"] != b.gate+"/oidc/backchannel-logout" {
		t.Errorf("client create says %v", created)
	}
	b.gateFile = b.gateWith(b.secret)
	b.gateCaddy = startCaddy(t, b.gateFile)
	return r
}

// signedIn is alice at both gates, in one browser.
func (r *rooms) signedIn(t *testing.T) *person {
	t.Helper()
	p := newPerson(t)
	p.open(r.here+"/").onLogin(r.server).signIn("alice", password).at(r.here+"/", 200)
	p.open(r.gate+"/").at(r.gate+"/", 200)
	return p
}

func TestBackchannelLogout(t *testing.T) {
	t.Parallel()
	r := startRooms(t)
	bystander := r.signedIn(t)

	t.Run("signing out at one gate ends the session at the other", func(t *testing.T) {
		p := r.signedIn(t)
		p.open(r.here + "/oidc/logout")
		enforced(t, p, r.gate, "signed out", signedOut)
		p.open(r.gate + "/").onLogin(r.server) // and asks to sign in
		p = r.signedIn(t)
		p.open(r.gate + "/oidc/logout")
		enforced(t, p, r.here, "signed out", signedOut)
	})

	t.Run("a gate that is down is told when it is up again", func(t *testing.T) {
		p := r.signedIn(t)
		r.gateCaddy.stop()
		p.open(r.here + "/oidc/logout")
		enforced(t, p, r.here, "signed out", signedOut)
		r.gateCaddy.start(r.gateFile)
		enforced(t, p, r.gate, "signed out", signedOut)
	})

	t.Run("a crash of the server in between loses nothing", func(t *testing.T) {
		p := r.signedIn(t)
		r.gateCaddy.stop() // so that it cannot be told at once
		p.open(r.here + "/oidc/logout")
		enforced(t, p, r.here, "signed out", signedOut)
		r.serverCaddy.kill()
		r.gateCaddy.start(r.gateFile)
		if _, err := p.me(r.gate); err != nil {
			t.Fatalf("nobody told the gate, but it says %v", err)
		}
		r.serverCaddy.start(r.serverFile)
		enforced(t, p, r.gate, "signed out", signedOut)
	})

	t.Run("an administrator's new password ends all", func(t *testing.T) {
		p := newPerson(t)
		p.open(r.gate+"/").onLogin(r.server).signIn("bob", password).at(r.gate+"/", 200)
		r.serverCaddy.auth("another good password\n", "user", "password", "bob")
		enforced(t, p, r.gate, "a new password", signedOut)
	})

	t.Run("an administrator who signs somebody out on their page ends all", func(t *testing.T) {
		r.serverCaddy.auth(password+"\n", "user", "create", "carol")
		carol := r.serverCaddy.authJSON("", "user", "show", "carol")
		p := newPerson(t)
		p.open(r.here+"/").onLogin(r.server).signIn("carol", password).at(r.here+"/", 200)
		p.open(r.gate+"/").at(r.gate+"/", 200)
		page := fmt.Sprintf("%s/o/admin/users/%v", r.server, carol["id"])
		admin := newPerson(t)
		admin.open(page).onLogin(r.server).signIn("alice", password).at(page, 200)
		admin.submit(map[string]string{"action": "signout"})
		enforced(t, p, r.here, "signed out by an administrator", signedOut)
		enforced(t, p, r.gate, "signed out by an administrator", signedOut)
	})

	for _, gate := range []string{r.here, r.gate} {
		if _, err := bystander.me(gate); err != nil {
			t.Errorf("another browser was signed out of %s: %v", gate, err)
		}
	}
}
