package pages

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Mails end with the links of the brand, whole ones, and nothing in them is markup.
func TestMailsHaveTheFooter(t *testing.T) {
	const evil = `<b>"x" & y</b>`
	ms := newMails(t, webpage.Brand{Name: "Acme", FooterLinks: []webpage.FooterLink{{Text: evil, URL: "/imprint?a=1&b=2"}, {Text: "Help", URL: "mailto:help@example.com"}}})
	for _, m := range []Mail{
		PasswordMail{Brand: "Acme", Name: evil, Invited: true, Link: "https://auth.example.com/o/reset?token=x"},
		PasswordMail{Name: evil, Link: "https://auth.example.com/o/reset?token=x"},
		AddressMail{Username: evil, Link: "https://auth.example.com/o/account/email?token=x"},
		AddressChangedMail{Name: evil, Username: evil, Email: "a@example.com"},
		NoticeMail{Name: evil, Subject: words("S"), What: words(evil), Browser: words(evil), Advice: words("A"), Link: "https://auth.example.com/o/password"},
		NoticeMail{Name: evil, Subject: words("S"), ByOthers: true, What: words(evil), Advice: words("A"), Link: "https://auth.example.com/o/password"},
	} {
		mail, err := ms.Write(lang.English(), m)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(mail.Text, "\n-- \n"+evil+": https://auth.example.com/imprint?a=1&b=2\nHelp: mailto:help@example.com\n") || !strings.HasPrefix(mail.Text, "Hello "+evil) {
			t.Errorf("%T: the text is\n%s", m, mail.Text)
		}
		if !strings.Contains(mail.HTML, `<a href="https://auth.example.com/imprint?a=1&amp;b=2">`) || strings.Contains(mail.HTML, "<b>") {
			t.Errorf("%T: the HTML is\n%s", m, mail.HTML)
		}
		if !strings.HasSuffix(mail.Subject, " · Acme") || strings.Contains(mail.Subject, "\n") {
			t.Errorf("%T: the subject is %q", m, mail.Subject)
		}
	}
	plain, err := newMails(t, webpage.Brand{}).Write(lang.English(), AddressChangedMail{Name: "Ada", Username: "ada", Email: "a@example.com"})
	if err != nil || strings.Contains(plain.Text, "--") || strings.Contains(plain.HTML, "<hr>") {
		t.Errorf("without links: %v\n%s\n%s", err, plain.Text, plain.HTML)
	}
}

func newMails(t *testing.T, brand webpage.Brand) *Mails {
	t.Helper()
	ms, err := NewMails(brand, "https://auth.example.com", nil, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	return ms
}
