package provider_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

// postOwn posts as a browser does that says where the form comes from.
func (b *browser) postOwn(target string, form url.Values) *answer {
	b.t.Helper()
	req := b.request("POST", target, form)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

// That a page of ours posts does not say which: what one person was shown
// another cannot answer, nor the form of another request.
func TestFormsAreBoundToWhatTheyShow(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	consent := b.get(b.authorize(authQuery("app", appRedirect)).Header.Get("Location"))
	logout := b.logout()
	swapped := consent.form("decision", "allow")
	swapped.Set("request", authQuery("app", appRedirect, "scope", "openid read offline_access").Encode())
	if a := b.postOwn("/o/consent", swapped); a.StatusCode != http.StatusOK {
		t.Errorf("a yes to another request: %d %s", a.StatusCode, a.location())
	}
	for name, csrf := range map[string]string{
		"of another form": logout.field("csrf"), "none": "", "made up": strings.Repeat("A", len(consent.field("csrf"))),
	} {
		form := consent.form("decision", "allow")
		form.Set("csrf", csrf)
		if a := b.postOwn("/o/consent", form); a.StatusCode != http.StatusOK {
			t.Errorf("token %s: %d %s", name, a.StatusCode, a.location())
		}
	}
	b.signIn("bob", "bob's password")
	if a := b.postOwn("/o/consent", consent.form("decision", "allow")); a.StatusCode != http.StatusOK {
		t.Errorf("bob's yes to what alice was asked: %d %s", a.StatusCode, a.location())
	}
	if a := b.postOwn("/o/logout", logout.form()); a.StatusCode != http.StatusOK || !b.signedIn() {
		t.Errorf("bob's yes to alice's sign-out: %d", a.StatusCode)
	}
	s.update(func(tx store.WriteTx) error {
		for id := range int64(2) {
			if c, err := tx.Consent(id+1, "app"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("user %d agreed to %v, %v", id+1, c, err)
			}
		}
		return nil
	})
}

// Tabs that are restored together each bring a cookie, and the last one's stays.
func TestRestoredTabs(t *testing.T) {
	s := newServer(t)
	u, _ := url.Parse(s.url)
	for first := range 3 {
		b := s.browser()
		var forms []url.Values
		for range 3 {
			tab := s.browser()
			forms = append(forms, tab.get("/o/login").form("username", "alice", "password", alicePassword))
			b.jar.SetCookies(u, tab.jar.Cookies(u))
		}
		if a := b.postOwn("/o/login", forms[first]); a.StatusCode != http.StatusSeeOther {
			t.Errorf("tab %d: %d", first+1, a.StatusCode)
		}
	}
}
