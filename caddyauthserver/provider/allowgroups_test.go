package provider_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/storetest"
)

// allowGroups has only members of these groups sign in at the client app.
func (s *server) allowGroups(groups ...string) {
	s.t.Helper()
	s.editClient("app", func(c *store.Client) { c.AllowGroups = groups })
}

// Who is in none of the groups sees a page, is not sent round in circles, and can
// sign in as somebody who is.
func TestAllowGroupsTurnsAway(t *testing.T) {
	s := newServer(t)
	s.allowGroups("staff", "board")
	b := s.browser().signIn("alice", alicePassword)
	a := b.authorize(authQuery("app", appRedirect))
	if a.StatusCode != http.StatusForbidden || a.Header.Get("Location") != "" || !strings.Contains(a.body, "The App") || !strings.Contains(a.body, "Alice Lidell") {
		t.Fatalf("%d to %q: %s", a.StatusCode, a.Header.Get("Location"), a.body)
	}
	out := regexp.MustCompile(`class="button" href="([^"]*)"`).FindStringSubmatch(a.body)
	if out == nil {
		t.Fatalf("no way out: %s", a.body)
	}
	choose := b.get(html.UnescapeString(out[1]))
	if again := b.choose(choose, "Alice Lidell"); b.get(again.Header.Get("Location")).StatusCode != http.StatusForbidden {
		t.Errorf("the same person, chosen: %d to %s", again.StatusCode, again.Header.Get("Location"))
	}
	wayOut := choose.addURL()
	// The same person again is told the same.
	again := b.login(b.get(wayOut), "alice", alicePassword)
	if a := b.get(again.Header.Get("Location")); a.StatusCode != http.StatusForbidden {
		t.Errorf("the same person again: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	s.editUser(2, func(u *store.User) { u.Groups = []string{"board"} })
	in := b.login(b.get(wayOut), "bob", "bob's password")
	if u := b.follow(in); u.Query().Get("code") == "" || u.Query().Get("state") != "st&te" {
		t.Errorf("somebody who may: %s", u)
	}
}

// OpenID Connect Core section 3.1.2.6: where no page may be shown, the client is
// told.
func TestOIDCCoreSection3126AllowGroupsPromptNone(t *testing.T) {
	s := newServer(t)
	s.allowGroups("staff")
	b := s.browser().signIn("alice", alicePassword)
	u := b.authorize(authQuery("app", appRedirect, "prompt", "none")).location()
	if u.Host != "app.example.com" || u.Query().Get("error") != "access_denied" || u.Query().Get("iss") != s.issuer {
		t.Errorf("answered at %s", u)
	}
}

// A group that was left, or that the client lost, ends what was bought at every
// door, and comes back with it.
func TestAllowGroupsIsLookedAtAgain(t *testing.T) {
	s := newServer(t)
	s.allowGroups("editors")
	app := as("app", appSecret)
	b := s.browser()
	tok := b.tokens("openid read")
	code := b.code(authQuery("app", appRedirect))
	s.editUser(1, func(u *store.User) { u.Groups = []string{"others"} })
	for _, path := range []string{"/o/userinfo", "/o/profile"} {
		a := s.call("GET", path, "Bearer "+tok.access, nil)
		wantError(t, a, 401, "invalid_token")
	}
	if a := s.introspected(app, tok.access); a.body != inactive {
		t.Errorf("introspection: %s", a.body)
	}
	wantError(t, s.token(app, refreshForm(tok.refresh)), 400, "invalid_grant")
	wantError(t, s.token(app, codeForm(code, appRedirect)), 400, "invalid_grant")
	if a := b.authorize(authQuery("app", appRedirect)); a.StatusCode != http.StatusForbidden {
		t.Errorf("authorize: %d", a.StatusCode)
	}
	s.editUser(1, func(u *store.User) { u.Groups = []string{"editors"} })
	if a := s.token(app, refreshForm(tok.refresh)); a.StatusCode != http.StatusOK {
		t.Errorf("back in the group: %d %s", a.StatusCode, a.body)
	}
	if a := s.call("GET", "/o/userinfo", "Bearer "+tok.access, url.Values{}); a.StatusCode != http.StatusOK {
		t.Errorf("back in the group: %d %s", a.StatusCode, a.body)
	}
}

// Taken out of the group between the look and the code.
func TestAllowGroupsMeanwhile(t *testing.T) {
	m := new(storetest.Meanwhile)
	s := newServer(t, func(c *provider.Config) { m.Store = c.Store; c.Store = m })
	s.allowGroups("editors")
	b := s.browser()
	b.code(authQuery("app", appRedirect)) // signed in, and agreed
	happens := func(tx store.WriteTx) error {
		u, err := tx.User(1)
		if err != nil {
			return err
		}
		u.Groups = nil
		return store.SaveUser(tx, store.DefaultSchema(), u)
	}
	m.Happens.Store(&happens)
	a := b.authorize(authQuery("app", appRedirect))
	if a.location().Query().Has("code") || a.location().Path != "/o/authorize" {
		t.Fatalf("%d to %s", a.StatusCode, a.location())
	}
	if a := b.get(a.Header.Get("Location")); a.StatusCode != http.StatusForbidden {
		t.Errorf("and then %d", a.StatusCode)
	}
}
