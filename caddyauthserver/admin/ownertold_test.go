package admin_test

import (
	"strings"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/store"
)

// outbox keeps what is sent.
type outbox chan *mail.Message

func (o outbox) Send(m *mail.Message) { o <- m }

// about is the next mail, which has that in its subject; others are of sign-ins.
func (o outbox) about(t *testing.T, subject string) *mail.Message {
	t.Helper()
	for len(o) > 0 {
		if m := <-o; strings.Contains(m.Subject, subject) {
			return m
		}
	}
	t.Fatalf("no mail about %q", subject)
	return nil
}

// What administrators do to an account its owner is told, in their language, and not
// where the administrator sits.
func TestOwnersAreToldByMail(t *testing.T) {
	const chosen = "three other words"
	for language, says := range map[string][3]string{
		"":   {"Your password was changed", "An administrator set a new password", "Your sign-in security was changed"},
		"de": {"Ihr Passwort wurde geändert", "ein neues Passwort für Ihr Konto gesetzt", "Die Sicherheit Ihrer Anmeldung wurde geändert"},
		"fr": {"Votre mot de passe a été modifié", "un nouveau mot de passe", "La sécurité de votre connexion a été modifiée"},
		"es": {"Se ha cambiado su contraseña", "una contraseña nueva", "La seguridad de su inicio de sesión ha cambiado"},
	} {
		sent := make(outbox, 100)
		s := newServer(t, func(c *provider.Config) { c.Mailer = sent })
		ada := s.user("ada")
		ada.Language = language
		s.update(func(tx store.WriteTx) error { return store.SaveUser(tx, store.DefaultSchema(), ada) })
		s.giveFactor(ada.ID, "Phone")
		by, page := s.as("sam"), s.userURL("ada")
		form := by.get(page+"/password").form("new_password", chosen, "new_password_again", chosen)
		by.post(page+"/password", by.get(page+"/password").form("new_password", chosen, "new_password_again", "x"))
		if len(sent) > 0 {
			t.Fatalf("a mail of what was not done: %+v", <-sent)
		}
		by.post(page+"/password", form)
		m := sent.about(t, says[0])
		for _, body := range []string{m.Text, m.HTML} {
			if m.To != "ada@example.com" || !strings.Contains(body, says[1]) || !strings.Contains(body, s.url+"/o/forgot") {
				t.Errorf("%s: to %s: %s", language, m.To, body)
			}
			if strings.Contains(body, chosen) || strings.Contains(strings.ReplaceAll(body, s.url, ""), "127.0.0.1") || strings.Contains(body, "Go-http-client") || strings.Contains(body, "sam") {
				t.Errorf("%s: it tells too much: %s", language, body)
			}
		}
		by.post(page+"/factors", by.get(page+"/factors").form())
		if m := sent.about(t, says[2]); !strings.Contains(m.HTML, s.url+"/o/account/security") || m.To != "ada@example.com" {
			t.Errorf("%s: %+v", language, m)
		}
		// Nobody is told of what is not there, nor where there is no address.
		by.post(page+"/factors", by.get(page+"/password").form())
		by.post(s.userURL("bob")+"/password", form)
		if len(sent) > 0 {
			t.Errorf("%s: one mail more: %+v", language, <-sent)
		}
	}
}
