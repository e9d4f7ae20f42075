package provider_test

import (
	"crypto/sha1"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

const profilePath = "/o/account/profile"

func (b *browser) editProfile(set ...string) *answer {
	b.t.Helper()
	return b.post(profilePath, b.get(profilePath).form(set...))
}

func (s *server) user(id int64) (u *store.User) {
	s.t.Helper()
	s.update(func(tx store.WriteTx) (err error) {
		u, err = tx.User(id)
		return err
	})
	return u
}

// nextMail is the next that is sent of addresses.
func (m mailbox) nextMail(t *testing.T) *mail.Message {
	t.Helper()
	for {
		select {
		case msg := <-m:
			if strings.Contains(msg.Subject, "e-mail address") {
				return msg
			}
		case <-time.After(time.Minute):
			t.Fatal("no mail came")
		}
	}
}

// addressMails is how many of those wait.
func (m mailbox) addressMails() (n int) {
	for len(m) > 0 {
		if msg := <-m; strings.Contains(msg.Subject, "e-mail address") {
			n++
		}
	}
	return n
}

var addressLink = regexp.MustCompile(`http://\S+?(/o/account/email\?token=[A-Za-z0-9_-]+)`)

func linkIn(t *testing.T, m *mail.Message) string {
	t.Helper()
	found := addressLink.FindStringSubmatch(m.Text)
	if found == nil || !strings.Contains(m.HTML, found[1]) {
		t.Fatalf("no link in the mail: %+v", m)
	}
	return found[1]
}

func (b *browser) confirmAddress(link string) *answer {
	b.t.Helper()
	page := b.get(link)
	if page.StatusCode != http.StatusOK {
		return page
	}
	return b.post("/o/account/email", page.form())
}

// People change their own name, and nothing else of what is kept of them, whatever
// they post.
func TestProfileName(t *testing.T) {
	s, _ := newMailing(t)
	b, before := s.browser().signIn("alice", alicePassword), s.user(1)
	a := b.editProfile("first_name", " Älice ", "last_name", "Liddell", "email", before.Email,
		"username", "root", "is_staff", "true", "is_superuser", "1", "groups", "admins", "email_verified", "true", "id", "2", "company", "1", "language", "de")
	if a.StatusCode != http.StatusSeeOther || !strings.Contains(b.get(a.Header.Get("Location")).body, "Saved.") {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	want := before.Clone()
	want.FirstName, want.LastName = "Älice", "Liddell"
	got := s.user(1)
	want.Version, want.LastLogin = got.Version, got.LastLogin
	if got.FirstName != "Älice" || got.LastName != "Liddell" || got.Username != want.Username || got.Email != want.Email || got.EmailVerified != want.EmailVerified ||
		got.IsStaff || got.IsSuperuser || strings.Join(got.Groups, ",") != strings.Join(want.Groups, ",") || got.Language != "" {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if a := b.editProfile("first_name", strings.Repeat("x", 151), "email", before.Email); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, `aria-invalid="true"`) {
		t.Errorf("a name that is too long: %d", a.StatusCode)
	}
	if a := b.editProfile("first_name", `<script>alert(1)</script>"'`, "email", before.Email); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a name with markup: %d", a.StatusCode)
	}
	if body := b.get(profilePath).body + b.get("/o/").body; strings.Contains(body, "<script") || !strings.Contains(body, "&lt;script&gt;") {
		t.Error("a name becomes markup")
	}
}

// The forms of account pages do nothing without their own token.
func TestProfileForms(t *testing.T) {
	s, box := newMailing(t)
	alice, bob := s.browser().signIn("alice", alicePassword), s.browser().signIn("bob", "bob's password")
	for name, csrf := range map[string]string{
		"none":              "",
		"of another person": bob.get(profilePath).field("csrf"),
		"of another page":   alice.get("/o/account/sessions").field("csrf"),
		"made up":           strings.Repeat("A", 107),
	} {
		a := alice.post(profilePath, url.Values{"csrf": {csrf}, "first_name": {"Mallory"}, "email": {"m@example.com"}, "current_password": {alicePassword}})
		if a.StatusCode != http.StatusForbidden || s.user(1).FirstName == "Mallory" || box.addressMails() > 0 {
			t.Errorf("a token %s: %d", name, a.StatusCode)
		}
		alice.post("/o/language", url.Values{"csrf": {csrf}, "language": {"de"}})
		if s.user(1).Language != "" {
			t.Errorf("a token %s changed the language", name)
		}
	}
	for _, path := range []string{profilePath, "/o/account/data", "/o/account/", "/o/account/email?token=x"} {
		if a := s.browser().get(path); a.StatusCode == http.StatusOK || strings.Contains(a.body, "alice") {
			t.Errorf("%s is open to strangers: %d", path, a.StatusCode)
		}
	}
}

// Another address counts once its link was followed by the one who asked for it, and
// the old one is told.
func TestProfileAddress(t *testing.T) {
	s, box := newMailing(t)
	alice, bob := s.browser().signIn("alice", alicePassword), s.browser().signIn("bob", "bob's password")
	old := s.user(1).Email
	if a := alice.editProfile("email", "new@example.com", "current_password", "wrong"); a.StatusCode != http.StatusForbidden || box.addressMails() > 0 {
		t.Fatalf("without the password: %d", a.StatusCode)
	}
	a := alice.editProfile("email", "new@example.com", "current_password", alicePassword)
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, "new@example.com") || s.user(1).Email != old {
		t.Fatalf("%d, address %s", a.StatusCode, s.user(1).Email)
	}
	m := box.nextMail(t)
	if m.To != "new@example.com" {
		t.Errorf("the link went to %s", m.To)
	}
	link := linkIn(t, m)
	for name, b := range map[string]*browser{"a stranger": s.browser(), "another person": bob} {
		if a := b.confirmAddress(link); a.StatusCode < 400 || s.user(1).Email != old {
			t.Fatalf("%s followed the link: %d", name, a.StatusCode)
		}
	}
	alice.get(link) // as a mail server does that looks at links
	if s.user(1).Email != old {
		t.Fatal("looking at the link changed the address")
	}
	if a := alice.post("/o/account/email", url.Values{"token": alice.get(link).form()["token"]}); s.user(1).Email != old {
		t.Fatalf("without a token of the form: %d", a.StatusCode)
	}
	if a := alice.confirmAddress(link); a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if u := s.user(1); u.Email != "new@example.com" || !u.EmailVerified {
		t.Errorf("the address is %s, verified %v", u.Email, u.EmailVerified)
	}
	if m := box.nextMail(t); m.To != old || !strings.Contains(m.Text, "new@example.com") {
		t.Errorf("the old address was not told: %+v", m)
	}
	if a := alice.confirmAddress(link); a.StatusCode != http.StatusNotFound {
		t.Errorf("the link works twice: %d", a.StatusCode)
	}
}

// What people change of themselves is in the audit log: whoever takes an account over
// begins with its address.
func TestProfileIsAudited(t *testing.T) {
	s, box := newMailing(t)
	alice := s.browser().signIn("alice", alicePassword)
	old := s.user(1)
	alice.editProfile("first_name", "Alicia", "last_name", old.LastName, "email", old.Email)
	alice.editProfile("first_name", "Alicia", "last_name", old.LastName, "email", "new@example.com", "current_password", alicePassword)
	alice.confirmAddress(linkIn(t, box.nextMail(t)))
	records := s.auditRecords(store.AuditQuery{Action: store.ActionUserChange})
	var got []store.AuditChange
	for _, r := range records {
		if r.Actor.ID != "1" || r.Target.ID != "1" || r.IP == "" {
			t.Errorf("%+v", r)
		}
		got = append(got, r.Changes...)
	}
	want := store.AuditChange{Field: "first_name", Old: old.FirstName, New: "Alicia"}
	if len(records) != 2 || !slices.Contains(got, want) || !slices.Contains(got, store.AuditChange{Field: "email", Old: old.Email, New: "new@example.com"}) {
		t.Errorf("%d records: %+v", len(records), got)
	}
}

// A mail to an address that anybody may type says nothing that its sender chose: it
// would carry their words to strangers, in the name of the server.
func TestAddressMailCarriesNoWords(t *testing.T) {
	s, box := newMailing(t)
	alice := s.browser().signIn("alice", alicePassword)
	words := "You won! https://evil.example/"
	alice.editProfile("first_name", words, "last_name", words, "email", s.user(1).Email)
	alice.editProfile("first_name", words, "last_name", words, "email", "stranger@example.com", "current_password", alicePassword)
	m := box.nextMail(t)
	if m.To != "stranger@example.com" || strings.Contains(m.Subject+m.Text+m.HTML, "evil.example") {
		t.Errorf("%+v", m)
	}
}

// A link that is too old, or that something overtook, is over.
func TestProfileAddressLinksEnd(t *testing.T) {
	for name, overtake := range map[string]func(*server, *browser, mailbox){
		"time": func(s *server, _ *browser, _ mailbox) { s.clock.add(31 * time.Minute) },
		"another address": func(s *server, _ *browser, _ mailbox) {
			s.editUser(1, func(u *store.User) { u.Email = "other@example.com" })
		},
		"another password": func(s *server, b *browser, _ mailbox) {
			pw := "nine purple wheelbarrows"
			if a := b.post("/o/password", b.get("/o/password").form("current_password", alicePassword, "new_password", pw, "new_password_again", pw)); a.StatusCode != http.StatusOK {
				s.t.Fatalf("%d %s", a.StatusCode, a.body)
			}
		},
	} {
		s, box := newMailing(t)
		alice := s.browser().signIn("alice", alicePassword)
		alice.editProfile("email", "new@example.com", "current_password", alicePassword)
		link := linkIn(t, box.nextMail(t))
		overtake(s, alice, box)
		if a := alice.confirmAddress(link); a.StatusCode != http.StatusNotFound || s.user(1).Email == "new@example.com" {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
}

// Who types somebody else's address learns nothing by it; who can read what comes
// there is told.
func TestProfileAddressTellsNothing(t *testing.T) {
	s, box := newMailing(t)
	s.editUser(2, func(u *store.User) { u.Email = "taken@example.com" })
	alice := s.browser().signIn("alice", alicePassword)
	ask := func(email string) string {
		a := alice.editProfile("email", email, "current_password", alicePassword)
		return strings.NewReplacer(email, "", a.field("csrf"), "").Replace(a.body)
	}
	if free, taken := ask("free@example.com"), ask("taken@example.com"); free != taken {
		t.Errorf("the answers differ:\n%s\n%s", free, taken)
	}
	box.nextMail(t)
	if a := alice.confirmAddress(linkIn(t, box.nextMail(t))); a.StatusCode != http.StatusConflict || s.user(1).Email == "taken@example.com" {
		t.Errorf("%d", a.StatusCode)
	}
	// Nobody is flooded with links.
	sent := 0
	for range 20 {
		alice.editProfile("email", "victim@example.com", "current_password", alicePassword)
		sent += box.addressMails()
	}
	if sent > 5 {
		t.Errorf("%d links were sent", sent)
	}
}

func TestOwnData(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	b.tokens("openid email")
	a := b.get("/o/account/data")
	if a.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%v", a.Header)
	}
	d := a.decode(t)
	if d["username"] != "alice" || len(d["sessions"].([]any)) != 1 || d["apps"].([]any)[0].(map[string]any)["id"] != "app" {
		t.Errorf("%v", d)
	}
	for _, secret := range []string{"hash", "argon2", "sid", "bob"} {
		if strings.Contains(strings.ToLower(a.body), secret) {
			t.Errorf("it holds %q: %s", secret, a.body)
		}
	}
}

// A language that was chosen stays: in the account, and in the browser.
func TestChooseLanguage(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	page := b.get("/o/language?continue=user_code%3DWDJB-MJHT")
	a := b.post("/o/language", page.form("language", "fr"))
	if a.location().Path != "/o/login" || a.location().Query().Get("continue") != "user_code=WDJB-MJHT" {
		t.Errorf("to %s", a.Header.Get("Location"))
	}
	if got := b.speaks("/o/login", "de"); got != "fr" {
		t.Errorf("the browser's is %q", got)
	}
	b.signIn("alice", alicePassword)
	b.post("/o/language", b.get("/o/language").form("language", "es"))
	if s.user(1).Language != "es" || s.browser().signIn("alice", alicePassword).speaks("/o/", "de") != "es" {
		t.Errorf("the account's is %q", s.user(1).Language)
	}
	b.post("/o/language", b.get("/o/language").form("language", "tlh"))
	if s.user(1).Language != "es" {
		t.Error("a language that there is not was chosen")
	}
}

// A new password must not be one that is guessed soon, whoever chooses it where.
func TestWeakPasswordsAreRefused(t *testing.T) {
	list := filepath.Join(t.TempDir(), "breached.txt")
	if err := os.WriteFile(list, fmt.Appendf(nil, "%X:7\n", sha1.Sum([]byte("nine purple wheelbarrows"))), 0o600); err != nil {
		t.Fatal(err)
	}
	breached, err := password.OpenBreached(list)
	if err != nil {
		t.Fatal(err)
	}
	defer breached.Close()
	s := newServer(t, func(c *provider.Config) { c.Breached = breached })
	b := s.browser().signIn("alice", alicePassword)
	for pw, want := range map[string]string{
		"password1": "too easy to guess", "qwertyuiop": "too easy to guess", "alice2026": "too easy to guess",
		"nine purple wheelbarrows": "stolen elsewhere",
	} {
		a := b.post("/o/password", b.get("/o/password").form("current_password", alicePassword, "new_password", pw, "new_password_again", pw))
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, want) {
			t.Errorf("%q: %d", pw, a.StatusCode)
		}
	}
}
