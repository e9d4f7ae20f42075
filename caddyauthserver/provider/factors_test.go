package provider_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// factorsOf are a user's, and how many recovery codes are left.
func (s *server) factorsOf(userID int64) (factors []*store.Factor, codes int) {
	s.t.Helper()
	s.update(func(tx store.WriteTx) (err error) {
		if factors, err = tx.Factors(userID); err != nil {
			return err
		}
		left, err := tx.RecoveryCodes(userID)
		codes = len(left)
		return err
	})
	return factors, codes
}

// key is what the page offers to an app.
func (a *answer) key() string {
	m := regexp.MustCompile(`id="key"[^>]*>([A-Z2-7 ]+)<`).FindStringSubmatch(a.body)
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], " ", "")
}

// recoveryCodes are those on the page.
func (a *answer) recoveryCodes() (codes []string) {
	for _, m := range regexp.MustCompile(`<code>([0-9A-Z-]{19})</code>`).FindAllStringSubmatch(a.body, -1) {
		codes = append(codes, m[1])
	}
	return codes
}

// offerForm is the form by which an app is added.
func (a *answer) offerForm(add ...string) url.Values {
	return a.form(append([]string{"offer", a.field("offer")}, add...)...)
}

// addApp adds an app, and returns the answer and its key.
func (b *browser) addApp(page *answer) (*answer, string) {
	b.t.Helper()
	key := page.key()
	if key == "" {
		b.t.Fatalf("no key is offered: %d %s", page.StatusCode, page.body)
	}
	return b.post("/o/account/security/app", page.offerForm("otp", b.otp(key, 0), "name", "My phone")), key
}

func TestAddAndRemoveApp(t *testing.T) {
	sent := make(mailbox, 10)
	s := newServer(t, func(c *provider.Config) { c.Mailer = sent })
	b := s.browser().signIn("alice", alicePassword)
	id := b.sessionCookie().Value
	page := b.get("/o/account/security/app")
	if !strings.Contains(page.body, "data:image/png;base64,") || len(page.key()) != 32 {
		t.Errorf("no picture, or a key of %d", len(page.key()))
	}
	if b.get("/o/account/security/app").key() == page.key() {
		t.Error("the same key is offered twice")
	}
	for name, form := range map[string]url.Values{
		"a wrong code":        page.offerForm("otp", s.wrongOTP(page.key())),
		"no code":             page.offerForm("otp", ""),
		"a forged offer":      page.offerForm("otp", s.otp(page.key(), 0), "offer", page.field("offer")+"AA"),
		"without csrf":        page.offerForm("otp", s.otp(page.key(), 0), "csrf", ""),
		"csrf of other forms": page.offerForm("otp", s.otp(page.key(), 0), "csrf", b.get("/o/account/apps").field("csrf")),
	} {
		if a := b.post("/o/account/security/app", form); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if f, _ := s.factorsOf(1); len(f) != 0 {
		t.Fatal("one of them was taken")
	}
	a, key := b.addApp(page)
	codes := a.recoveryCodes()
	if a.StatusCode != http.StatusOK || len(codes) != store.RecoveryCodeCount {
		t.Fatalf("%d with %d codes", a.StatusCode, len(codes))
	}
	f, left := s.factorsOf(1)
	if len(f) != 1 || f[0].Name != "My phone" || left != len(codes) || strings.Contains(string(f[0].Sealed), key) {
		t.Errorf("kept: %+v, %d codes", f, left)
	}
	if b.sessionCookie().Value == id || !b.signedIn() {
		t.Error("the session has its old id, or is over")
	}
	if m := <-sent; !strings.Contains(m.Text, "“My phone” was added") || m.To != "alice@example.com" {
		t.Errorf("mailed: %+v", m)
	}
	if page = b.get("/o/account/security"); !strings.Contains(page.body, "My phone") || strings.Contains(page.body, codes[0]) {
		t.Error("the page does not show the app, or shows a code again")
	}
	// The code that set it up is used.
	other := s.browser()
	pending := other.password(other.get("/o/login"))
	if a := other.giveOTP(pending, s.otp(key, 0)); a.StatusCode != http.StatusForbidden {
		t.Errorf("the code that set it up: %d", a.StatusCode)
	}
	if a := other.giveOTP(pending, codes[0]); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a recovery code: %d", a.StatusCode)
	}
	<-sent // of the code
	if m := <-sent; !strings.Contains(m.Subject, "New sign-in") {
		t.Errorf("mailed: %+v", m)
	}

	// Another site, which cannot read the token, takes nobody's codes away; nor does to
	// look at the question.
	ask := b.get(page.href("new-codes"))
	if ask.StatusCode != http.StatusOK || !strings.Contains(ask.body, "wherever you keep them: 9.") {
		t.Errorf("the question about codes: %d %s", ask.StatusCode, ask.body)
	}
	for name, csrf := range map[string]string{"none": "", "of another form": b.get("/o/account/apps").field("csrf")} {
		forged := b.postOwn("/o/account/security/codes", ask.form("csrf", csrf))
		if _, left := s.factorsOf(1); left != len(codes)-1 || len(forged.recoveryCodes()) > 0 {
			t.Errorf("token %s: %d, and %d codes are left", name, forged.StatusCode, left)
		}
	}
	// New codes end the old ones.
	fresh := b.post("/o/account/security/codes", ask.form()).recoveryCodes()
	if len(fresh) != store.RecoveryCodeCount {
		t.Fatalf("%d new codes", len(fresh))
	}
	<-sent
	third := s.browser()
	pending = third.password(third.get("/o/login"))
	if a := third.giveOTP(pending, codes[1]); a.StatusCode != http.StatusForbidden {
		t.Errorf("an old code: %d", a.StatusCode)
	}
	// Without the form's token, by another's form, or by looking at the question, nothing
	// is removed.
	bob := s.browser().signIn("bob", "bob's password")
	b.post("/o/account/security/remove", url.Values{"factor": {f[0].ID}})
	bob.post("/o/account/security/remove", bob.get("/o/account/apps").form("factor", f[0].ID))
	if a := b.post("/o/account/security", ask.form("remove", f[0].ID)); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("without a question: %d", a.StatusCode)
	}
	if a := bob.get("/o/account/security/remove?factor=" + f[0].ID); a.StatusCode != http.StatusSeeOther {
		t.Errorf("bob is asked about a factor of alice: %d", a.StatusCode)
	}
	ask = b.askToRemove(f[0])
	for _, want := range []string{"Remove <bdi>My phone</bdi>?", "your recovery codes go with it", "nothing but your password"} {
		if !strings.Contains(ask.body, want) {
			t.Errorf("the question lacks %q: %s", want, ask.body)
		}
	}
	if f, _ := s.factorsOf(1); len(f) != 1 {
		t.Fatal("it was removed without the form")
	}
	b.post("/o/account/security/remove", ask.form())
	if f, left := s.factorsOf(1); len(f) != 0 || left != 0 {
		t.Errorf("%d factors and %d codes are left", len(f), left)
	}
	if m := <-sent; !strings.Contains(m.Text, "was removed") {
		t.Errorf("mailed: %+v", m)
	}
	// What is gone is nothing to ask about.
	for _, path := range []string{"/o/account/security/remove?factor=" + f[0].ID, "/o/account/security/remove", "/o/account/security/codes"} {
		if a := b.get(path); a.location().Path != "/o/account/security" {
			t.Errorf("%s: %d to %s", path, a.StatusCode, a.Header.Get("Location"))
		}
	}
	s.browser().signIn("alice", alicePassword)
}

// askToRemove is the page that the list leads to for a factor.
func (b *browser) askToRemove(f *store.Factor) *answer {
	b.t.Helper()
	for _, href := range regexp.MustCompile(`href="(/o/account/security/remove\?[^"]*)"`).FindAllStringSubmatch(b.get("/o/account/security").body, -1) {
		if target := html.UnescapeString(href[1]); strings.Contains(target, f.ID) {
			return b.get(target)
		}
	}
	b.t.Fatalf("the list does not lead to removing %s", f.Name)
	return nil
}

// TestRemovalSaysWhatIsLeft: with one of several gone, the others are asked for.
func TestRemovalSaysWhatIsLeft(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	b.addApp(b.get("/o/account/security/app"))
	s.addTOTP(1)
	f, _ := s.factorsOf(1)
	ask := b.askToRemove(f[slices.IndexFunc(f, func(f *store.Factor) bool { return f.Name != "Phone" })])
	for want, is := range map[string]bool{
		"your password and one of these": true, "<li><bdi>Phone</bdi></li>": true, "Recovery codes: 10 left": true,
		"the last one": false, "by itself": false,
	} {
		if strings.Contains(ask.body, want) != is {
			t.Errorf("%q should be there: %v\n%s", want, is, ask.body)
		}
	}
	s.givePasskey(1)
	if ask = b.askToRemove(f[0]); !strings.Contains(ask.body, "by itself") || !strings.Contains(ask.body, "<bdi>Key</bdi> (Passkey)") {
		t.Errorf("a passkey is left: %s", ask.body)
	}
}

// TestOnlyWayInStays: who has no password keeps the passkey by which they sign in,
// whatever else they have.
func TestOnlyWayInStays(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	b.addApp(b.get("/o/account/security/app"))
	s.givePasskey(1)
	factors, _ := s.factorsOf(1)
	key := slices.IndexFunc(factors, func(f *store.Factor) bool { return f.Kind == store.FactorPasskey })
	ask := b.askToRemove(factors[key])
	s.update(func(tx store.WriteTx) error { return tx.PutCredential(&store.Credential{UserID: 1}) })
	for what, a := range map[string]*answer{"asking": b.askToRemove(factors[key]), "removing": b.post("/o/account/security/remove", ask.form())} {
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "You have no password") {
			t.Errorf("%s: %d %s", what, a.StatusCode, a.body)
		}
	}
	if a := b.askToRemove(factors[1-key]); a.StatusCode != http.StatusOK {
		t.Errorf("the app: %d", a.StatusCode)
	}
	if f, _ := s.factorsOf(1); len(f) != 2 {
		t.Errorf("%d factors are left", len(f))
	}
}

// TestFactorsNeedRecentSignIn: a browser that was left open cannot change them.
func TestFactorsNeedRecentSignIn(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	page := b.get("/o/account/security/app")
	s.clock.add(15 * time.Minute)
	for _, path := range []string{"/o/account/security", "/o/account/security/app", "/o/account/security/remove?factor=x", "/o/account/security/codes"} {
		if a := b.get(path); a.location().Path != "/o/login" {
			t.Errorf("%s: %d to %s", path, a.StatusCode, a.Header.Get("Location"))
		}
	}
	if a, _ := b.addApp(page); a.location().Path != "/o/login" {
		t.Errorf("adding: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	if f, _ := s.factorsOf(1); len(f) != 0 {
		t.Fatal("it was added")
	}
	a := b.login(b.get("/o/account/security"), "alice", alicePassword)
	if a.location().Path != "/o/account/security" {
		t.Errorf("back to %s", a.Header.Get("Location"))
	}
	if a := b.get(a.Header.Get("Location")); a.StatusCode != http.StatusOK {
		t.Errorf("then: %d", a.StatusCode)
	}
	// What was offered to a session is not for another.
	if a, _ := b.addApp(page); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an offer to another session: %d", a.StatusCode)
	}
}

// TestFactorAloneIsNoRecentSignIn: the second factor of who is signed in, given again,
// does not stand for the password when second factors are changed.
func TestFactorAloneIsNoRecentSignIn(t *testing.T) {
	s := newServer(t)
	secret := s.addTOTP(1)
	b := s.browser().signInWith(secret)
	s.clock.add(time.Hour)
	if a := b.giveOTP(b.get("/o/second-factor"), s.otp(secret, 0)); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	a := b.get("/o/account/security/app")
	if a.location().Path != "/o/login" {
		t.Fatalf("%d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	// By both they get there at once.
	s.clock.add(time.Minute)
	a = b.giveOTP(b.password(b.get(a.Header.Get("Location"))), s.otp(secret, 0))
	if a = b.get(a.Header.Get("Location")); a.StatusCode != http.StatusOK {
		t.Errorf("then: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
}

// TestRequireSecondFactor: whom the policy covers sets one up before they get
// anywhere, and cannot remove the last.
func TestRequireSecondFactor(t *testing.T) {
	s := newServer(t, func(c *provider.Config) { c.SecondFactor.Groups = []string{"editors"} })
	bob := s.browser().signIn("bob", "bob's password")
	if a := bob.authorize(authQuery("gate", wikiRedirect)); !strings.HasPrefix(a.Header.Get("Location"), wikiRedirect) {
		t.Errorf("who is in no such group: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	b := s.browser()
	q := authQuery("app", appRedirect)
	a := b.login(b.authorize(q), "alice", alicePassword)
	a = b.get(a.Header.Get("Location"))
	if a.location().Path != "/o/account/security" {
		t.Fatalf("%d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	list := b.get(a.Header.Get("Location"))
	if strings.Contains(list.body, `id="go-on"`) {
		t.Error("the page leads on already")
	}
	if a := b.get("/o/device"); a.location().Path != "/o/account/security" {
		t.Errorf("devices: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	link := regexp.MustCompile(`id="add-app" href="([^"]*)"`).FindStringSubmatch(list.body)
	codes, _ := b.addApp(b.get(strings.ReplaceAll(link[1], "&amp;", "&")))
	next := regexp.MustCompile(`id="go-on" href="([^"]*)"`).FindStringSubmatch(codes.body)
	if next == nil {
		t.Fatalf("nothing leads on: %s", codes.body)
	}
	id := b.idTokenOf(b.get(strings.ReplaceAll(next[1], "&amp;", "&")), q)
	if id["acr"] != "2" {
		t.Errorf("acr %v", id["acr"])
	}
	f, _ := s.factorsOf(1)
	if a := b.askToRemove(f[0]); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("asking to remove the last: %d", a.StatusCode)
	}
	form := b.get("/o/account/security/app").form("factor", f[0].ID)
	if a := b.post("/o/account/security/remove", form); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("removing the last: %d", a.StatusCode)
	}
	if f, _ := s.factorsOf(1); len(f) != 1 {
		t.Error("the last was removed")
	}
}

// TestNewSignInNotice: the owner is told of a browser that is new, not of the first
// sign-in ever, nor of one that is known.
func TestNewSignInNotice(t *testing.T) {
	sent := make(mailbox, 10)
	s := newServer(t, func(c *provider.Config) { c.Mailer = sent })
	b := s.browser().signIn("alice", alicePassword)
	b.signIn("alice", alicePassword)
	if len(sent) != 0 {
		t.Fatalf("mailed: %+v", <-sent)
	}
	s.browser().signIn("alice", alicePassword)
	s.browser().login(s.browser().get("/o/login"), "alice", "wrong")
	if len(sent) != 1 {
		t.Fatalf("%d mails", len(sent))
	}
	m := <-sent
	for _, want := range []string{"127.0.0.1", "23 November 2026", s.issuer + "/o/password"} {
		if !strings.Contains(m.Text, want) || !strings.Contains(m.HTML, want) {
			t.Errorf("the mail does not say %q: %s", want, m.Text)
		}
	}
	s.browser().signIn("bob", "bob's password")
	s.browser().signIn("bob", "bob's password") // has no address
	if len(sent) != 0 {
		t.Errorf("mailed: %+v", <-sent)
	}
}

// TestContinueOfFactors leads to this server alone, however it is nested.
func TestContinueOfFactors(t *testing.T) {
	s := newServer(t)
	for _, evil := range []string{"https://evil.example.com/", "//evil.example.com", `/\evil.example.com`, "javascript:alert(1)"} {
		for _, cont := range []string{evil, url.Values{"security": {evil}}.Encode(), url.Values{"security": {url.Values{"security": {evil}}.Encode()}}.Encode()} {
			b := s.browser()
			a := b.get("/o/login?" + url.Values{"continue": {cont}}.Encode())
			if a.StatusCode == http.StatusOK {
				a = b.login(a, "alice", alicePassword)
				for range 3 {
					if a.StatusCode != http.StatusSeeOther {
						break
					}
					if u := a.location(); u.Host != "" && u.Scheme+"://"+u.Host != s.issuer {
						t.Fatalf("%q leads to %s", cont, u)
					}
					a = b.get(a.Header.Get("Location"))
				}
			}
			for _, href := range regexp.MustCompile(`(?:href|action)="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
				if strings.HasPrefix(href[1], evil) || strings.HasPrefix(href[1], "//") || strings.HasPrefix(href[1], "javascript:") {
					t.Errorf("%q puts %s into the page", cont, href[1])
				}
			}
		}
	}
}
