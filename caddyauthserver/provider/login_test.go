package provider_test

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

func TestLoginSpellings(t *testing.T) {
	s := newServer(t)
	for _, name := range []string{"alice", "ALICE", " alice ", "alice@example.com", "Alice@Example.COM", "ａｌｉｃｅ"} {
		b := s.browser()
		if a := b.login(b.get("/o/login"), name, alicePassword); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != s.issuer+"/o/" {
			t.Errorf("%q: %d %s", name, a.StatusCode, a.location())
		}
	}
}

// Unknown, disabled, without a password and wrong: the same answer.
func TestRefusedLoginsAreAlike(t *testing.T) {
	s := newServer(t)
	s.update(func(tx store.WriteTx) error {
		u := &store.User{Username: "nopassword", IsActive: true, DateJoined: s.clock.now()}
		return store.SaveUser(tx, store.DefaultSchema(), u)
	})
	first := ""
	for _, c := range [][2]string{
		{"alice", "wrong"}, {"alice", ""}, {"alice", strings.Repeat("x", 2000)}, {"alice@example.com", "wrong"}, {"nobody", alicePassword}, {"nobody@example.com", alicePassword},
		{"disabled", alicePassword}, {"disabled", "wrong"}, {"nopassword", ""}, {"nopassword", "x"}, {"", ""}, {strings.Repeat("a", 5000), "x"}, {"\x00\xff", "x"},
	} {
		b := s.browser()
		page := b.get("/o/login")
		a := b.post("/o/login", page.form("username", c[0], "password", c[1]))
		body := strings.NewReplacer(a.field("csrf"), "", ` value="`+a.field("username")+`"`, "", ` value=""`, "", " autofocus", "").Replace(a.body)
		if first == "" {
			first = body
		}
		if a.StatusCode != http.StatusForbidden || body != first || len(a.Header["Set-Cookie"]) != 0 {
			t.Errorf("%.20q: %d %v\n%s", c[0], a.StatusCode, a.Header["Set-Cookie"], a.body)
		}
	}
}

func TestLoginCSRF(t *testing.T) {
	s := newServer(t)
	good := func() (*browser, url.Values) {
		b := s.browser()
		return b, b.get("/o/login").form("username", "alice", "password", alicePassword)
	}
	refused := func(name string, a *answer) {
		t.Helper()
		for _, c := range a.Cookies() {
			if !strings.HasSuffix(c.Name, "-csrf") {
				t.Errorf("%s: set cookie %s", name, c.Name)
			}
		}
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, `id="login-submit"`) {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	b, form := good()
	form.Del("csrf")
	refused("without token", b.post("/o/login", form))

	_, form = good()
	refused("without cookie", s.browser().post("/o/login", form))

	_, form = good()
	b, _ = good()
	refused("token of another browser", b.post("/o/login", form))

	b, form = good()
	form.Set("csrf", strings.Repeat("A", len(form.Get("csrf"))))
	refused("made up", b.post("/o/login", form))

	for _, site := range []string{"cross-site", "same-site", "nonsense"} {
		b, form = good()
		req := b.request("POST", "/o/login", form)
		req.Header.Set("Sec-Fetch-Site", site)
		refused(site, b.do(req))
	}
	// A page without referrer has Origin "null" on plain http.
	b, form = good()
	req := b.request("POST", "/o/login", form)
	req.Header.Set("Origin", "null")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if a := b.do(req); a.StatusCode != http.StatusSeeOther {
		t.Errorf("our own form: %d", a.StatusCode)
	}
	// The second of two tabs is as good as the first.
	b = s.browser()
	one, two := b.get("/o/login"), b.get("/o/login")
	for _, page := range []*answer{two, one} {
		if a := b.post("/o/login", page.form("username", "alice", "password", alicePassword)); a.StatusCode != http.StatusSeeOther {
			t.Errorf("tab: %d", a.StatusCode)
		}
	}
}

func TestLoginReadsOnlyTheBody(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := b.get("/o/login").form()
	a := b.post("/o/login?username=alice&password="+url.QueryEscape(alicePassword), form)
	if a.StatusCode != http.StatusForbidden {
		t.Errorf("password in the query: %d", a.StatusCode)
	}
}

func TestLoginPage(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	a := b.get(b.authorize(authQuery("app", appRedirect, "login_hint", `<b>"a@b`)).Header.Get("Location"))
	if a.field("username") != `<b>"a@b` || strings.Contains(a.body, "<b>") || !strings.Contains(a.body, "The App") {
		t.Errorf("%s", a.body)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
		if a.Header.Get(name) != want {
			t.Errorf("%s: %q", name, a.Header.Get(name))
		}
	}
	csp := a.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "form-action 'self' https:;") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("CSP %s", csp)
	}
}

func TestLoginIsRecorded(t *testing.T) {
	s := newServer(t)
	var before, after *store.User
	read := func(into **store.User) {
		s.update(func(tx store.WriteTx) (err error) { *into, err = tx.User(1); return err })
	}
	read(&before)
	s.clock.add(time.Hour)
	s.browser().signIn("alice", alicePassword)
	read(&after)
	if !after.LastLogin.Equal(s.clock.now()) || after.Version <= before.Version {
		t.Errorf("last_login %v, version %d after %d", after.LastLogin, after.Version, before.Version)
	}
}

// A schema that has outgrown a user does not lock them out.
func TestLoginOfUserTheSchemaOutgrew(t *testing.T) {
	schema := store.DefaultSchema()
	schema.User = append(schema.User, store.Field{Name: "badge", Type: store.Text, Required: true})
	s := newServer(t, func(c *provider.Config) { c.Schema = schema })
	s.clock.add(time.Hour)
	s.browser().signIn("alice", alicePassword)
	s.update(func(tx store.WriteTx) error {
		u, err := tx.User(1)
		if !u.LastLogin.Equal(s.clock.now()) {
			t.Errorf("the sign-in is not recorded: %v", u.LastLogin)
		}
		return err
	})
}

// A hash imported from Django is upgraded by the next login.
func TestImportedHashIsRenewed(t *testing.T) {
	s := newServer(t)
	key, err := pbkdf2.Key(sha256.New, "old password", []byte("somesaltsomesalt"), 1000, 32)
	if err != nil {
		t.Fatal(err)
	}
	s.update(func(tx store.WriteTx) error {
		return tx.PutCredential(&store.Credential{UserID: 1, PasswordHash: "pbkdf2_sha256$1000$somesaltsomesalt$" + base64.StdEncoding.EncodeToString(key)})
	})
	for range 2 {
		s.browser().signIn("alice", "old password")
		var c *store.Credential
		s.update(func(tx store.WriteTx) (err error) { c, err = tx.Credential(1); return err })
		if !strings.HasPrefix(c.PasswordHash, "$argon2id$") {
			t.Fatalf("still %s", c.PasswordHash)
		}
	}
}

// failures posts wrong passwords until it is slowed down, and says how many
// were let through.
func failures(b *browser, name func(i int) string, limit int) int {
	b.t.Helper()
	form := b.get("/o/login").form("password", "wrong")
	for i := range limit {
		form.Set("username", name(i))
		a := b.post("/o/login", form)
		if a.StatusCode == http.StatusTooManyRequests {
			if n, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || n < 1 || !strings.Contains(a.body, "wait") {
				b.t.Errorf("Retry-After %q: %s", a.Header.Get("Retry-After"), a.body)
			}
			return i
		}
	}
	return limit
}

// Guessing at one account is slowed down, however its name is spelt, and even
// the right password has to wait then; but not for ever, and not where its owner
// signed in before.
func TestGuessingIsSlowedPerAccount(t *testing.T) {
	s := newServer(t)
	owner := s.browser().signIn("alice", alicePassword)
	names := []string{"alice", "ALICE", " Alice", "ａlice"}
	stranger := s.browser()
	if n := failures(stranger, func(i int) string { return names[i%len(names)] }, 20); n != 10 {
		t.Errorf("%d attempts let through", n)
	}
	if a := stranger.login(stranger.get("/o/login"), "alice", alicePassword); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the right password meanwhile: %d", a.StatusCode)
	}
	owner.signIn("alice", alicePassword)
	stranger.signIn("bob", "bob's password") // others are not concerned
	s.clock.add(time.Minute)
	stranger.signIn("alice", alicePassword)
}

// Which address is of which name is not told by how guessing at one slows down the
// other; nor do strangers who guess by one keep out its owner, who comes by the other.
func TestGuessingTellsNoAddress(t *testing.T) {
	s := newServer(t)
	stranger := s.browser()
	if n := failures(stranger, func(int) string { return "alice" }, 20); n != 10 {
		t.Errorf("%d attempts let through", n)
	}
	for _, name := range []string{"alice@example.com", "ALICE@example.com", "bob@example.com", "nobody@example.com"} {
		if a := stranger.login(stranger.get("/o/login"), name, "wrong"); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	s.browser().signIn("alice@example.com", alicePassword)
}

// By both of its names an account is guessed at no faster than by one, but for a few at
// first. What is beyond that is wrong, even the right password, and not told from it.
func TestGuessingByBothNames(t *testing.T) {
	s := newServer(t)
	stranger := s.browser()
	for _, name := range []string{"alice", "alice@example.com"} {
		if n := failures(stranger, func(int) string { return name }, 20); n != 10 {
			t.Errorf("%s: %d attempts let through", name, n)
		}
	}
	s.clock.add(time.Minute)
	wrong := stranger.login(stranger.get("/o/login"), "alice", "wrong")
	right := stranger.login(stranger.get("/o/login"), "alice@example.com", alicePassword)
	if wrong.StatusCode != http.StatusForbidden || right.StatusCode != http.StatusForbidden || stranger.signedIn() {
		t.Errorf("a minute later: %d, and with the right password %d", wrong.StatusCode, right.StatusCode)
	}
	s.clock.add(time.Minute)
	stranger.signIn("alice@example.com", alicePassword)
}

// Names that nobody has are slowed down alike, or it would tell.
func TestGuessingAtUnknownAccount(t *testing.T) {
	s := newServer(t)
	if n := failures(s.browser(), func(int) string { return "nobody" }, 20); n != 10 {
		t.Errorf("%d attempts let through", n)
	}
}

// Nor does it tell that the password of a disabled account was right.
func TestGuessingAtDisabledAccount(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := b.get("/o/login").form("username", "disabled", "password", alicePassword)
	for range 10 {
		if a := b.post("/o/login", form); a.StatusCode != http.StatusForbidden {
			t.Fatalf("%d", a.StatusCode)
		}
	}
	if a := b.post("/o/login", form); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the eleventh: %d", a.StatusCode)
	}
}

// One network that goes through many names is slowed down; the next is not.
func TestGuessingIsSlowedPerNetwork(t *testing.T) {
	ip := "203.0.113.1"
	var mu sync.Mutex
	s := newServer(t, func(c *provider.Config) {
		c.ClientIP = func(*http.Request) string { mu.Lock(); defer mu.Unlock(); return ip }
	})
	move := func(i int, to string) {
		mu.Lock()
		defer mu.Unlock()
		if ip = to; to == "" {
			ip = "203.0.113." + strconv.Itoa(i)
		}
	}
	b := s.browser()
	n := failures(b, func(i int) string { move(i, ""); return "nobody" + strconv.Itoa(i) }, 60)
	if n != 50 {
		t.Errorf("%d attempts let through", n)
	}
	move(0, "203.0.112.1")
	b.signIn("alice", alicePassword)
	move(0, "::ffff:203.0.113.7") // the same network, in the other notation
	if a := b.post("/o/login", b.get("/o/login").form("username", "nobody", "password", "x")); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("mapped address: %d", a.StatusCode)
	}
}

// Parallel guesses count before they are answered.
func TestParallelGuessing(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := b.get("/o/login").form("username", "alice", "password", "wrong")
	var mu sync.Mutex
	var wg sync.WaitGroup
	through := 0
	for range 40 {
		wg.Go(func() {
			if a := b.post("/o/login", form); a.StatusCode == http.StatusForbidden {
				mu.Lock()
				through++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if through != 10 {
		t.Errorf("%d attempts let through", through)
	}
}

// What a browser sends and gets does not end in the log.
func TestNothingSecretIsLogged(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	code := b.code(authQuery("app", appRedirect))
	form := codeForm(code, appRedirect)
	tok := tokensOf(t, s.token(as("app", appSecret), form))
	s.token(as("app", "wrong-secret-value"), form)
	s.token(as("app", appSecret), form)
	b.login(b.get("/o/login"), "alice", "wrong-password-value")
	if _, err := s.p.SetupLink(context.Background()); err != nil {
		t.Fatal(err)
	}
	out := s.logs.String()
	for _, secret := range []string{code, tok.access, tok.refresh, tok.id, appSecret, alicePassword, verifier, "st&te", "n0nce", "wrong-secret-value", "wrong-password-value"} {
		if strings.Contains(out, secret) || strings.Contains(out, url.QueryEscape(secret)) {
			t.Errorf("%q is in the log:\n%s", secret, out)
		}
	}
	u, _ := url.Parse(s.url)
	for _, c := range b.jar.Cookies(u) {
		if strings.Contains(out, c.Value) {
			t.Errorf("cookie %s is in the log", c.Name)
		}
	}
	if !strings.Contains(out, "signed in") || !strings.Contains(out, "used twice") {
		t.Errorf("little is in the log:\n%s", out)
	}
}
