package provider_test

import (
	"errors"
	"html"
	"maps"
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

var (
	accountButton = regexp.MustCompile(`name="account" value="([^"]*)".*?<strong><bdi>([^<]*)</bdi>`)
	addLink       = regexp.MustCompile(`id="add-account" href="([^"]*)"`)
)

// accountNames are those to choose from on the page.
func (a *answer) accountNames() (names []string) {
	for _, m := range accountButton.FindAllStringSubmatch(a.body, -1) {
		names = append(names, m[2])
	}
	return names
}

func (a *answer) addURL() string {
	if m := addLink.FindStringSubmatch(a.body); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

// choose presses the button of that name.
func (b *browser) choose(page *answer, name string) *answer {
	b.t.Helper()
	for _, m := range accountButton.FindAllStringSubmatch(page.body, -1) {
		if m[2] == name {
			return b.post("/o/accounts", page.form("account", m[1]))
		}
	}
	b.t.Fatalf("nobody called %q on %s", name, page.body)
	return nil
}

// add signs in beside whoever is signed in.
func (b *browser) add(username, password string) {
	b.t.Helper()
	if a := b.login(b.get(b.get("/o/accounts").addURL()), username, password); a.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("%d %s", a.StatusCode, a.body)
	}
}

// who is signed in, by the home page.
func (b *browser) who() string {
	b.t.Helper()
	a := b.get("/o/")
	if m := regexp.MustCompile(`<strong><bdi>([^<]*)</bdi>`).FindStringSubmatch(a.body); m != nil && a.StatusCode == http.StatusOK {
		return m[1]
	}
	return ""
}

func (s *server) carol() {
	s.t.Helper()
	s.update(func(tx store.WriteTx) error {
		u := &store.User{Username: "carol", IsActive: true, DateJoined: s.clock.now()}
		if err := store.SaveUser(tx, store.DefaultSchema(), u); err != nil {
			return err
		}
		return tx.PutCredential(&store.Credential{UserID: u.ID, PasswordHash: hashOf(s.t, "carol's password")})
	})
}

var wikiQuery = func(set ...string) url.Values {
	return authQuery("gate", "https://wiki.example.com/oidc/callback", set...)
}

// subOf is who came back with the code.
func (s *server) subOf(u *url.URL) any {
	s.t.Helper()
	tok := tokensOf(s.t, s.token(as("gate", "gate-secret"), codeForm(u.Query().Get("code"), "https://wiki.example.com/oidc/callback")))
	return claimsOf(s.t, tok.id)["sub"]
}

func TestOIDCCoreSection3121SelectAccount(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	b.add("bob", "bob's password")
	if b.who() != "bob" {
		t.Errorf("after adding bob it is %q", b.who())
	}
	s.clock.add(time.Minute)
	choose := b.get(b.authorize(wikiQuery("prompt", "select_account")).Header.Get("Location"))
	if got := choose.accountNames(); !slices.Equal(got, []string{"bob", "Alice Lidell"}) {
		t.Fatalf("to choose from are %q", got)
	}
	back := b.choose(choose, "Alice Lidell")
	if sub := s.subOf(b.follow(back)); sub != "1" || b.who() != "Alice Lidell" {
		t.Errorf("chosen was alice, it is sub %v, and %q at home", sub, b.who())
	}
	// It asks each time, also where one is signed in.
	one := s.browser().signIn("alice", alicePassword)
	s.clock.add(time.Minute)
	choose = one.get(one.authorize(wikiQuery("prompt", "select_account")).Header.Get("Location"))
	if got := choose.accountNames(); !slices.Equal(got, []string{"Alice Lidell"}) {
		t.Errorf("to choose from are %q", got)
	}
	// A choice is of one request, and of somebody who is signed in here.
	form := choose.form("account", regexp.MustCompile(`name="account" value="([^"]*)"`).FindStringSubmatch(choose.body)[1])
	other := url.Values{}
	for k, v := range form {
		other[k] = v
	}
	other.Set("continue", wikiQuery("prompt", "select_account", "state", "other").Encode())
	if a := one.post("/o/accounts", other); a.StatusCode != http.StatusOK {
		t.Errorf("the form of another request: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	if a := s.browser().post("/o/accounts", form); a.location().Path != "/o/login" {
		t.Errorf("nobody is signed in: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	bob := s.browser().signIn("bob", "bob's password")
	if a := bob.post("/o/accounts", form); a.StatusCode != http.StatusOK || bob.who() != "bob" {
		t.Errorf("somebody else's account: %d", a.StatusCode)
	}
	for name, csrf := range map[string]string{"none": "", "of another form": one.logout().field("csrf")} {
		forged := maps.Clone(form)
		forged.Set("csrf", csrf)
		if a := one.postOwn("/o/accounts", forged); a.StatusCode != http.StatusOK || a.Header.Get("Location") != "" {
			t.Errorf("token %s: %d to %s", name, a.StatusCode, a.Header.Get("Location"))
		}
	}
	form.Set("account", "nobody")
	if a := one.post("/o/accounts", form); a.StatusCode != http.StatusOK {
		t.Errorf("an account that is not: %d", a.StatusCode)
	}
	// Signing in as one more satisfies it too.
	s.clock.add(time.Minute)
	choose = one.get(one.authorize(wikiQuery("prompt", "select_account")).Header.Get("Location"))
	if sub := s.subOf(one.follow(one.login(one.get(choose.addURL()), "bob", "bob's password"))); sub != "2" {
		t.Errorf("sub is %v", sub)
	}
}

// The memory of a choice cannot be made up.
func TestAccountCannotBeChosenByALink(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	b.add("bob", "bob's password")
	s.clock.add(time.Minute)
	q := wikiQuery("prompt", "select_account")
	back, _ := url.ParseQuery(b.authorize(q).location().Query().Get("continue"))
	choose := b.get(b.authorize(q).Header.Get("Location"))
	sids := accountButton.FindAllStringSubmatch(choose.body, -1)
	parts := strings.Split(back.Get("caddyito_asked"), ".")
	for _, forged := range []string{parts[0] + "." + sids[1][1] + ".." + parts[3], parts[0] + "." + sids[1][1] + "..", sids[1][1], parts[0] + "." + sids[1][1] + ".." + parts[3] + ".x"} {
		q.Set("caddyito_asked", forged)
		if a := b.authorize(q); a.location().Path != "/o/accounts" {
			t.Errorf("%s leads to %s", forged, a.location())
		}
	}
}

func TestWhoTheClientMeans(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	hint := b.tokens("openid").id
	b.add("bob", "bob's password")
	s.clock.add(time.Minute)
	for _, prompt := range []string{"", "none"} {
		set := []string{"id_token_hint", hint}
		if prompt != "" {
			set = append(set, "prompt", prompt)
		}
		if sub := s.subOf(b.authorize(wikiQuery(set...)).location()); sub != "1" {
			t.Errorf("prompt %q: sub is %v", prompt, sub)
		}
	}
	if b.who() != "bob" {
		t.Errorf("what a client means changes who is current: %q", b.who())
	}
	if sub := s.subOf(b.authorize(wikiQuery("prompt", "none")).location()); sub != "2" {
		t.Errorf("without a hint: sub is %v", sub)
	}
	alone := s.browser().signIn("bob", "bob's password")
	if e := alone.authorize(wikiQuery("id_token_hint", hint, "prompt", "none")).location().Query().Get("error"); e != "login_required" {
		t.Errorf("she is not signed in there: %q", e)
	}
}

// It is they who are asked what the client may have, and nobody else who says so.
func TestWhoTheClientMeansIsAskedForConsent(t *testing.T) {
	for name, set := range map[string]func(hint string) []string{
		"id_token_hint": func(hint string) []string { return []string{"id_token_hint", hint} },
		"claims":        func(string) []string { return []string{"claims", `{"id_token":{"sub":{"value":"1"}}}`} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			b := s.browser().signIn("alice", alicePassword)
			hint := b.tokens("openid").id
			b.add("bob", "bob's password")
			s.clock.add(time.Minute)
			s.update(func(tx store.WriteTx) error { return tx.DeleteConsent(1, "app") })
			a := b.authorize(authQuery("app", appRedirect, set(hint)...))
			if page := b.get(a.location().String()); !strings.Contains(page.body, "Alice Lidell") || strings.Contains(page.body, "bob") {
				t.Errorf("somebody else is asked: %s", page.body)
			}
			code := b.follow(a).Query().Get("code")
			tok := tokensOf(t, s.token(as("app", appSecret), codeForm(code, appRedirect)))
			if sub := claimsOf(t, tok.id)["sub"]; sub != "1" {
				t.Errorf("sub is %v", sub)
			}
			s.update(func(tx store.WriteTx) error {
				if _, err := tx.Consent(2, "app"); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("bob's consent: %v", err)
				}
				return nil
			})
		})
	}
}

// A plain sign-in takes the place of the session there was, as ever; the others in
// the browser stay.
func TestSignInReplacesTheCurrentSession(t *testing.T) {
	s := newServer(t)
	s.carol()
	b := s.browser().signIn("alice", alicePassword)
	tok := b.tokens("openid")
	b.add("bob", "bob's password")
	b.signIn("carol", "carol's password")
	if got := b.get("/o/accounts").accountNames(); !slices.Equal(got, []string{"carol", "Alice Lidell"}) {
		t.Errorf("signed in are %q", got)
	}
	if s.call("GET", "/o/userinfo", "Bearer "+tok.access, nil).StatusCode != 200 {
		t.Error("what alice's session bought is gone")
	}
	b.add("alice", alicePassword)
	if got := b.get("/o/accounts").accountNames(); !slices.Equal(got, []string{"Alice Lidell", "carol"}) {
		t.Errorf("after alice signed in again: %q", got)
	}
}

func TestAccountsEnd(t *testing.T) {
	s := newServer(t)
	s.carol()
	b := s.browser().signIn("alice", alicePassword)
	b.add("bob", "bob's password")
	b.add("carol", "carol's password")
	// Whoever is disabled is gone, and nobody takes their place unasked.
	s.editUser(4, func(u *store.User) { u.IsActive = false })
	if b.who() != "" {
		t.Errorf("current is %q", b.who())
	}
	if got := b.get("/o/accounts").accountNames(); !slices.Equal(got, []string{"bob", "Alice Lidell"}) {
		t.Errorf("to choose from are %q", got)
	}
	a := b.authorize(wikiQuery())
	if a.location().Path != "/o/accounts" {
		t.Fatalf("with others signed in it leads to %s", a.location())
	}
	if e := b.authorize(wikiQuery("prompt", "none")).location().Query().Get("error"); e != "login_required" {
		t.Errorf("prompt=none: %q", e)
	}
	if sub := s.subOf(b.follow(b.choose(b.get(a.Header.Get("Location")), "bob"))); sub != "2" {
		t.Errorf("sub is %v", sub)
	}
	// A client's logout ends the session that it names, whichever is current.
	b = s.browser().signIn("alice", alicePassword)
	aliceID := b.tokens("openid").id
	b.add("bob", "bob's password")
	page := b.get("/o/logout?" + url.Values{"id_token_hint": {aliceID}}.Encode())
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, "Choose an account") {
		t.Errorf("%d %s", page.StatusCode, page.body)
	}
	if got := b.get("/o/accounts").accountNames(); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("left are %q", got)
	}
	// A person signs out of one, or of all.
	b.add("alice", alicePassword)
	b.post("/o/logout", b.get("/o/logout").form())
	if got := b.get("/o/accounts").accountNames(); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("left are %q", got)
	}
	b.add("alice", alicePassword)
	before := b.sessionCookie().Value
	ask := b.get("/o/logout")
	if !strings.Contains(ask.body, "logout-everybody") {
		t.Error("nothing signs out of all accounts")
	}
	b.post("/o/logout", ask.form("everybody", "1"))
	thief := s.browser()
	u, _ := url.Parse(s.url)
	thief.jar.SetCookies(u, []*http.Cookie{{Name: "caddyito-server-" + u.Port(), Value: before}})
	if b.sessionCookie() != nil || thief.get("/o/accounts").location().Path != "/o/login" {
		t.Error("somebody is still signed in")
	}
}

// What a cookie says is not believed beyond what sessions there are.
func TestCookieOfManyAccounts(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	alice := b.sessionCookie().Value
	b.add("bob", "bob's password")
	both := b.sessionCookie()
	u, _ := url.Parse(s.url)
	with := func(value string) *browser {
		x := s.browser()
		x.jar.SetCookies(u, []*http.Cookie{{Name: both.Name, Value: value}})
		return x
	}
	bob, _, _ := strings.Cut(both.Value, ".")
	for _, c := range []struct {
		name, value string
		who         string
		names       []string
	}{
		{"as it is", both.Value, "bob", []string{"bob", "Alice Lidell"}},
		{"turned round", alice + "." + bob, "Alice Lidell", []string{"Alice Lidell", "bob"}},
		{"one twice", alice + "." + alice + "." + bob, "Alice Lidell", []string{"Alice Lidell", "bob"}},
		{"with what is none", "x." + store.NewSecret() + "." + alice, "", []string{"Alice Lidell"}},
		{"far too many", strings.Join([]string{store.NewSecret(), store.NewSecret(), store.NewSecret(), store.NewSecret(), store.NewSecret(), alice}, "."), "", nil},
		{"oversized", strings.Repeat(alice+".", 1000), "", nil},
		{"dots", "....", "", nil},
	} {
		x := with(c.value)
		if who := x.who(); who != c.who {
			t.Errorf("%s: current is %q", c.name, who)
		}
		if got := x.get("/o/accounts").accountNames(); !slices.Equal(got, c.names) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	// The sixth takes the place of the first.
	s.update(func(tx store.WriteTx) error {
		for _, name := range []string{"u1", "u2", "u3", "u4"} {
			p := &store.User{Username: name, IsActive: true, DateJoined: s.clock.now()}
			if err := store.SaveUser(tx, store.DefaultSchema(), p); err != nil {
				return err
			}
			if err := tx.PutCredential(&store.Credential{UserID: p.ID, PasswordHash: hashOf(t, alicePassword)}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, name := range []string{"u1", "u2", "u3", "u4"} {
		b.add(name, alicePassword)
	}
	if got := b.get("/o/accounts").accountNames(); !slices.Equal(got, []string{"u4", "u3", "u2", "u1", "bob"}) {
		t.Errorf("of six there are %q", got)
	}
	if with(alice).who() != "" {
		t.Error("the session that made room goes on")
	}
}

func TestStaySignedIn(t *testing.T) {
	s := newServer(t, func(c *provider.Config) { c.SessionAbsolute = 48 * time.Hour })
	age := func(a *answer) int {
		for _, c := range a.Cookies() {
			if strings.HasPrefix(c.Name, "caddyito-server-") && !strings.HasSuffix(c.Name, "-csrf") && !strings.HasSuffix(c.Name, "-device") {
				return c.MaxAge
			}
		}
		t.Fatalf("no session cookie: %d %s", a.StatusCode, a.body)
		return 0
	}
	b := s.browser()
	page := b.get("/o/login")
	if !strings.Contains(page.body, `name="remember" value="1" checked`) {
		t.Error("it is not ticked to begin with")
	}
	if got := age(b.post("/o/login", page.form("username", "alice", "password", alicePassword, "remember", "1"))); got != 48*3600 {
		t.Errorf("ticked: kept for %d s", got)
	}
	if got := age(b.changePassword()); got != 48*3600 {
		t.Errorf("after a change of the password: %d s", got)
	}
	// With one among them who is not to stay, none does.
	if got := age(b.post("/o/login", b.get(b.get("/o/accounts").addURL()).form("add", "1", "username", "bob", "password", "bob's password"))); got != 0 {
		t.Errorf("with one who does not stay: %d s", got)
	}
	choose := b.get("/o/accounts")
	if got := age(b.choose(choose, "Alice Lidell")); got != 0 {
		t.Errorf("chosen among them: %d s", got)
	}
	if a := b.post("/o/login", b.get("/o/login").form("username", "alice", "password", "wrong")); strings.Contains(a.body, "checked") {
		t.Error("a wrong password ticks it again")
	}
}
