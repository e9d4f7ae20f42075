package provider_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// withoutPassword has somebody have a passkey and no password.
func (s *server) withoutPassword(userID int64) *passkey {
	s.t.Helper()
	k := s.givePasskey(userID)
	s.update(func(tx store.WriteTx) error { return tx.PutCredential(&store.Credential{UserID: userID}) })
	return k
}

// signInByPasskey does so from a page that asks for it, and returns the next.
func (b *browser) signInByPasskey(k *passkey, page *answer) *answer {
	b.t.Helper()
	a := b.byPasskey(page, k.get(page))
	if a.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("the passkey does not sign in: %d %s", a.StatusCode, a.body)
	}
	return b.get(a.Header.Get("Location"))
}

// Who has no password changes their address after a sign-in by passkey of a moment ago,
// and in a browser that was left open nobody does.
func TestAddressWithoutPassword(t *testing.T) {
	box := make(mailbox, 100)
	s := newNamedServer(t, func(c *provider.Config) { c.Mailer = box })
	k := s.withoutPassword(1)
	b := s.browser()
	b.signInByPasskey(k, b.get("/o/login"))
	page := b.get(profilePath)
	if strings.Contains(page.body, "current_password") || !strings.Contains(page.body, `name="email"`) {
		t.Fatalf("the page: %s", page.body)
	}
	s.clock.add(15 * time.Minute)
	if a := b.post(profilePath, page.form("email", "new@example.com")); a.location().Path != "/o/login" || box.addressMails() > 0 {
		t.Fatalf("later: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	if a := b.post(profilePath, page.form("email", "new@example.com", "current_password", "")); a.location().Path != "/o/login" || box.addressMails() > 0 {
		t.Fatalf("later, with an empty password: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	// The name needs no such thing.
	page = b.get(profilePath)
	if strings.Contains(page.body, `name="email"`) {
		t.Error("the address is asked for, and would be lost")
	}
	if a := b.post(profilePath, page.form("first_name", "Alicia")); a.StatusCode != http.StatusSeeOther || s.user(1).FirstName != "Alicia" {
		t.Errorf("the name: %d %s", a.StatusCode, a.body)
	}
	back := b.signInByPasskey(k, b.get(page.href("sign-in-again")))
	if back.Request.URL.Path != profilePath {
		t.Fatalf("back to %s", back.Request.URL)
	}
	if a := b.post(profilePath, back.form("email", "new@example.com")); a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if a := b.confirmAddress(linkIn(t, box.nextMail(t))); a.StatusCode != http.StatusOK || s.user(1).Email != "new@example.com" {
		t.Errorf("%d, address %s", a.StatusCode, s.user(1).Email)
	}
}

// A passkey stands in for no password that there is: whoever has it has not the other.
func TestPasskeyStandsInForNoPassword(t *testing.T) {
	box := make(mailbox, 100)
	s := newNamedServer(t, func(c *provider.Config) { c.Mailer = box })
	k := s.givePasskey(1)
	b := s.browser()
	b.signInByPasskey(k, b.get("/o/login"))
	if a := b.editProfile("email", "new@example.com"); a.StatusCode != http.StatusForbidden || box.addressMails() > 0 {
		t.Errorf("an address: %d", a.StatusCode)
	}
	pw := "nine purple wheelbarrows"
	if a := b.post("/o/password", b.get("/o/password").form("new_password", pw, "new_password_again", pw)); a.StatusCode != http.StatusForbidden {
		t.Errorf("a password: %d", a.StatusCode)
	}
}

// Nor does a sign-in without one, by a password that is gone, say.
func TestOnlyAPasskeyStandsIn(t *testing.T) {
	box := make(mailbox, 100)
	s := newNamedServer(t, func(c *provider.Config) { c.Mailer = box })
	b := s.browser().signIn("alice", alicePassword)
	page, change := b.get(profilePath), b.get("/o/password")
	s.update(func(tx store.WriteTx) error { return tx.PutCredential(&store.Credential{UserID: 1}) })
	for what, a := range map[string]*answer{
		"an address":              b.post(profilePath, page.form("email", "new@example.com", "current_password", "")),
		"a password":              b.post("/o/password", change.form("new_password", "nine purple wheelbarrows", "new_password_again", "nine purple wheelbarrows")),
		"the page for a password": b.get("/o/password"),
	} {
		if a.location().Path != "/o/login" || box.addressMails() > 0 {
			t.Errorf("%s: %d to %s", what, a.StatusCode, a.Header.Get("Location"))
		}
	}
}

// Who has no password chooses the first by a passkey, and then it is asked for.
func TestFirstPasswordByPasskey(t *testing.T) {
	box := make(mailbox, 100)
	s := newNamedServer(t, func(c *provider.Config) { c.Mailer = box })
	k := s.withoutPassword(1)
	b, other := s.browser(), s.browser()
	b.signInByPasskey(k, b.get("/o/login"))
	other.signInByPasskey(k, other.get("/o/login"))
	s.clock.add(15 * time.Minute)
	again := b.get("/o/password")
	if again.location().Path != "/o/login" {
		t.Fatalf("later: %d to %s", again.StatusCode, again.Header.Get("Location"))
	}
	page := b.signInByPasskey(k, b.get(again.Header.Get("Location")))
	if page.Request.URL.Path != "/o/password" || strings.Contains(page.body, "current_password") || !strings.Contains(page.body, "<h1>Choose a password</h1>") {
		t.Fatalf("%s: %s", page.Request.URL, page.body)
	}
	pw := "nine purple wheelbarrows"
	if a := b.post("/o/password", page.form("new_password", pw, "new_password_again", pw)); a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	told := false
	for len(box) > 0 {
		m := <-box
		told = told || m.Subject == "Your account has a password now" && strings.Contains(m.Text, "after a sign-in by a passkey")
	}
	if !told {
		t.Error("no mail tells of it")
	}
	if other.signedIn() || !b.signedIn() {
		t.Error("the other browser is signed in, or this one is not")
	}
	if page := b.get("/o/password"); !strings.Contains(page.body, "current_password") {
		t.Error("it is not asked for")
	}
	third := s.browser()
	if a := third.login(third.get("/o/login"), "alice", pw); a.location().Path != "/o/second-factor" {
		t.Errorf("it does not sign in: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	// What was shown when there was none sets no other one.
	if a := b.post("/o/password", page.form("new_password", "ten purple wheelbarrows", "new_password_again", "ten purple wheelbarrows")); a.StatusCode != http.StatusForbidden {
		t.Errorf("once more: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
}
