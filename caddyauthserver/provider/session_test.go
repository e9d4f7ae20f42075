package provider_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

func (b *browser) signedIn() bool {
	b.t.Helper()
	return b.get("/o/").StatusCode == http.StatusOK
}

func (b *browser) sessionCookie() *http.Cookie {
	u, _ := url.Parse(b.url)
	for _, c := range b.jar.Cookies(u) {
		if strings.HasPrefix(c.Name, "caddyito-server-") && !strings.HasSuffix(c.Name, "-csrf") && !strings.HasSuffix(c.Name, "-device") && !strings.HasSuffix(c.Name, "-pending") {
			return c
		}
	}
	return nil
}

func TestCookies(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	port := s.url[strings.LastIndex(s.url, ":")+1:]
	for _, c := range append(b.get("/o/login").Cookies(), b.login(b.get("/o/login"), "alice", alicePassword).Cookies()...) {
		if !strings.HasPrefix(c.Name, "caddyito-server-"+port) || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure {
			t.Errorf("%s", c.Raw)
		}
	}
	secure := newServer(t, func(c *provider.Config) { c.Issuer = "https://auth.example.com" })
	for _, c := range secure.browser().get("/o/login").Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-caddyito-server") || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !c.Secure {
			t.Errorf("%s", c.Raw)
		}
	}
}

// A session gets a new id whenever somebody signs in: one that was planted
// before is worth nothing after.
func TestSessionFixation(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("bob", "bob's password")
	before := *b.sessionCookie()
	b.signIn("alice", alicePassword)
	if b.sessionCookie().Value == before.Value {
		t.Error("the id is the same after a login")
	}
	thief := s.browser()
	u, _ := url.Parse(s.url)
	thief.jar.SetCookies(u, []*http.Cookie{&before})
	if thief.signedIn() {
		t.Error("the id of before still works")
	}
	thief.jar.SetCookies(u, []*http.Cookie{{Name: before.Name, Value: "planted"}})
	thief.signIn("alice", alicePassword)
	if thief.sessionCookie().Value == "planted" {
		t.Error("a planted id was taken")
	}
}

func TestSessionLimits(t *testing.T) {
	s := newServer(t, func(c *provider.Config) { c.SessionIdle, c.SessionAbsolute = time.Hour, 3*time.Hour })
	b := s.browser().signIn("alice", alicePassword)
	for range 3 {
		s.clock.add(59 * time.Minute)
		if !b.signedIn() {
			t.Fatal("ended although it was used")
		}
	}
	s.clock.add(4 * time.Minute)
	if b.signedIn() {
		t.Error("outlived its absolute limit")
	}
	b.signIn("alice", alicePassword)
	s.clock.add(time.Hour)
	if b.signedIn() {
		t.Error("outlived its idle limit")
	}
}

// Requests do not write, but once in a while.
func TestSessionIsTouchedRarely(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	var mu sync.Mutex
	writes := 0
	stop := s.store.Watch(func(e store.Event) { mu.Lock(); writes++; mu.Unlock() })
	defer stop()
	for range 10 {
		s.clock.add(time.Minute)
		if !b.signedIn() {
			t.Fatal("signed out")
		}
	}
	mu.Lock()
	if writes != 0 {
		t.Errorf("%d writes", writes)
	}
	mu.Unlock()
	s.clock.add(time.Hour)
	b.signedIn()
	mu.Lock()
	defer mu.Unlock()
	if writes != 1 {
		t.Errorf("%d writes after an hour", writes)
	}
}

func TestDisabledUserIsSignedOut(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	s.editUser(1, func(u *store.User) { u.IsActive = false })
	if b.signedIn() {
		t.Error("a disabled user is still signed in")
	}
}

func TestBadCookies(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	good := b.sessionCookie()
	for name, header := range map[string]string{
		"two":       good.Name + "=" + good.Value + "; " + good.Name + "=other",
		"the same":  good.Name + "=" + good.Value + "; " + good.Name + "=" + good.Value,
		"oversized": good.Name + "=" + strings.Repeat("x", 5000),
		"empty":     good.Name + "=",
		"longer":    good.Name + "=" + good.Value + "x",
	} {
		c := s.browser()
		req := c.request("GET", "/o/", nil)
		req.Header.Set("Cookie", header)
		if a := c.do(req); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
}

// Sessions are kept over a restart.
func TestSessionSurvivesRestart(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	old := b.sessionCookie()
	s.close()
	s.open()
	u, _ := url.Parse(s.url)
	c := s.browser()
	c.jar.SetCookies(u, []*http.Cookie{old})
	if !c.signedIn() {
		t.Error("signed out by a restart")
	}
}

// The same person signing in again keeps the name by which clients know the
// session; somebody else gets another, and ends what the first one bought.
func TestSIDOverLogins(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	first := b.tokens("openid")
	s.clock.add(time.Second)
	b.signIn("alice", alicePassword)
	if got := b.tokens("openid"); claimsOf(t, got.id)["sid"] != claimsOf(t, first.id)["sid"] {
		t.Error("another sid for the same person")
	}
	b.signIn("bob", "bob's password")
	if got := b.tokens("openid"); claimsOf(t, got.id)["sid"] == claimsOf(t, first.id)["sid"] {
		t.Error("the same sid for somebody else")
	}
	if a := s.call("GET", "/o/userinfo", "Bearer "+first.access, nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("alice's token after bob took the browser: %d", a.StatusCode)
	}
	n := 0
	if err := s.store.View(context.Background(), func(tx store.ReadTx) error {
		list, err := tx.SessionsOf(store.ServerRealm, "1")
		n = len(list)
		return err
	}); err != nil || n != 0 {
		t.Errorf("%d sessions of alice are left, %v", n, err)
	}
}
