package provider_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// addTOTP is the secret of an app that the user has from now on.
func (s *server) addTOTP(userID int64) (secret string) {
	s.t.Helper()
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "x", AccountName: "x"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.update(func(tx store.WriteTx) error {
		return tx.PutFactor(&store.Factor{
			UserID: userID, ID: store.NewSecret(), Kind: store.FactorTOTP, Name: "Phone", CreatedAt: s.clock.now(),
			Sealed: s.key.Seal(store.TOTPSecretPurpose(userID), []byte(key.Secret())),
		})
	})
	return key.Secret()
}

// addRecoveryCodes gives the user recovery codes.
func (s *server) addRecoveryCodes(userID int64) []string {
	s.t.Helper()
	shown, kept := store.NewRecoveryCodes()
	s.update(func(tx store.WriteTx) error { return tx.PutRecoveryCodes(userID, kept) })
	return shown
}

// otp is the code that the app shows after d.
func (s *server) otp(secret string, d time.Duration) string {
	s.t.Helper()
	code, err := totp.GenerateCode(secret, s.clock.now().Add(d))
	if err != nil {
		s.t.Fatal(err)
	}
	return code
}

// wrongOTP is no code of about now.
func (s *server) wrongOTP(secret string) string {
	for n := 0; ; n++ {
		code := fmt.Sprintf("%06d", n)
		if !slices.Contains([]string{s.otp(secret, 0), s.otp(secret, -30*time.Second), s.otp(secret, 30*time.Second)}, code) {
			return code
		}
	}
}

// factorForm is the form of the page of the second factor.
func (a *answer) factorForm(add ...string) url.Values {
	v := a.form(add...)
	for _, name := range []string{"login", "recovery"} {
		if s := a.field(name); s != "" {
			v.Set(name, s)
		}
	}
	return v
}

// password gives the right password, and returns the page of the second factor that
// comes next.
func (b *browser) password(a *answer) *answer {
	b.t.Helper()
	a = b.login(a, "alice", alicePassword)
	if a.StatusCode != http.StatusSeeOther || a.location().Path != "/o/second-factor" {
		b.t.Fatalf("no second factor is asked for: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	return b.get(a.Header.Get("Location"))
}

func (b *browser) giveOTP(page *answer, code string) *answer {
	b.t.Helper()
	return b.post("/o/second-factor", page.factorForm("otp", code))
}

// become has the browser show the session of that id.
func (b *browser) become(id string) {
	u, _ := url.Parse(b.url)
	b.jar.SetCookies(u, []*http.Cookie{{Name: b.sessionCookie().Name, Value: id, Path: "/"}})
}

// idTokenOf are the claims of the ID token that the request leads to.
func (b *browser) idTokenOf(a *answer, q url.Values) map[string]any {
	b.t.Helper()
	u := b.follow(a)
	t := tokensOf(b.t, b.token(as("app", appSecret), codeForm(u.Query().Get("code"), q.Get("redirect_uri"))))
	return claimsOf(b.t, t.id)
}

func TestSecondFactor(t *testing.T) {
	s := newServer(t)
	secret := s.addTOTP(1)
	b := s.browser()
	q := authQuery("app", appRedirect)
	page := b.password(b.authorize(q))
	// The password alone opens nothing.
	if b.signedIn() {
		t.Fatal("the password signed in")
	}
	for _, path := range []string{"/o/", "/o/account/apps", "/o/account/security", "/o/password", "/o/admin"} {
		if a := b.get(path); a.StatusCode != http.StatusSeeOther || a.location().Path != "/o/login" {
			t.Errorf("%s: %d to %s", path, a.StatusCode, a.Header.Get("Location"))
		}
	}
	if a := b.giveOTP(page, s.wrongOTP(secret)); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "is not right") || b.signedIn() {
		t.Errorf("a wrong code: %d", a.StatusCode)
	}
	code := s.otp(secret, 0)
	a := b.giveOTP(page, code[:3]+" "+code[3:])
	if a.StatusCode != http.StatusSeeOther || a.location().Path != "/o/authorize" || !b.signedIn() {
		t.Fatalf("the right code: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	id := b.idTokenOf(a, q)
	if id["acr"] != "2" || fmt.Sprint(id["amr"]) != "[pwd otp mfa]" {
		t.Errorf("acr %v, amr %v", id["acr"], id["amr"])
	}

	// A code works once, for anybody, and none of before.
	other := s.browser()
	page = other.password(other.get("/o/login"))
	for _, used := range []string{code, s.otp(secret, -30*time.Second)} {
		if a := other.giveOTP(page, used); a.StatusCode != http.StatusForbidden || other.signedIn() {
			t.Errorf("a used code: %d", a.StatusCode)
		}
	}
	if a := other.giveOTP(page, s.otp(secret, 30*time.Second)); a.StatusCode != http.StatusSeeOther || !other.signedIn() {
		t.Errorf("the next code: %d", a.StatusCode)
	}
	// So does the pending sign-in.
	s.clock.add(time.Minute)
	if a := other.giveOTP(page, s.otp(secret, 0)); a.location().Path != "/o/login" {
		t.Errorf("again: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
}

// TestPendingSignIn: what was proved by the password is bound to the browser, the
// password and a while.
func TestPendingSignIn(t *testing.T) {
	for name, spoil := range map[string]func(s *server, b *browser) *browser{
		"another browser": func(s *server, b *browser) *browser { return s.browser() },
		"too late":        func(s *server, b *browser) *browser { s.clock.add(10 * time.Minute); return b },
		"disabled": func(s *server, b *browser) *browser {
			s.editUser(1, func(u *store.User) { u.IsActive = false })
			return b
		},
		"password changed": func(s *server, b *browser) *browser {
			s.update(func(tx store.WriteTx) error {
				return tx.PutCredential(&store.Credential{UserID: 1, PasswordHash: hashOf(t, "another password")})
			})
			return b
		},
		"factors reset": func(s *server, b *browser) *browser {
			s.update(func(tx store.WriteTx) error { _, err := store.ResetFactors(tx, 1); return err })
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			secret := s.addTOTP(1)
			b := s.browser()
			form := b.password(b.get("/o/login")).factorForm()
			b = spoil(s, b)
			form.Set("otp", s.otp(secret, 0))
			if a := b.post("/o/second-factor", form); a.StatusCode != http.StatusSeeOther || a.location().Path != "/o/login" || b.signedIn() {
				t.Errorf("%d to %s", a.StatusCode, a.Header.Get("Location"))
			}
		})
	}
	// Nor does a form without its token.
	s := newServer(t)
	secret := s.addTOTP(1)
	b := s.browser()
	form := b.password(b.get("/o/login")).factorForm("otp", s.otp(secret, 0))
	form.Del("csrf")
	if a := b.post("/o/second-factor", form); a.StatusCode != http.StatusForbidden || b.signedIn() {
		t.Errorf("without csrf: %d", a.StatusCode)
	}
	form.Set("csrf", b.get("/o/login").field("csrf"))
	if a := b.post("/o/second-factor", form); a.StatusCode != http.StatusForbidden || b.signedIn() {
		t.Errorf("with the token of another form: %d", a.StatusCode)
	}
}

// TestCodeOnce: of many who give one code at once, one gets in.
func TestCodeOnce(t *testing.T) {
	s := newServer(t)
	secret, codes := s.addTOTP(1), s.addRecoveryCodes(1)
	for _, code := range []string{s.otp(secret, 0), codes[0]} {
		var wg sync.WaitGroup
		var mu sync.Mutex
		in := 0
		for range 8 {
			b := s.browser()
			form := b.password(b.get("/o/login")).factorForm("otp", code)
			wg.Go(func() {
				if b.post("/o/second-factor", form).StatusCode == http.StatusSeeOther {
					mu.Lock()
					in++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if in != 1 {
			t.Errorf("%d got in by one code", in)
		}
	}
}

func TestRecoveryCodeSignsIn(t *testing.T) {
	sent := make(mailbox, 10)
	s := newServer(t, func(c *provider.Config) { c.Mailer = sent })
	s.addTOTP(1)
	codes := s.addRecoveryCodes(1)
	bobs := s.addRecoveryCodes(2)
	b := s.browser()
	page := b.password(b.get("/o/login"))
	if !strings.Contains(page.body, "recovery=1") {
		t.Error("nothing leads to recovery codes")
	}
	page = b.get("/o/second-factor?login=1&recovery=1")
	if a := b.giveOTP(page, bobs[0]); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "none of your recovery codes") {
		t.Errorf("another person's code: %d", a.StatusCode)
	}
	if a := b.giveOTP(page, strings.ToLower(codes[3])); a.StatusCode != http.StatusSeeOther || !b.signedIn() {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if m := <-sent; !strings.Contains(m.Text, "One of your recovery codes was used.") {
		t.Errorf("mailed: %+v", m)
	}
	other := s.browser()
	page = other.password(other.get("/o/login"))
	if a := other.giveOTP(page, codes[3]); a.StatusCode != http.StatusForbidden || other.signedIn() {
		t.Errorf("a second time: %d", a.StatusCode)
	}
}

// TestGuessingCodes: who has the password and guesses is slowed down; the owner gets
// in from their own browser, and by a recovery code from anywhere.
func TestGuessingCodes(t *testing.T) {
	sent := make(mailbox, 10)
	s := newServer(t, func(c *provider.Config) { c.Mailer = sent })
	owner := s.browser().signIn("alice", alicePassword) // before there was a factor
	secret, codes := s.addTOTP(1), s.addRecoveryCodes(1)
	thief := s.browser()
	page := thief.password(thief.get("/o/login"))
	for range 10 {
		if a := thief.giveOTP(page, s.wrongOTP(secret)); a.StatusCode != http.StatusForbidden {
			t.Fatalf("%d", a.StatusCode)
		}
	}
	a := thief.giveOTP(page, s.otp(secret, 0))
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" || thief.signedIn() {
		t.Errorf("the eleventh, though right: %d", a.StatusCode)
	}
	if m := <-sent; m.Subject != "Somebody knows your password" || m.To != "alice@example.com" {
		t.Errorf("mailed: %+v", m)
	}
	owner.become("")
	page = owner.password(owner.get("/o/login"))
	if a := owner.giveOTP(page, s.otp(secret, 0)); a.StatusCode != http.StatusSeeOther || !owner.signedIn() {
		t.Errorf("the owner's browser: %d", a.StatusCode)
	}
	anywhere := s.browser()
	page = anywhere.password(anywhere.get("/o/login"))
	if a := anywhere.giveOTP(page, codes[0]); a.StatusCode != http.StatusSeeOther || !anywhere.signedIn() {
		t.Errorf("a recovery code: %d", a.StatusCode)
	}
	s.clock.add(5 * time.Minute)
	page = thief.password(thief.get("/o/login"))
	if a := thief.giveOTP(page, s.wrongOTP(secret)); a.StatusCode != http.StatusForbidden {
		t.Errorf("one more after five minutes: %d", a.StatusCode)
	}
	if a := thief.giveOTP(page, s.wrongOTP(secret)); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("and not two: %d", a.StatusCode)
	}
}

// TestStepUp: who set up a factor is asked for it where they were signed in before,
// by a session with a new id that is the same to clients.
func TestStepUp(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	q := authQuery("app", appRedirect)
	before := b.idTokenOf(b.authorize(q), q)
	if before["acr"] != "1" {
		t.Errorf("acr %v", before["acr"])
	}
	secret := s.addTOTP(1)
	cookieBefore := b.sessionCookie().Value
	for _, path := range []string{
		"/o/admin", "/o/device", "/o/account/security", "/o/password", "/o/account/apps", "/o/account/sessions", "/o/account/profile", "/o/account/email?token=x", "/o/account/data",
	} {
		if a := b.get(path); a.location().Path != "/o/second-factor" {
			t.Errorf("%s: %d to %s", path, a.StatusCode, a.Header.Get("Location"))
		}
	}
	if u := b.authorize(authQuery("app", appRedirect, "prompt", "none")).location(); u.Query().Get("error") != "interaction_required" {
		t.Errorf("prompt=none: %s", u)
	}
	a := b.authorize(q)
	if a.location().Path != "/o/second-factor" {
		t.Fatalf("%d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	s.clock.add(time.Minute)
	a = b.giveOTP(b.get(a.Header.Get("Location")), s.otp(secret, 0))
	after := b.idTokenOf(a, q)
	if after["acr"] != "2" || fmt.Sprint(after["amr"]) != "[pwd otp mfa]" {
		t.Errorf("acr %v, amr %v", after["acr"], after["amr"])
	}
	if after["sid"] != before["sid"] || after["auth_time"] != before["auth_time"] {
		t.Error("it is another session, or began anew")
	}
	if b.sessionCookie().Value == cookieBefore {
		t.Error("the id is the same")
	}
	b.become(cookieBefore)
	if b.signedIn() {
		t.Error("the old id still opens the session")
	}
}

// TestDemandedClass: a client that must have the higher class gets it, by a factor or
// by setting one up; who asks for the lower one is told that.
func TestDemandedClass(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	must := authQuery("app", appRedirect, "claims", `{"id_token":{"acr":{"essential":true,"value":"2"}}}`)
	a := b.authorize(must)
	if a.location().Path != "/o/account/security" {
		t.Errorf("without a factor: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	if list := b.get(a.Header.Get("Location")); strings.Contains(list.body, `id="go-on"`) || !strings.Contains(list.body, "Set up a second factor to go on.") {
		t.Error("the page leads on without one")
	}
	if id := b.idTokenOf(b.authorize(authQuery("app", appRedirect, "acr_values", "2")), must); id["acr"] != "1" {
		t.Errorf("acr_values is a wish: %v", id["acr"])
	}
	secret := s.addTOTP(1)
	a = b.giveOTP(b.get(b.authorize(must).Header.Get("Location")), s.otp(secret, 0))
	if id := b.idTokenOf(a, must); id["acr"] != "2" {
		t.Errorf("acr %v", id["acr"])
	}
	low := authQuery("app", appRedirect, "claims", `{"id_token":{"acr":{"essential":true,"value":"1"}}}`)
	if id := b.idTokenOf(b.authorize(low), low); id["acr"] != "1" {
		t.Errorf("who must have 1 is told %v", id["acr"])
	}
}

// TestWishedClass: acr_values steps up who can, keeps out nobody, and is answered by
// one of the classes it names where one was reached.
func TestWishedClass(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	wish := func(values string, more ...string) url.Values {
		return authQuery("app", appRedirect, append([]string{"acr_values", values}, more...)...)
	}
	for _, values := range []string{"2", "2 1", "1", "urn:x:high", "urn:x:high 2"} {
		if id := b.idTokenOf(b.authorize(wish(values)), wish(values)); id["acr"] != "1" {
			t.Errorf("%s, without a factor: acr %v", values, id["acr"])
		}
	}
	secret := s.addTOTP(1)
	if u := b.authorize(wish("2", "prompt", "none")).location(); u.Query().Get("error") != "interaction_required" {
		t.Errorf("prompt=none with a step due: %s", u)
	}
	a := b.authorize(wish("2"))
	if a.location().Path != "/o/second-factor" {
		t.Fatalf("with a factor: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	a = b.giveOTP(b.get(a.Header.Get("Location")), s.otp(secret, 0))
	if id := b.idTokenOf(a, wish("2")); id["acr"] != "2" {
		t.Errorf("after the factor: acr %v", id["acr"])
	}
	for _, c := range []struct{ values, claims, want string }{
		{"2", "", "2"},
		{"2 1", "", "2"},
		{"1 2", "", "2"}, // it is what was done
		{"1", "", "1"},   // an app that compares finds what it asked for
		{"urn:x:high 1", "", "1"},
		{"urn:x:high", "", "2"},
		{"2", `{"id_token":{"acr":{"values":["1"]}}}`, "1"}, // claims is the finer of the two
		{"1", `{"id_token":{"acr":{"essential":true,"value":"2"}}}`, "2"},
		{"1", `{"id_token":{"acr":{"essential":true}}}`, "1"},
		{"1", `{"userinfo":{"acr":{"value":"2"}}}`, "1"},
	} {
		q := wish(c.values, "claims", c.claims, "prompt", "none")
		if id := b.idTokenOf(b.authorize(q), q); id["acr"] != c.want {
			t.Errorf("%s %s: acr %v, not %s", c.values, c.claims, id["acr"], c.want)
		}
	}
	if id := b.idTokenOf(b.authorize(s.pushed(as("app", appSecret), wish("1"))), wish("1")); id["acr"] != "1" {
		t.Errorf("pushed: acr %v", id["acr"])
	}
	twice := wish("2")
	twice.Add("acr_values", "1")
	if u := b.authorize(twice).location(); u.Query().Get("error") != "invalid_request" {
		t.Errorf("acr_values twice: %s", u)
	}
}

// TestOwnPagesComeBack: the page of the account that asked for the factor is where it
// leads, and no other address.
func TestOwnPagesComeBack(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	secret := s.addTOTP(1)
	a := b.giveOTP(b.get(b.get("/o/account/sessions").Header.Get("Location")), s.otp(secret, 0))
	if a.location().Path != "/o/account/sessions" || b.get("/o/account/sessions").StatusCode != http.StatusOK {
		t.Errorf("%d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	s.clock.add(time.Minute)
	for _, evil := range []string{"https://evil.example.com", "../evil", "//evil", "admin"} {
		other := s.browser().signInWith(secret)
		page := other.get("/o/second-factor?" + url.Values{"continue": {url.Values{"page": {evil}}.Encode()}}.Encode())
		if a := other.giveOTP(page, s.otp(secret, 0)); a.Header.Get("Location") != s.issuer+"/o/" && a.StatusCode == http.StatusSeeOther {
			t.Errorf("%q leads to %s", evil, a.Header.Get("Location"))
		}
		s.clock.add(time.Minute)
	}
}

// signInWith signs alice in by password and code.
func (b *browser) signInWith(secret string) *browser {
	b.t.Helper()
	if a := b.giveOTP(b.password(b.get("/o/login")), b.otp(secret, 0)); a.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("cannot sign in: %d %s", a.StatusCode, a.body)
	}
	b.clock.add(time.Minute)
	return b
}

// TestPasswordChangeKeepsFactor: who changes the password has proved as much as before.
func TestPasswordChangeKeepsFactor(t *testing.T) {
	s := newServer(t)
	b := s.browser().signInWith(s.addTOTP(1))
	b.changePassword("current_password", alicePassword, "new_password", newPassword, "new_password_again", newPassword)
	if a := b.get("/o/account/sessions"); a.StatusCode != http.StatusOK {
		t.Errorf("%d to %s", a.StatusCode, a.Header.Get("Location"))
	}
}
