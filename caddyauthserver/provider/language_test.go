package provider_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

// speaks asks for a page as a browser of somebody who reads accept.
func (b *browser) speaks(target, accept string, cookies ...*http.Cookie) string {
	b.t.Helper()
	req := b.request("GET", target, nil)
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Accept-Language", accept)
	for _, c := range cookies {
		req.AddCookie(c)
	}
	a := b.do(req)
	if l := a.Header.Get("Content-Language"); !strings.Contains(a.body, `<html lang="`+l+`"`) {
		b.t.Errorf("%s is in %q by its header alone", target, l)
	}
	return a.Header.Get("Content-Language")
}

// The account's language goes before ui_locales, that before what was chosen in this
// browser, and that before what the browser asks for.
func TestLanguageOfPages(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	at, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	chosen := &http.Cookie{Name: "caddyito-server-" + at.Port() + "-language", Value: "fr"}
	login := "/o/login?" + url.Values{"continue": {authQuery("app", appRedirect, "ui_locales", "xx es").Encode()}}.Encode()
	for _, c := range []struct {
		target, accept string
		cookies        []*http.Cookie
		want           string
	}{
		{"/o/login", "", nil, "en"},
		{"/o/login", "de", nil, "de"},
		{"/o/login", "de", []*http.Cookie{chosen}, "fr"},
		{login, "de", []*http.Cookie{chosen}, "es"},
		{"/o/nowhere", "de", nil, "de"},
	} {
		if got := b.speaks(c.target, c.accept, c.cookies...); got != c.want {
			t.Errorf("%s, Accept-Language %q, cookies %v: %q, want %q", c.target, c.accept, c.cookies, got, c.want)
		}
	}
	b.signIn("alice", alicePassword)
	if got := b.speaks("/o/", "fr"); got != "fr" {
		t.Errorf("an account without a language: %q", got)
	}
	s.editUser(1, func(u *store.User) { u.Language = "de" })
	if got := b.speaks("/o/?ui_locales=es", "fr", chosen); got != "de" {
		t.Errorf("an account whose language is German: %q", got)
	}
}

// What is wrong with what was typed is said in the reader's language: when the first
// superuser is made, and on one's own pages.
func TestLanguageOfProblems(t *testing.T) {
	s := virgin(t)
	b := s.browser()
	page := b.get(s.setupLink())
	req := b.request("POST", "/o/setup", page.form("username", "a b", "email", "nonsense", "password", "a long password"))
	req.Header.Set("Accept-Language", "de")
	a := b.do(req)
	for _, want := range []string{"darf nur Buchstaben, Ziffern und", "&#34;nonsense&#34; ist keine E-Mail-Adresse"} {
		if a.StatusCode != 422 || !strings.Contains(a.body, want) {
			t.Errorf("setup does not say %q: %d %s", want, a.StatusCode, a.body)
		}
	}
	s = newServer(t)
	s.editUser(1, func(u *store.User) { u.Language = "fr" })
	b = s.browser().signIn("alice", alicePassword)
	if a := b.editProfile("first_name", strings.Repeat("x", 200)); a.StatusCode != 422 || !strings.Contains(a.body, "fait plus de 150 caractères") {
		t.Errorf("the account: %d %s", a.StatusCode, a.body)
	}
}

// Mail is in the language of the account, since no browser asks for it.
func TestLanguageOfMail(t *testing.T) {
	s, box := newMailing(t)
	s.editUser(1, func(u *store.User) { u.Language = "de" })
	if err := s.p.MailPasswordLink(context.Background(), store.AuditOrigin{Time: s.clock.now()}, 1); err != nil {
		t.Fatal(err)
	}
	m := <-box
	if !strings.Contains(m.Text, "Der Link gilt einmal, innerhalb von 30 Minuten.") || !strings.Contains(m.HTML, `<html lang="de">`) || !strings.HasPrefix(m.Subject, "Wählen Sie ein neues Passwort · ") {
		t.Errorf("%s\n%s\n%s", m.Subject, m.Text, m.HTML)
	}
}
