package provider_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// logged waits for a link in the log that leads to a page, for a person.
func (s *server) logged(page, to string) string {
	s.t.Helper()
	line := regexp.MustCompile(`to=` + regexp.QuoteMeta(to) + ` .*url="?http://[^/ ]+(` + page + `\?token=[A-Za-z0-9_-]+)`)
	for limit := time.After(time.Minute); ; {
		if found := line.FindStringSubmatch(s.logs.String()); found != nil {
			return found[1]
		}
		select {
		case <-limit:
			s.t.Fatalf("no link to %s for %s:\n%s", page, to, s.logs)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// On one's own machine, without an SMTP server, the links are in the log, they work,
// and the pages say where they are.
func TestMailInLog(t *testing.T) {
	s := newServer(t)
	s.p.StartMail()
	b := s.browser()
	if a := b.get("/o/forgot"); !strings.Contains(a.body, "written to the log of this server") || strings.Contains(a.body, "We send you") {
		t.Errorf("the page says %s", a.body)
	}
	known, unknown := s.browser().forgot("alice"), s.browser().forgot("nobody")
	if known.StatusCode != http.StatusOK || !strings.Contains(known.body, "a link is in the log of this server") || known.body != unknown.body {
		t.Errorf("%d %s\nand of nobody: %s", known.StatusCode, known.body, unknown.body)
	}
	if a := b.choosePassword(s.logged("/o/reset", "alice@example.com"), newPassword); a.StatusCode != http.StatusOK || !s.canSignIn("alice", newPassword) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}

	alice := s.browser().signIn("alice", newPassword)
	page := alice.get("/o/account/profile")
	if !strings.Contains(page.body, "a link in the log of this server") {
		t.Errorf("the profile says %s", page.body)
	}
	sent := alice.post("/o/account/profile", page.form("email", "other@example.com", "current_password", newPassword))
	if !strings.Contains(sent.body, "is in the log of this server") || strings.Contains(sent.body, "on its way") {
		t.Errorf("%d %s", sent.StatusCode, sent.body)
	}
	link := s.logged("/o/account/email", "other@example.com")
	alice.post("/o/account/email", alice.get(link).form())
	if u := s.user(1); u.Email != "other@example.com" || !u.EmailVerified {
		t.Errorf("after the link the address is %s, verified %v", u.Email, u.EmailVerified)
	}
}

// Which servers write links to the log: by the configured issuer, and never those
// that have mail.
func TestWhereMailIsInLog(t *testing.T) {
	for issuer, want := range map[string]bool{
		"http://localhost:9080":              true,
		"https://auth.localhost":             true,
		"http://127.0.0.1:9080":              true,
		"http://[::1]:9080":                  true,
		"https://auth.example.com":           false,
		"https://localhost.example.com":      false,
		"https://not-localhost.example":      false,
		"https://127.0.0.1.example.com":      false,
		"http://192.168.1.2":                 false,
		"http://0.0.0.0:9080":                false,
		"https://auth.example.com:9080":      false,
		"https://auth.localhost.localdomain": false,
	} {
		s := newServer(t, func(c *provider.Config) { c.Issuer = issuer })
		if got := s.p.MailsToLog(); got != want {
			t.Errorf("%s: %v", issuer, got)
		}
		err := s.p.MailPasswordLink(context.Background(), store.AuditOrigin{Time: s.clock.now()}, 1)
		if inLog := strings.Contains(s.logs.String(), "token="); inLog != want || (err == nil) != want {
			t.Errorf("%s: a link in the log: %v; %v", issuer, inLog, err)
		}
	}
	s, box := newMailing(t)
	if err := s.p.MailPasswordLink(context.Background(), store.AuditOrigin{Time: s.clock.now()}, 1); err != nil {
		t.Fatal(err)
	}
	if box.link(t); s.p.MailsToLog() || strings.Contains(s.logs.String(), "token=") {
		t.Error("a link that was sent is in the log too")
	}
}
