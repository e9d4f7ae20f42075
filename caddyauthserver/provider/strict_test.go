package provider_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
)

// One site with many networks does not use up the attempts of all others.
func TestGuessingIsSlowedPerSite(t *testing.T) {
	for _, format := range []string{"2001:db8:1:%x::1", "198.51.%d.1"} {
		s := newServer(t, func(c *provider.Config) {
			c.ClientIP = func(r *http.Request) string { return r.Header.Get("X-IP") }
		})
		b := s.browser()
		form := b.get("/o/login").form("password", strings.Repeat("x", 1025)) // counted, though too long to be hashed
		through := 0
		for i := range 300 {
			form.Set("username", fmt.Sprintf("u%d", i))
			req := b.request("POST", "/o/login", form)
			req.Header.Set("X-IP", fmt.Sprintf(format, i/40))
			if b.do(req).StatusCode == http.StatusForbidden {
				through++
			}
		}
		if through != 200 {
			t.Errorf("%s: %d attempts let through", format, through)
		}
	}
}

// What was spent is not for others to show: another client kills nothing by it.
func TestSpentTokenShownByAnotherClient(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	code := b.code(authQuery("app", appRedirect))
	first := tokensOf(t, s.token(as("app", appSecret), codeForm(code, appRedirect)))
	second := tokensOf(t, s.token(as("app", appSecret), refreshForm(first.refresh)))
	wantError(t, s.token("", codeForm(code, appRedirect, "client_id", "spa")), 400, "invalid_grant")
	wantError(t, s.token("", refreshForm(first.refresh, "client_id", "spa")), 400, "invalid_grant")
	if a := s.call("GET", "/o/userinfo", "Bearer "+second.access, nil); a.StatusCode != http.StatusOK {
		t.Errorf("app's token: %d", a.StatusCode)
	}
}

// What is too long is not sent back as a header.
func TestLongPostIsNotRedirected(t *testing.T) {
	s := newServer(t)
	for path, want := range map[string]int{"/o/authorize": 400, "/o/logout": 413} {
		a := s.browser().post(path, url.Values{"client_id": {"app"}, "state": {strings.Repeat("é", 5000)}})
		if a.StatusCode != want || a.Header.Get("Location") != "" {
			t.Errorf("%s: %d, a location of %d bytes", path, a.StatusCode, len(a.Header.Get("Location")))
		}
	}
}

// RFC 6749 sections 3.1 and 3.2: a parameter without a value is none.
func TestEmptyParametersAreOmitted(t *testing.T) {
	s := newServer(t)
	q := authQuery("app", appRedirect)
	for _, name := range []string{"request", "request_uri", "registration", "max_age", "prompt", "id_token_hint", "response_mode"} {
		q.Set(name, "")
	}
	form := codeForm(s.browser().code(q), appRedirect)
	for _, name := range []string{"client_id", "client_secret", "client_assertion", "scope"} {
		form.Set(name, "")
	}
	tok := tokensOf(t, s.token(as("app", appSecret), form))
	if a := s.call("POST", "/o/userinfo", "Bearer "+tok.access, url.Values{"access_token": {""}}); a.StatusCode != http.StatusOK {
		t.Errorf("userinfo: %d %s", a.StatusCode, a.body)
	}
	if a := s.call("GET", "/o/userinfo", "Bearer ", nil); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "empty") {
		t.Errorf("empty token: %d %s", a.StatusCode, a.body)
	}
}

// A session is prolonged often enough also where its idle limit is short.
func TestShortIdleLimit(t *testing.T) {
	s := newServer(t, func(c *provider.Config) { c.SessionIdle = 90 * time.Second })
	b := s.browser().signIn("alice", alicePassword)
	for i := range 6 {
		s.clock.add(50 * time.Second)
		if !b.signedIn() {
			t.Fatalf("ended after %d requests although it was used", i)
		}
	}
}
