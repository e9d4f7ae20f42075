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
