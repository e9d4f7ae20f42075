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

func TestConnectedApps(t *testing.T) {
	s := newServer(t)
	s.update(func(tx store.WriteTx) error {
		c, err := tx.Client("app")
		if err != nil {
			return err
		}
		c.BackchannelLogoutURI = "https://app.example.com/bye"
		return tx.PutClient(c)
	})
	b, bob := s.browser().signIn("alice", alicePassword), s.browser().signIn("bob", "bob's password")
	tok, away := b.tokens("openid email"), b.tokens("openid email offline_access")
	bobs := func() tokens {
		u := bob.authorize(authQuery("app", appRedirect))
		u = bob.post("/o/consent", bob.get(u.Header.Get("Location")).form("decision", "allow"))
		u = bob.get(u.Header.Get("Location"))
		return tokensOf(t, s.token(as("app", appSecret), codeForm(u.location().Query().Get("code"), appRedirect)))
	}()
	page := b.get("/o/account/apps")
	for _, want := range []string{"The App", "See your e-mail address", "also while you are away", "23 November 2026", `value="app"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if !strings.Contains(b.get("/o/").body, `href="/o/account/apps"`) {
		t.Error("nothing leads there")
	}
	live := func(access string) bool {
		return s.call("GET", "/o/userinfo", "Bearer "+access, nil).StatusCode == 200
	}
	// Nobody else's form does it, and none without its token.
	b.post("/o/account/apps", url.Values{"client": {"app"}})
	b.post("/o/account/apps", bob.get("/o/account/apps").form("client", "app"))
	b.post("/o/account/apps", b.get("/o/account/sessions").form("client", "app"))
	if !live(tok.access) {
		t.Fatal("it was taken back without the form")
	}
	if a := b.post("/o/account/apps", page.form("client", "app")); a.location().Path != "/o/account/apps" {
		t.Errorf("%d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	if live(tok.access) || live(away.access) {
		t.Error("its tokens live")
	}
	wantError(t, s.token(as("app", appSecret), refreshForm(away.refresh)), 400, "invalid_grant")
	if !live(bobs.access) || !b.signedIn() {
		t.Error("bob's access is gone, or alice is signed out here")
	}
	if a := b.authorize(authQuery("app", appRedirect)); a.location().Path != "/o/consent" {
		t.Errorf("she is not asked again: %s", a.Header.Get("Location"))
	}
	told := 0
	s.update(func(tx store.WriteTx) error {
		list, err := tx.Logouts("app", 0, 10)
		for _, l := range list {
			if l.Subject == "1" {
				told++
			} else {
				t.Errorf("told of %s", l.Subject)
			}
		}
		return err
	})
	if told != 1 {
		t.Errorf("the app is told of %d logouts", told)
	}
	if again := b.get("/o/account/apps"); strings.Contains(again.body, "The App") || !strings.Contains(again.body, "No app can use your account") {
		t.Error("it is listed still")
	}
	b.post("/o/account/apps", page.form("client", "app")) // twice does no harm
	for _, path := range []string{"/o/account/apps", "/o/account/sessions"} {
		if a := s.browser().get(path); a.location().Path != "/o/login" {
			t.Errorf("%s without a session: %d", path, a.StatusCode)
		}
	}
}

func TestSessionsPage(t *testing.T) {
	s := newServer(t)
	firefox := func() *browser {
		b := s.browser()
		req := b.request("POST", "/o/login", b.get("/o/login").form("username", "alice", "password", alicePassword))
		req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
		b.do(req)
		return b
	}
	b, second, third := s.browser().signIn("alice", alicePassword), firefox(), firefox()
	bob := s.browser().signIn("bob", "bob's password")
	tok := second.tokens("openid")
	page := b.get("/o/account/sessions")
	if strings.Count(page.body, "Firefox on Linux") < 2 || strings.Count(page.body, "This browser") != 1 || !strings.Contains(page.body, "127.0.0.1") {
		t.Errorf("the page is %s", page.body)
	}
	if since := s.clock.now().UTC().Format("15:04 UTC</time>"); strings.Count(page.body, since) != 6 {
		t.Errorf("three sessions of one day cannot be told apart by %s: %s", since, page.body)
	}
	if strings.Contains(page.body, b.sessionCookie().Value) {
		t.Error("a session's id is on the page")
	}
	ids := regexp.MustCompile(`name="session" value="([^"]*)"`).FindAllStringSubmatch(page.body, -1)
	if len(ids) != 2 {
		t.Fatalf("%d can be ended", len(ids))
	}
	bob.post("/o/account/sessions", bob.get("/o/account/sessions").form("session", html.UnescapeString(ids[0][1])))
	if !second.signedIn() || !third.signedIn() {
		t.Error("bob ended a session of alice's")
	}
	b.post("/o/account/sessions", page.form("session", html.UnescapeString(ids[0][1])))
	if second.signedIn() == third.signedIn() || !b.signedIn() {
		t.Error("not the one session was ended")
	}
	b.post("/o/account/sessions", b.get("/o/account/sessions").form("others", "1"))
	if second.signedIn() || third.signedIn() || !b.signedIn() || !bob.signedIn() {
		t.Error("not all others were ended, or too many")
	}
	if a := s.call("GET", "/o/userinfo", "Bearer "+tok.access, nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("what they bought lives: %d", a.StatusCode)
	}
	s.clock.add(time.Minute)
	if strings.Contains(b.get("/o/account/sessions").body, "sign-out-others") {
		t.Error("with one session there are others")
	}
}

// The page of a person leads to what stands open to them, and to nothing else.
func TestHomeLeadsOn(t *testing.T) {
	s := newServer(t, func(c *provider.Config) {
		c.StaticClients = func() []*provider.StaticClient {
			open := func(id, home string, groups ...string) *provider.StaticClient {
				return &provider.StaticClient{HomeURL: home, Client: store.Client{ID: id, ClientSettings: store.ClientSettings{Name: id, AllowGroups: groups}}}
			}
			closed := open("closed", "https://closed.example.com/")
			closed.Disabled = true
			return []*provider.StaticClient{
				open("wiki", "https://wiki.example.com/"), open("nowhere", ""), closed,
				open("cellar", "https://cellar.example.com/", "wine"), open("evil", "javascript:alert(1)"),
			}
		}
	})
	links := func(name, pw string) (found []string) {
		b := s.browser()
		b.signIn(name, pw)
		for _, m := range regexp.MustCompile(`<a (?:class="button" )?href="([^"]*)"`).FindAllStringSubmatch(b.get("/o/").body, -1) {
			if strings.HasPrefix(m[1], "http") || strings.Contains(m[1], "admin") || strings.Contains(m[1], "script:") {
				found = append(found, m[1])
			}
		}
		return found
	}
	if got := links("alice", alicePassword); !slices.Equal(got, []string{"https://wiki.example.com/"}) {
		t.Errorf("a user is led to %q", got)
	}
	s.editUser(1, func(u *store.User) { u.Groups, u.IsStaff = []string{"wine"}, true })
	if got := links("alice", alicePassword); !slices.Equal(got, []string{"https://wiki.example.com/", "https://cellar.example.com/", "/o/admin"}) {
		t.Errorf("staff with wine are led to %q", got)
	}
}

// Before the second factor that is due, no app is open, and none is named; the page
// leads to where it is given or set up.
func TestHomeBeforeSecondFactor(t *testing.T) {
	s := newServer(t, func(c *provider.Config) {
		c.SecondFactor.Groups = []string{"editors"}
		c.StaticClients = func() []*provider.StaticClient {
			return []*provider.StaticClient{{HomeURL: "https://wiki.example.com/", Client: store.Client{ID: "wiki", ClientSettings: store.ClientSettings{Name: "The wiki"}}}}
		}
	})
	named := func(b *browser) bool { return strings.Contains(b.get("/o/").body, "wiki") }
	alice, bob := s.browser().signIn("alice", alicePassword), s.browser().signIn("bob", "bob's password")
	if !named(bob) {
		t.Error("who needs none is not led to the app")
	}
	setUp := alice.get("/o/").href("set-up-factor")
	if named(alice) || setUp != "/o/account/security" {
		t.Errorf("who has to set one up is led to %q, and the app is named: %v", setUp, named(alice))
	}
	alice.addApp(alice.get("/o/account/security/app"))
	if !named(alice) {
		t.Error("once it is set up, the app is not named")
	}
	secret := s.addTOTP(2) // set up in another browser
	page := bob.get("/o/")
	if named(bob) || page.href("give-factor") != "/o/second-factor" {
		t.Errorf("who has one to give is led to %q, and the app is named: %v", page.href("give-factor"), named(bob))
	}
	a := bob.giveOTP(bob.get(page.href("give-factor")), s.otp(secret, 0))
	if a.location().Path != "/o/" || !named(bob) {
		t.Errorf("once it is given: %d to %s, and the app is named: %v", a.StatusCode, a.Header.Get("Location"), named(bob))
	}
}
