package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

func (b *browser) logout(set ...string) *answer {
	b.t.Helper()
	q := url.Values{}
	for i := 0; i < len(set); i += 2 {
		q.Set(set[i], set[i+1])
	}
	return b.get("/o/logout?" + q.Encode())
}

// tamper changes one claim-bearing byte of a JWT.
func tamper(token string) string {
	parts := strings.Split(token, ".")
	b := []byte(parts[1])
	if b[10] == 'A' {
		b[10] = 'B'
	} else {
		b[10] = 'A'
	}
	return parts[0] + "." + string(b) + "." + parts[2]
}

func TestLogoutByClient(t *testing.T) {
	s := newServer(t)
	for name, late := range map[string]time.Duration{"at once": 0, "with an expired hint": time.Hour} {
		for _, method := range []string{"GET", "POST"} {
			b := s.browser()
			tok := b.tokens("openid")
			s.clock.add(late)
			form := url.Values{"id_token_hint": {tok.id}, "post_logout_redirect_uri": {appLoggedOut}, "state": {"a b&c"}}
			a := b.get("/o/logout?" + form.Encode())
			if method == "POST" {
				b = s.browser()
				tok = b.tokens("openid")
				form.Set("id_token_hint", tok.id)
				a = b.get(b.post("/o/logout", form).Header.Get("Location"))
			}
			if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != appLoggedOut+"?state=a+b%26c" {
				t.Errorf("%s %s: %d %s", name, method, a.StatusCode, a.location())
			}
			if b.signedIn() {
				t.Errorf("%s %s: still signed in", name, method)
			}
			if a := s.call("GET", "/o/userinfo", "Bearer "+tok.access, nil); late == 0 && a.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s %s: the access token still works: %d", name, method, a.StatusCode)
			}
		}
	}
}

// Whoever cannot show an ID token of this session has to leave it to the
// person, and gets no redirect.
func TestLogoutAsksOtherwise(t *testing.T) {
	s := newServer(t)
	other := s.browser().signIn("bob", "bob's password")
	foreign := other.tokens("openid").id
	for name, set := range map[string][]string{
		"nothing":                       nil,
		"no hint":                       {"client_id", "app", "post_logout_redirect_uri", appLoggedOut},
		"tampered":                      {"TAMPER", "", "post_logout_redirect_uri", appLoggedOut},
		"of another session":            {"id_token_hint", foreign, "post_logout_redirect_uri", appLoggedOut},
		"garbage":                       {"id_token_hint", "x", "post_logout_redirect_uri", appLoggedOut},
		"huge":                          {"id_token_hint", strings.Repeat("a", 9000) + ".b.c"},
		"client that is not the hint's": {"HINT", "", "client_id", "spa", "post_logout_redirect_uri", appLoggedOut},
	} {
		b := s.browser()
		tok := b.tokens("openid")
		if len(set) > 0 && set[0] == "TAMPER" {
			set = append([]string{"id_token_hint", tamper(tok.id)}, set[2:]...)
		}
		if len(set) > 0 && set[0] == "HINT" {
			set = append([]string{"id_token_hint", tok.id}, set[2:]...)
		}
		page := b.logout(set...)
		if page.StatusCode != http.StatusOK || !strings.Contains(page.body, "logout-submit") {
			t.Errorf("%s: %d %s", name, page.StatusCode, page.location())
			continue
		}
		if !b.signedIn() {
			t.Errorf("%s: signed out without asking", name)
		}
		form := page.form()
		form.Del("csrf")
		form.Set("csrf", "forged")
		if a := b.post("/o/logout", form); !b.signedIn() || a.StatusCode != http.StatusOK {
			t.Errorf("%s: a forged yes counts", name)
		}
		a := b.post("/o/logout", page.form())
		if b.signedIn() {
			t.Errorf("%s: still signed in after a yes", name)
		}
		wantRedirect := name == "of another session" // its client is sure, so it may lead back
		if got := a.Header.Get("Location") == appLoggedOut; got != wantRedirect {
			t.Errorf("%s: after a yes %d to %q", name, a.StatusCode, a.Header.Get("Location"))
		}
	}
}

// A client that wants people sent to where it registered nothing is not believed in
// the rest either: they are asked, and sent nowhere.
func TestLogoutRedirectIsExact(t *testing.T) {
	s := newServer(t)
	for _, uri := range []string{appLoggedOut + "/", appLoggedOut + "?x", "https://app.example.com/", appRedirect, "https://evil.example.net/", "//evil.example.net", "javascript:alert(1)", "https://wiki.example.com/"} {
		b := s.browser()
		a := b.logout("id_token_hint", b.tokens("openid").id, "post_logout_redirect_uri", uri)
		if a.StatusCode != http.StatusOK || a.Header.Get("Location") != "" || !b.signedIn() {
			t.Errorf("%s: %d to %q", uri, a.StatusCode, a.Header.Get("Location"))
		}
		if a = b.post("/o/logout", a.form()); a.StatusCode != http.StatusOK || a.Header.Get("Location") != "" || b.signedIn() {
			t.Errorf("%s: after a yes %d to %q", uri, a.StatusCode, a.Header.Get("Location"))
		}
	}
	b := s.browser()
	q := url.Values{"id_token_hint": {b.tokens("openid").id}, "post_logout_redirect_uri": {"https://evil.example.net/", appLoggedOut}}
	if a := b.get("/o/logout?" + q.Encode()); a.StatusCode != http.StatusBadRequest {
		t.Errorf("two redirects: %d", a.StatusCode)
	}
}

// Nobody is signed in: nothing to ask, and the client gets its person back.
func TestLogoutTwice(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	id := b.tokens("openid").id
	for range 2 {
		if a := b.logout("id_token_hint", id, "post_logout_redirect_uri", appLoggedOut); a.Header.Get("Location") != appLoggedOut {
			t.Errorf("%d %s", a.StatusCode, a.location())
		}
	}
	if a := b.logout(); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "/o/login") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func TestHomeSignsOut(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	if a := b.get("/o/"); a.Header.Get("Location") != s.issuer+"/o/login" {
		t.Errorf("signed out: %d %s", a.StatusCode, a.location())
	}
	b.signIn("alice", alicePassword)
	page := b.get("/o")
	if !strings.Contains(page.body, "Alice Lidell") {
		t.Errorf("%s", page.body)
	}
	if a := b.post("/o/logout", page.form()); a.StatusCode != http.StatusOK || b.signedIn() {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// Access for while the person is away outlives the session; other does not.
func TestOfflineAccessOutlivesTheSession(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	online, away := b.tokens("openid"), b.tokens("openid offline_access")
	b.logout("id_token_hint", online.id)
	wantError(t, s.token(as("app", appSecret), refreshForm(online.refresh)), 400, "invalid_grant")
	next := tokensOf(t, s.token(as("app", appSecret), refreshForm(away.refresh)))
	first, second := claimsOf(t, away.id), claimsOf(t, next.id)
	for _, name := range []string{"sub", "aud", "iss", "auth_time", "sid"} {
		if first[name] == nil || first[name] != second[name] {
			t.Errorf("refreshed ID token: %s is %v, was %v", name, second[name], first[name])
		}
	}
	if second["nonce"] != nil {
		t.Error("refreshed ID token has a nonce")
	}
	s.update(func(tx store.WriteTx) error { return tx.DeleteUser(1) })
	wantError(t, s.token(as("app", appSecret), refreshForm(next.refresh)), 400, "invalid_grant")
}

// An old key's tokens are hints as long as the key is kept, and no longer.
func TestHintOfARetiredKey(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	id := b.tokens("openid").id
	var kid string
	s.update(func(tx store.WriteTx) error {
		keys, err := tx.SigningKeys()
		if err != nil {
			return err
		}
		key := firstRSA(keys)
		kid, key.RetiredAt = key.KID, s.clock.now()
		return tx.PutSigningKey(key)
	})
	second := b.tokens("openid").id
	if segment(t, second, 0)["kid"] == kid {
		t.Error("a retired key signs")
	}
	if n := s.published("RS256"); n != 2 {
		t.Errorf("%d keys are published", n)
	}
	if a := b.logout("id_token_hint", id, "post_logout_redirect_uri", appLoggedOut); a.Header.Get("Location") != appLoggedOut {
		t.Errorf("retired: %d %s", a.StatusCode, a.location())
	}
	s.update(func(tx store.WriteTx) error { return tx.DeleteSigningKey(kid) })
	if a := b.logout("id_token_hint", id, "post_logout_redirect_uri", appLoggedOut); a.Header.Get("Location") != "" {
		t.Errorf("deleted: %d %s", a.StatusCode, a.location())
	}
}

// A post from another site comes without the cookie, and its answer must not
// take it away.
func TestLogoutFromElsewhere(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	id := b.tokens("openid").id
	u, _ := url.Parse(s.url)
	for _, form := range []url.Values{
		{"csrf": {"x"}},
		{"csrf": {"x"}, "request": {url.Values{"id_token_hint": {id}}.Encode()}},
	} {
		stranger := s.browser()
		req := stranger.request("POST", "/o/logout", form)
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		b.jar.SetCookies(u, stranger.do(req).Cookies())
		if !b.signedIn() {
			t.Fatal("signed out by another site")
		}
	}
	gone := *b.sessionCookie()
	b.get("/o/logout?" + url.Values{"id_token_hint": {id}}.Encode())
	b.jar.SetCookies(u, []*http.Cookie{&gone})
	if b.logout(); b.sessionCookie() != nil {
		t.Error("the cookie of an ended session stays")
	}
}

// A session that ended by itself can still be signed out of by its client, with
// all that came from it; one that lives elsewhere cannot.
func TestLogoutAfterTheSessionEnded(t *testing.T) {
	for name, again := range map[string]bool{"nobody is signed in": false, "somebody else is": true} {
		s := newServer(t)
		b := s.browser()
		online, away := b.tokens("openid"), b.tokens("openid offline_access")
		s.browser().logout("id_token_hint", online.id)
		if a := s.call("GET", "/o/userinfo", "Bearer "+online.access, nil); a.StatusCode != http.StatusOK {
			t.Fatalf("%s: a hint from elsewhere ended what a living session bought: %d", name, a.StatusCode)
		}
		s.clock.add(25 * time.Hour)
		if b.signedIn() {
			t.Fatal("the session outlived its idle limit")
		}
		if again {
			b = s.browser().signIn("bob", "bob's password")
		}
		a := b.logout("id_token_hint", online.id)
		if again {
			online = tokensOf(t, s.token(as("app", appSecret), refreshForm(online.refresh))) // not before the yes
			b.post("/o/logout", a.form())
		}
		wantError(t, s.token(as("app", appSecret), refreshForm(online.refresh)), 400, "invalid_grant")
		tokensOf(t, s.token(as("app", appSecret), refreshForm(away.refresh)))
	}
}

// Nor do tokens outlast the longest session, if nobody ever signs out.
func TestTokensEndWithTheLongestSession(t *testing.T) {
	s := newServer(t, func(c *provider.Config) { c.SessionAbsolute = 10 * 24 * time.Hour })
	b := s.browser()
	online, away := b.tokens("openid"), b.tokens("openid offline_access")
	s.clock.add(6 * 24 * time.Hour)
	online = tokensOf(t, s.token(as("app", appSecret), refreshForm(online.refresh)))
	s.clock.add(4*24*time.Hour - time.Minute)
	a := s.token(as("app", appSecret), refreshForm(online.refresh))
	online = tokensOf(t, a)
	if v := a.decode(t)["expires_in"]; v != 60.0 {
		t.Errorf("a minute before, expires_in is %v", v)
	}
	s.clock.add(time.Minute)
	if a := s.call("GET", "/o/userinfo", "Bearer "+online.access, nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the access token: %d", a.StatusCode)
	}
	wantError(t, s.token(as("app", appSecret), refreshForm(online.refresh)), 400, "invalid_grant")
	if v := tokensOf(t, s.token(as("app", appSecret), refreshForm(away.refresh))); v.access == "" {
		t.Error("offline access ended too")
	}
}
