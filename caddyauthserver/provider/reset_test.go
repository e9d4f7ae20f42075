package provider_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

// mailbox is a provider.Mailer that keeps what it is to send.
type mailbox chan *mail.Message

func (m mailbox) Send(msg *mail.Message) { m <- msg }

var resetLink = regexp.MustCompile(`(http://\S+)(/o/reset\?token=\S+)`)

// link is where the next mail leads, but for notices of what happened to the account.
func (m mailbox) link(t *testing.T) string {
	t.Helper()
	for {
		select {
		case msg := <-m:
			if strings.HasPrefix(msg.Subject, "New sign-in") || strings.HasPrefix(msg.Subject, "Your password was changed") {
				continue
			}
			found := resetLink.FindStringSubmatch(msg.Text)
			if found == nil || !strings.Contains(msg.HTML, found[2]) {
				t.Fatalf("no link in the mail: %+v", msg)
			}
			return found[2]
		case <-time.After(time.Minute):
			t.Fatal("no mail came")
			return ""
		}
	}
}

func newMailing(t *testing.T) (*server, mailbox) {
	box := make(mailbox, 100)
	s := newServer(t, func(c *provider.Config) { c.Mailer, c.Brand = box, webpage.Brand{Name: "Example"} })
	s.p.StartMail()
	return s, box
}

func (b *browser) forgot(name string) *answer {
	b.t.Helper()
	return b.post("/o/forgot", b.get("/o/forgot").form("username", name))
}

func (b *browser) choosePassword(link, pw string) *answer {
	b.t.Helper()
	return b.post("/o/reset", b.get(link).form("new_password", pw, "new_password_again", pw))
}

func TestForgotPassword(t *testing.T) {
	s, box := newMailing(t)
	other := s.browser().signIn("alice", alicePassword)
	away := other.tokens("openid offline_access")
	b := s.browser()
	if a := b.get("/o/login"); !strings.Contains(a.body, `href="/o/forgot"`) {
		t.Error("nothing leads there")
	}
	if a := b.forgot("Alice@Example.com "); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "Look into your mail") {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	msg := <-box
	if msg.To != "alice@example.com" || msg.Subject != "Choose a new password · Example" || !strings.Contains(msg.Text, "Hello Alice Lidell,") {
		t.Errorf("the mail is %+v", msg)
	}
	box <- msg
	link := box.link(t)
	page := b.get(link)
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, "alice") || page.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Fatalf("%d %s", page.StatusCode, page.body)
	}
	for name, pw := range map[string][2]string{"short": {"short", "short"}, "not the same": {newPassword, newPassword + "x"}} {
		if a := b.post("/o/reset", page.form("new_password", pw[0], "new_password_again", pw[1])); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if a := b.choosePassword(link, newPassword); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "Password changed") {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if s.canSignIn("alice", alicePassword) || !s.canSignIn("alice", newPassword) {
		t.Error("the old password is still the one")
	}
	if other.signedIn() || b.signedIn() {
		t.Error("a browser is signed in")
	}
	if got := s.call("GET", "/o/userinfo", "Bearer "+away.access, nil).StatusCode; got != 401 {
		t.Errorf("a token of before: %d", got)
	}
	if a := b.choosePassword(link, "third horse battery"); a.StatusCode != http.StatusNotFound {
		t.Errorf("the link works twice: %d", a.StatusCode)
	}
	token := link[strings.Index(link, "=")+1:]
	if log := s.logs.String(); strings.Contains(log, token) || strings.Contains(log, newPassword) {
		t.Error("the link or the password is in the log")
	}
}

// What is answered is the same whoever exists, and nobody else gets a mail.
func TestForgotTellsNothing(t *testing.T) {
	s, box := newMailing(t)
	s.update(func(tx store.WriteTx) error {
		return store.SaveUser(tx, store.DefaultSchema(), &store.User{Username: "noaddress", IsActive: true, DateJoined: s.clock.now()})
	})
	s.editUser(3, func(u *store.User) { u.Email = "disabled@example.com" })
	want := ""
	for _, name := range []string{"alice", "nobody", "nobody@example.com", "disabled", "disabled@example.com", "noaddress", "", strings.Repeat("x", 5000), "a\r\nBcc: eve@example.com"} {
		a := s.browser().forgot(name)
		if want == "" {
			want = a.body
		}
		if a.StatusCode != http.StatusOK || a.body != want {
			t.Errorf("%.50q: %d %s", name, a.StatusCode, a.body)
		}
	}
	if a := s.browser().forgot("bob@example.com"); a.StatusCode != http.StatusOK {
		t.Error(a.StatusCode)
	}
	s.browser().forgot("alice") // the last to be looked up
	for range 2 {
		if msg := <-box; msg.To != "alice@example.com" {
			t.Errorf("a mail went to %s", msg.To)
		}
	}
	if len(box) != 0 {
		t.Errorf("and one more: %+v", <-box)
	}
}

func TestForgotIsLimited(t *testing.T) {
	s, box := newMailing(t)
	b := s.browser()
	refused := 0
	for range 25 {
		if a := b.forgot("alice"); a.StatusCode == http.StatusTooManyRequests && a.Header.Get("Retry-After") != "" {
			refused++
		}
	}
	if refused != 5 {
		t.Errorf("%d of 25 from one network are refused; want 5", refused)
	}
	s.p.Close() // what was asked for was looked at, or is not any more
	if n := len(box); n < 1 || n > 3 {
		t.Errorf("she got %d mails at once; want at most 3", n)
	}
}

func TestResetLinkEnds(t *testing.T) {
	s, box := newMailing(t)
	b := s.browser()
	get := func() string { b.forgot("alice"); return box.link(t) }
	gone := func(why, link string) {
		t.Helper()
		if a := b.get(link); a.StatusCode != http.StatusNotFound || !strings.Contains(a.body, "does not work any more") || !strings.Contains(a.body, "/o/forgot") {
			t.Errorf("%s: %d %s", why, a.StatusCode, a.body)
		}
	}
	gone("no token", "/o/reset")
	gone("a wrong one", "/o/reset?token="+store.NewSecret())
	link := get()
	s.clock.add(30 * time.Minute)
	gone("after half an hour", link)
	first, second := get(), get()
	if a := b.choosePassword(second, newPassword); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode)
	}
	gone("after the other was used", first)
	s.clock.add(time.Hour)
	link = get()
	s.browser().signIn("alice", newPassword).changePassword("current_password", newPassword, "new_password", alicePassword, "new_password_again", alicePassword)
	gone("after the password was changed", link)
	s.clock.add(time.Hour)
	link = get()
	s.editUser(1, func(u *store.User) { u.IsActive = false })
	gone("of somebody who is disabled", link)
	s.editUser(1, func(u *store.User) { u.IsActive = true })
	s.clock.add(time.Hour)
	link = get()
	s.editUser(1, func(u *store.User) { u.Email = "new@example.com" })
	gone("sent to an address of before", link)
	// A token of another kind opens nothing here, and this one nothing else.
	s.clock.add(time.Hour)
	link = get()
	if a := b.get(strings.Replace(link, "/o/reset", "/o/setup", 1)); a.StatusCode != http.StatusNotFound {
		t.Errorf("it opens the setup: %d", a.StatusCode)
	}
}

// Of many who use one link at once, one chooses the password.
func TestResetOnce(t *testing.T) {
	s, box := newMailing(t)
	b := s.browser()
	b.forgot("alice")
	link := box.link(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	chosen := []string{}
	for i := range 16 {
		x := s.browser()
		form := x.get(link).form("new_password", fmt.Sprint("password number ", i), "new_password_again", fmt.Sprint("password number ", i))
		wg.Go(func() {
			if a := x.post("/o/reset", form); a.StatusCode == http.StatusOK {
				mu.Lock()
				defer mu.Unlock()
				chosen = append(chosen, form.Get("new_password"))
			}
		})
	}
	wg.Wait()
	if len(chosen) != 1 || !s.canSignIn("alice", chosen[0]) {
		t.Errorf("chosen were %q", chosen)
	}
}

func TestResetWithoutCSRF(t *testing.T) {
	s, box := newMailing(t)
	s.browser().forgot("alice")
	link := box.link(t)
	form := s.browser().get(link).form("new_password", newPassword, "new_password_again", newPassword)
	if a := s.browser().post("/o/reset", form); a.StatusCode != http.StatusForbidden {
		t.Errorf("another browser's form: %d", a.StatusCode)
	}
	form.Del("csrf")
	if a := s.browser().post("/o/reset", form); a.StatusCode != http.StatusForbidden {
		t.Errorf("none: %d", a.StatusCode)
	}
	if a := s.browser().post("/o/forgot", form); a.StatusCode != http.StatusForbidden {
		t.Errorf("forgot: %d", a.StatusCode)
	}
	if !s.canSignIn("alice", alicePassword) {
		t.Error("the password was changed")
	}
}

// A link by mail proves the address it was sent to, and only that.
func TestResetProvesTheAddress(t *testing.T) {
	s, box := newMailing(t)
	ctx := context.Background()
	verified := func() (is bool) {
		s.update(func(tx store.WriteTx) error {
			u, err := tx.User(1)
			is = err == nil && u.EmailVerified
			return err
		})
		return is
	}
	s.editUser(1, func(u *store.User) { u.EmailVerified = false })
	link, err := s.p.PasswordLink(ctx, store.AuditOrigin{Time: time.Now()}, 1)
	if err != nil || !strings.HasPrefix(link, s.url) {
		t.Fatal(link, err)
	}
	s.browser().choosePassword(link, newPassword)
	if verified() || !s.canSignIn("alice", newPassword) {
		t.Error("a link that an administrator handed over proves the address, or does not work")
	}
	s.browser().forgot("alice")
	stale := box.link(t)
	s.editUser(1, func(u *store.User) { u.Email = "new@example.com" })
	s.browser().choosePassword(stale, newPassword)
	if verified() {
		t.Error("a link sent to the address of before proves the new one")
	}
	s.browser().forgot("alice")
	s.browser().choosePassword(box.link(t), newPassword)
	if !verified() {
		t.Error("a link sent to it does not prove the address")
	}
}

func TestInvitation(t *testing.T) {
	s, box := newMailing(t)
	var id int64
	s.update(func(tx store.WriteTx) error {
		u := &store.User{Username: "carol", Email: "carol@example.com", IsActive: true, DateJoined: s.clock.now()}
		err := store.SaveUser(tx, store.DefaultSchema(), u)
		id = u.ID
		return err
	})
	if err := s.p.MailPasswordLink(context.Background(), store.AuditOrigin{Time: time.Now()}, id); err != nil {
		t.Fatal(err)
	}
	msg := <-box
	if msg.Subject != "Your account · Example" || strings.Contains(msg.Text, "If it was not you") {
		t.Errorf("the mail is %+v", msg)
	}
	box <- msg
	if a := s.browser().choosePassword(box.link(t), newPassword); a.StatusCode != http.StatusOK || !s.canSignIn("carol", newPassword) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// Without an SMTP server, one that others reach sends nothing, and writes no link to
// its log.
func TestNoMail(t *testing.T) {
	s := newServer(t, func(c *provider.Config) { c.Issuer = "http://auth.example.com" })
	s.p.StartMail()
	b := s.browser()
	if a := b.get("/o/login"); strings.Contains(a.body, "/o/forgot") {
		t.Error("the sign-in page leads to what is not there")
	}
	if a := b.get("/o/forgot"); a.StatusCode != http.StatusNotFound || !strings.Contains(a.body, "sends no mail") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if err := s.p.MailPasswordLink(context.Background(), store.AuditOrigin{Time: time.Now()}, 1); err == nil {
		t.Error("a mail was sent")
	}
	link, err := s.p.PasswordLink(context.Background(), store.AuditOrigin{Time: time.Now()}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if a := b.choosePassword(strings.TrimPrefix(link, s.issuer), newPassword); a.StatusCode != http.StatusOK || !s.canSignIn("alice", newPassword) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := b.get("/o/account/profile"); strings.Contains(a.body, `name="email"`) {
		t.Error("an address can be changed, though nothing is sent there")
	}
	if log := s.logs.String(); strings.Contains(log, "token=") {
		t.Errorf("the log has a link:\n%s", log)
	}
	for _, id := range []int64{3, 999} { // disabled, nobody
		if _, err := s.p.PasswordLink(context.Background(), store.AuditOrigin{Time: time.Now()}, id); err == nil {
			t.Errorf("a link for user %d", id)
		}
	}
}
