package integration

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	smtp "github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/internal/mail/mailtest"
)

// textOf is the plain text of a mail.
func textOf(t *testing.T, m mailtest.Mail) string {
	t.Helper()
	msg, err := mail.ReadMessage(strings.NewReader(m.Data))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := multipart.NewReader(msg.Body, params["boundary"]).NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	var body io.Reader = part
	if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(part)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var linkInMail = regexp.MustCompile(`http://\S+/o/reset\?token=\S+`)

// Somebody who forgot their password, and somebody who was invited, choose one by a
// link that came by mail.
func TestMail(t *testing.T) {
	t.Parallel()
	post := mailtest.Start(t, smtp.NoTLS, nil)
	b := &box{app: startApp(t), server: "http://" + freeAddr(t), gate: "http://" + freeAddr(t)}
	config := strings.Replace(boxFile(b.server, b.gate, b.app.addr, ""), "auth_server", fmt.Sprintf(`auth_server {
		brand {
			name Example
		}
		smtp {
			server   %s
			from     "Example <auth@example.com>"
			username %s
			password "%s"
			tls      none
		}
	}`, post.Addr, mailtest.User, mailtest.Password), 1)
	b.caddy = startCaddy(t, config)
	b.people()
	// Of sign-ins people are told as well, at any time between.
	link := func(to string) string {
		t.Helper()
		for limit := time.After(time.Minute); ; {
			select {
			case m := <-post.Received:
				link := linkInMail.FindString(textOf(t, m))
				if link == "" {
					continue
				}
				if len(m.To) != 1 || m.To[0] != to || m.User != mailtest.User {
					t.Errorf("the mail is %+v, want one to %s", m, to)
				}
				return link
			case <-limit:
				t.Fatalf("no mail with a link came\n%s", b.log)
			}
		}
	}
	p, elsewhere := newPerson(t), newPerson(t)
	elsewhere.open(b.gate+"/").onLogin(b.server).signIn("bob", password).at(b.gate+"/", 200)
	p.open(b.server + "/o/forgot").submit(map[string]string{"username": "bob@example.com"})
	if p.status != 200 || !strings.Contains(p.body, "Look into your mail") {
		t.Fatalf("asking for a link answers %d\n%s", p.status, p.body)
	}
	chosen := "another horse battery"
	p.open(link("bob@example.com")).submit(map[string]string{"new_password": chosen, "new_password_again": chosen})
	if p.status != 200 || !strings.Contains(p.body, "Password changed") {
		t.Fatalf("choosing a password answers %d\n%s", p.status, p.body)
	}
	p.open(b.gate+"/").onLogin(b.server).signIn("bob", chosen).at(b.gate+"/", 200)
	waitFor(t, time.Minute, func() error {
		if elsewhere.open(b.gate + "/"); strings.HasPrefix(elsewhere.url.String(), b.gate) {
			return fmt.Errorf("bob is still signed in elsewhere, at %s", elsewhere.url)
		}
		return nil
	})

	if out := b.auth("", "user", "create", "carol", "--email", "carol@example.com", "--invite"); !regexp.MustCompile(`mailed to +carol@example\.com`).MatchString(out) {
		t.Errorf("it does not say that the invitation was mailed:\n%s", out)
	}
	c := newPerson(t).open(link("carol@example.com")).submit(map[string]string{"new_password": chosen, "new_password_again": chosen})
	c.open(b.gate+"/").onLogin(b.server).signIn("carol", chosen).at(b.gate+"/", 200)
	if u := b.authJSON("", "user", "show", "carol"); u["email_verified"] != true {
		t.Errorf("the address is not proved: %v", u)
	}
	made, _ := b.authJSON("", "user", "password-link", "carol")["link"].(string)
	if d := newPerson(t).open(made); d.status != 200 || !strings.Contains(d.body, `name="new_password"`) {
		t.Errorf("the link %q answers %d\n%s", made, d.status, d.body)
	}
	if out, err := b.command("", "auth", "user", "password-link", "nobody", "--address", b.admin); err == nil || !strings.Contains(out, "there is no user") {
		t.Errorf("a link for nobody: %v %s", err, out)
	}
	b.auth(password+"\n", "user", "create", "dave")
	if out, err := b.command("", "auth", "user", "password-link", "dave", "--mail", "--address", b.admin); err == nil || !strings.Contains(out, "has no e-mail address") {
		t.Errorf("a mail to nowhere: %v %s", err, out)
	}

	// What the operator does to an account, its owner is told.
	b.auth("yet another horse battery\n", "user", "password", "carol")
	b.auth("", "user", "factors", "reset", "carol") // there are none
	told := func(says string) {
		t.Helper()
		for limit := time.After(time.Minute); ; {
			select {
			case m := <-post.Received:
				if text := textOf(t, m); strings.Contains(text, "An administrator") {
					if !strings.Contains(text, says) || len(m.To) != 1 || m.To[0] != "carol@example.com" {
						t.Errorf("the mail is %+v, want one to carol that says %q", m, says)
					}
					return
				}
			case <-limit:
				t.Fatalf("no mail came that says %q\n%s", says, b.log)
			}
		}
	}
	told("set a new password")
	for _, token := range []string{made[strings.LastIndex(made, "=")+1:], chosen, mailtest.Password} {
		if strings.Contains(b.log.String(), token) {
			t.Errorf("the log tells %q", token)
		}
	}
}

// On one's own machine, where no mail is sent, the command and the pages say that the
// link is in the log, and it works from there.
func TestInvitationInLog(t *testing.T) {
	t.Parallel()
	b := startBox(t, "")
	out := b.auth("", "user", "create", "carol", "--email", "carol@example.com", "--invite")
	if !strings.Contains(out, "the log of Caddy, since auth_server has no smtp block") || strings.Contains(out, "mailed to") {
		t.Errorf("the command says\n%s", out)
	}
	made := b.authJSON("", "user", "create", "dave", "--email", "dave@example.com", "--invite")
	if invitation, _ := made["invitation"].(map[string]any); made["username"] != "dave" || invitation["in_log"] != true {
		t.Errorf("as JSON it says %v", made)
	}
	logged := func(page, to string) (link string) {
		t.Helper()
		waitFor(t, time.Minute, func() error { // mails go out behind the answers
			for line := range strings.Lines(b.log.String()) {
				if link = regexp.MustCompile(`http://[^\s"]+` + page + `\?token=[A-Za-z0-9_-]+`).FindString(line); link != "" && strings.Contains(line, to) {
					return nil
				}
			}
			return fmt.Errorf("no link for %s is in the log", to)
		})
		return link
	}
	chosen := "another horse battery"
	p := newPerson(t).open(logged("/o/reset", "carol@example.com")).submit(map[string]string{"new_password": chosen, "new_password_again": chosen})
	if p.status != 200 || !strings.Contains(p.body, "Password saved") {
		t.Fatalf("choosing a password answers %d\n%s", p.status, p.body)
	}
	over := p.open(logged("/o/reset", "carol@example.com"))
	if over.status != 404 || !strings.Contains(over.body, "Make a new one") || strings.Contains(over.body, "Send me") {
		t.Errorf("a link that is spent answers %d\n%s", over.status, over.body)
	}
	p.open(b.server+"/o/login").signIn("carol", chosen)
	p.open(b.server + "/o/account/profile").submit(map[string]string{"email": "carol@example.org", "current_password": chosen})
	link := logged("/o/account/email", "carol@example.org")
	if first := newPerson(t).open(link); first.status != 403 || !strings.Contains(first.body, "Sign in first") || strings.Contains(first.body, "the mail") {
		t.Errorf("who is not signed in is told %d\n%s", first.status, first.body)
	}
	if done := p.open(link).submit(nil); done.status != 200 || !strings.Contains(done.body, "The address of your account is carol@example.org now.") {
		t.Errorf("verifying answers %d\n%s", done.status, done.body)
	}
}
