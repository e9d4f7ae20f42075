package pages

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/internal/browsertest"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Every page, in each of its states, is for everybody: as axe-core has WCAG 2.2 AA, on
// desktop and phone, in the light and in the dark.
func TestBrowserAccessible(t *testing.T) {
	t.Parallel()
	axe, browser := browsertest.Axe(t), browsertest.Start(t)
	footer := []webpage.FooterLink{{Text: "Imprint", URL: "/imprint"}, {Text: "Privacy policy", URL: "https://example.com/privacy"}}
	browsertest.CheckKept(t, browser, axe, "page", kept(show(newSet(t, footer...), "Ada")), browsertest.Looks)
	browsertest.CheckKept(t, browser, axe, "mail", written(t, footer...), browsertest.TwoLooks)
}

// kept are pages that stay as they are, with the buttons that scripts show.
func kept(pages map[string]*httptest.ResponseRecorder) map[string]browsertest.Kept {
	as := strings.NewReplacer(string(submit), "", `data-passkey="Ada"`, `data-passkey="{&#34;challenge&#34;:&#34;AAAA&#34;}"`)
	out := map[string]browsertest.Kept{}
	for name, w := range pages {
		out[name] = browsertest.Kept{Header: w.Header(), Body: as.Replace(w.Body.String())}
	}
	return out
}

// written are all mails in each of their states, as pages.
func written(t *testing.T, footer ...webpage.FooterLink) map[string]browsertest.Kept {
	t.Helper()
	link := "https://auth.example.com/o/reset?token=" + strings.Repeat("Kx3_", 11)
	out := map[string]browsertest.Kept{}
	for name, m := range map[string]Mail{
		"invited":         PasswordMail{Brand: "Acme", Name: "Ada", Invited: true, Link: link, Minutes: 30},
		"forgot":          PasswordMail{Brand: "Acme", Name: "Ada", Link: link, Minutes: 30},
		"address":         AddressMail{Username: "ada", Link: link, Minutes: 30},
		"address changed": AddressChangedMail{Name: "Ada", Username: "ada", Email: "ada@example.org"},
		"notice": NoticeMail{Name: "Ada", Subject: words("New sign-in"), What: words("Somebody signed in to your account from a browser that we do not know."),
			Browser: words("Firefox"), IP: "192.0.2.1", Advice: words("If it was not you, change your password at once:"), Link: "https://auth.example.com/o/password"},
	} {
		mail, err := newMails(t, webpage.Brand{Name: "Acme", FooterLinks: footer}).Write(lang.English(), m)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = browsertest.Kept{Header: map[string][]string{"Content-Type": {"text/html; charset=utf-8"}}, Body: mail.HTML}
	}
	return out
}

// What of a template is in none of the pages above would be checked by nobody.
func TestEveryTemplateIsShown(t *testing.T) {
	for _, piece := range browsertest.Unseen(t, templates, "templates/*.html", browsertest.Bodies(kept(show(newSet(t), "Ada")))) {
		t.Errorf("add a page to show that has what stands in %s", piece)
	}
	footer := webpage.FooterLink{Text: "Imprint", URL: "/imprint"}
	for _, piece := range browsertest.Unseen(t, mails, "mails/*.html", browsertest.Bodies(written(t, footer))) {
		t.Errorf("add a mail to written that has what stands in %s", piece)
	}
}
