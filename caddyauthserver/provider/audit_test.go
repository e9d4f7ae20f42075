package provider_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/store"
)

// audited is the log, oldest first.
func (s *server) audited(q store.AuditQuery) (lines []string) {
	s.t.Helper()
	for _, r := range s.auditRecords(q) {
		line := string(r.Action)
		if r.Actor.Type != "" {
			line += " by " + r.Actor.Type + " " + r.Actor.ID
		}
		if r.Target.Type != "" {
			line += " to " + r.Target.Type + " " + r.Target.ID
		}
		lines = append([]string{line}, lines...)
	}
	return lines
}

func (s *server) auditRecords(q store.AuditQuery) (records []*store.AuditRecord) {
	s.t.Helper()
	err := s.store.View(s.t.Context(), func(tx store.ReadTx) (err error) {
		records, _, err = tx.Audit(&q, 1000)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return records
}

// failedSignIns closes the provider, which writes down what failed, and lists it.
func (s *server) failedSignIns() []*store.AuditRecord {
	s.t.Helper()
	s.srv.Close()
	s.p.Close()
	return s.auditRecords(store.AuditQuery{Action: store.ActionSignInFailed})
}

// resets is a mailbox that has nothing but links for new passwords.
type resets struct{ mailbox }

func (r resets) Send(m *mail.Message) {
	if resetLink.MatchString(m.Text) {
		r.mailbox.Send(m)
	}
}

// TestAudit: what a person does is written down, as theirs, from where they did it,
// and without anything that opens something.
func TestAudit(t *testing.T) {
	box := make(mailbox, 100)
	s := newServer(t, func(c *provider.Config) { c.Mailer = resets{box} })
	s.p.StartMail()
	b := s.browser()
	got := b.tokens("openid offline_access")
	b.post("/o/consent", b.get("/o/consent?request="+url.QueryEscape(authQuery("spa", spaRedirect).Encode())).form("decision", "deny"))
	s.call("POST", "/o/revoke", as("app", appSecret), url.Values{"token": {got.refresh}})
	other := s.browser().signIn("alice", alicePassword)
	other.post("/o/account/sessions", other.get("/o/account/sessions").form("others", "1"))
	other.changePassword("current_password", alicePassword, "new_password", newPassword, "new_password_again", newPassword)
	other.post("/o/logout", other.get("/o/logout").form())
	b.forgot("alice")
	link := box.link(t)
	b.choosePassword(link, alicePassword)
	code := s.browser().code(authQuery("app", appRedirect))
	s.token(as("app", appSecret), codeForm(code, appRedirect))
	s.token(as("app", appSecret), codeForm(code, appRedirect)) // stolen
	want := []string{
		"signin.success by user 1 to user 1",
		"consent.grant by user 1 to client app",
		"consent.deny by user 1 to client spa",
		"token.revoke by client app to user 1",
		"signin.success by user 1 to user 1",
		"session.end by user 1 to user 1",
		"password.change by user 1 to user 1",
		"session.signout by user 1 to user 1",
		"password.link to user 1",
		"password.reset by user 1 to user 1",
		"signin.success by user 1 to user 1",
		"consent.grant by user 1 to client app", // to more than before
		"token.replay by client app to user 1",
	}
	if lines := s.audited(store.AuditQuery{}); strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log has\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	text := ""
	for _, r := range s.auditRecords(store.AuditQuery{}) {
		text += fmt.Sprintf("%+v\n", r)
		if r.Action == store.ActionSignIn && (r.IP != "127.0.0.1" || !strings.HasPrefix(r.UserAgent, "Go-http-client") || r.Actor.Name != "alice" || !r.Time.Equal(s.clock.now())) {
			t.Errorf("a sign-in is written as %+v", r)
		}
	}
	for _, secret := range []string{got.access, got.refresh, code, alicePassword, newPassword, strings.TrimPrefix(link, "/o/reset?token=")} {
		if secret == "" || strings.Contains(text, secret) {
			t.Errorf("the log has the secret %q", secret)
		}
	}
	if !strings.Contains(text, "mailed_to") || !strings.Contains(text, "offline_access") {
		t.Errorf("details are missing: %s", text)
	}
}

// TestAuditOfFailures: failed sign-ins are counted together by account and network,
// what was typed is not kept where nobody has that name, and they are there when the
// provider ends.
func TestAuditOfFailures(t *testing.T) {
	s := newServer(t)
	s.p.StartAudit()
	b := s.browser()
	for range 3 {
		b.login(b.get("/o/login"), "alice", "wrong")
	}
	b.login(b.get("/o/login"), "Alice@example.com", "wrong") // another name of theirs
	b.login(b.get("/o/login"), "disabled", alicePassword)
	b.login(b.get("/o/login"), "my secret password", "wrong")
	b.login(b.get("/o/login"), "nobody", "wrong")
	got := map[string]int{}
	for _, r := range s.failedSignIns() {
		got[r.Target.Type+r.Target.ID+r.Target.Name] += r.Times()
		if r.IP != "127.0.0.1" || r.Actor.Type != "" || strings.Contains(fmt.Sprint(r), "secret") {
			t.Errorf("a failure is written as %+v", r)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(map[string]int{"user1alice": 4, "user3disabled": 1, "": 2}) {
		t.Errorf("counted %v", got)
	}
}

// TestAuditIsNotFlooded: however many networks somebody has, what they add to the
// log is bounded, and yet all of it is counted.
func TestAuditIsNotFlooded(t *testing.T) {
	const attempts = 3000
	s := newServer(t)
	s.p.StartAudit()
	network := 0
	s.p.ClientIP = func(*http.Request) string { return fmt.Sprintf("10.%d.%d.1", network/250, network%250) }
	b := s.browser()
	form := b.get("/o/login").form("username", "disabled", "password", strings.Repeat("x", 2000)) // refused before it costs anything
	for network = range attempts {
		b.post("/o/login", form)
	}
	records, total := s.failedSignIns(), 0
	for _, r := range records {
		total += r.Times()
	}
	if len(records) > 700 || total != attempts {
		t.Errorf("%d attempts are %d records of %d", attempts, len(records), total)
	}
}
