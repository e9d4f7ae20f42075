package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/storetest"
)

const newPassword = "another horse battery"

func (b *browser) changePassword(set ...string) *answer {
	b.t.Helper()
	set = append([]string{"current_password", alicePassword, "new_password", newPassword, "new_password_again", newPassword}, set...)
	return b.post("/o/password", b.get("/o/password").form(set...))
}

func (s *server) canSignIn(username, pw string) bool {
	b := s.browser()
	return b.login(b.get("/o/login"), username, pw).StatusCode == http.StatusSeeOther
}

func TestChangePassword(t *testing.T) {
	s := newServer(t)
	b, other, bob := s.browser(), s.browser().signIn("alice", alicePassword), s.browser().signIn("bob", "bob's password")
	here, away := b.tokens("openid"), b.tokens("openid offline_access")
	there := other.tokens("openid")
	before := b.sessionCookie().Value
	if a := b.get("/o"); !strings.Contains(a.body, `href="/o/password"`) {
		t.Error("nothing leads there")
	}
	a := b.changePassword()
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, "Password changed") {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if s.canSignIn("alice", alicePassword) || !s.canSignIn("alice", newPassword) {
		t.Error("the old password is still the one")
	}
	if !b.signedIn() || b.sessionCookie().Value == before {
		t.Error("this browser is signed out, or has the id of before")
	}
	if other.signedIn() || !bob.signedIn() {
		t.Error("another browser of hers is still signed in, or somebody else is not")
	}
	for name, c := range map[string]struct {
		access string
		status int
	}{"from here": {here.access, 200}, "for while she is away": {away.access, 401}, "from another browser": {there.access, 401}} {
		if got := s.call("GET", "/o/userinfo", "Bearer "+c.access, nil).StatusCode; got != c.status {
			t.Errorf("the token %s: %d", name, got)
		}
	}
	s.update(func(tx store.WriteTx) error {
		c, err := tx.Credential(1)
		if err != nil || !strings.HasPrefix(c.PasswordHash, "$argon2id$") || !c.PasswordChangedAt.Equal(s.clock.now()) {
			t.Errorf("kept as %+v, %v", c, err)
		}
		return nil
	})
	if log := s.logs.String(); strings.Contains(log, newPassword) || strings.Contains(log, alicePassword) {
		t.Error("a password is in the log")
	}
}

func TestPasswordRefused(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	for _, c := range []struct {
		name   string
		set    []string
		status int
		says   string
	}{
		{"the current one is wrong", []string{"current_password", "wrong"}, 403, "current_password-problem"},
		{"there is none", []string{"current_password", ""}, 403, "current_password-problem"},
		{"too short", []string{"new_password", "short", "new_password_again", "short"}, 422, "new_password-problem"},
		{"too long", []string{"new_password", strings.Repeat("x", 1025), "new_password_again", strings.Repeat("x", 1025)}, 422, "new_password-problem"},
		{"not twice the same", []string{"new_password_again", newPassword + "x"}, 422, "new_password_again-problem"},
		{"no CSRF token", []string{"csrf", ""}, 403, "open for too long"},
		{"the CSRF token of another form", []string{"csrf", s.browser().get("/o/login").field("csrf")}, 403, "open for too long"},
	} {
		a := b.changePassword(c.set...)
		if a.StatusCode != c.status || !strings.Contains(a.body, c.says) {
			t.Errorf("%s: %d %s", c.name, a.StatusCode, a.body)
		}
		if strings.Contains(a.body, newPassword) {
			t.Errorf("%s: the password is in the page", c.name)
		}
	}
	stolen := s.browser().signIn("bob", "bob's password").get("/o/password").form("current_password", alicePassword, "new_password", newPassword, "new_password_again", newPassword)
	if a := b.post("/o/password", stolen); a.StatusCode != http.StatusForbidden {
		t.Errorf("with the form of another session: %d", a.StatusCode)
	}
	for _, a := range []*answer{s.browser().get("/o/password"), s.browser().post("/o/password", url.Values{"new_password": {newPassword}})} {
		if a.StatusCode != http.StatusSeeOther || a.location().Path != "/o/login" {
			t.Errorf("without a session: %d %s", a.StatusCode, a.Header.Get("Location"))
		}
	}
	if !s.canSignIn("alice", alicePassword) {
		t.Error("the password was changed")
	}
}

// Who sits at a browser that is signed in cannot guess the password there.
func TestPasswordGuesses(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	form := b.get("/o/password").form("current_password", "wrong", "new_password", newPassword, "new_password_again", newPassword)
	for range 10 {
		b.post("/o/password", form)
	}
	form.Set("current_password", alicePassword)
	if a := b.post("/o/password", form); a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("the eleventh guess: %d", a.StatusCode)
	}
	s.clock.add(time.Minute)
	if a := b.post("/o/password", form); a.StatusCode != http.StatusOK {
		t.Errorf("a minute later: %d %s", a.StatusCode, a.body)
	}
}

// The name that signed in may be somebody else's by the time the form comes.
func TestPasswordOfWhoHasTheNameNow(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	form := b.get("/o/password").form("current_password", "bob's password", "new_password", newPassword, "new_password_again", newPassword)
	s.editUser(1, func(u *store.User) { u.Username = "alice2" })
	s.editUser(2, func(u *store.User) { u.Username = "alice" })
	if a := b.post("/o/password", form); a.StatusCode != http.StatusForbidden {
		t.Errorf("with the password of another: %d", a.StatusCode)
	}
	if !s.canSignIn("alice", "bob's password") || !s.canSignIn("alice2", alicePassword) {
		t.Error("a password was changed")
	}
}

// What the form was checked against is looked at again when the password is
// written.
func TestPasswordChangedMeanwhile(t *testing.T) {
	m := new(storetest.Meanwhile)
	s := newServer(t, func(c *provider.Config) { m.Store = c.Store; c.Store = m })
	for name, happens := range map[string]func(store.WriteTx) error{
		"signed out": func(tx store.WriteTx) error {
			_, err := tx.DeleteSessionsOf(store.ServerRealm, "1", store.Hash{})
			return err
		},
		"given another password": func(tx store.WriteTx) error {
			return tx.PutCredential(&store.Credential{UserID: 1, PasswordHash: hashOf(t, "bob's password")})
		},
	} {
		b := s.browser().signIn("alice", alicePassword)
		form := b.get("/o/password").form("current_password", alicePassword, "new_password", newPassword, "new_password_again", newPassword)
		m.Happens.Store(&happens)
		if a := b.post("/o/password", form); a.location().Path != "/o/login" {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
		if s.canSignIn("alice", newPassword) {
			t.Errorf("%s: the password was changed", name)
		}
		s.update(func(tx store.WriteTx) error {
			return tx.PutCredential(&store.Credential{UserID: 1, PasswordHash: hashOf(t, alicePassword)})
		})
	}
}

// Whose password was changed is told, since it may have been somebody else.
func TestPasswordChangesAreMailed(t *testing.T) {
	s, box := newMailing(t)
	told := func(says string) {
		t.Helper()
		for len(box) > 0 {
			if m := <-box; m.Subject == "Your password was changed · Example" {
				for _, body := range []string{m.Text, m.HTML} {
					if m.To != "alice@example.com" || !strings.Contains(body, says) || !strings.Contains(body, "127.0.0.1") || !strings.Contains(body, s.issuer+"/o/forgot") || strings.Contains(body, newPassword) {
						t.Errorf("to %s: %s", m.To, body)
					}
				}
				return
			}
		}
		t.Errorf("no mail says %q", says)
	}
	b := s.browser().signIn("alice", alicePassword)
	form := b.get("/o/password").form("current_password", "wrong", "new_password", newPassword, "new_password_again", newPassword)
	if b.post("/o/password", form); len(box) > 0 {
		t.Fatalf("a mail of what was not done: %+v", <-box)
	}
	form.Set("current_password", alicePassword)
	b.post("/o/password", form)
	told("The password of your account was changed.")
	link, err := s.p.PasswordLink(t.Context(), store.AuditOrigin{Time: s.clock.now()}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if a := s.browser().choosePassword(link, newPassword); a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	told("A password for your account was chosen by a link.")
}
