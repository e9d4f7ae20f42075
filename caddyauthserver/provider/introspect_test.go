package provider_test

import (
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// inactive is all that is said of what is not live (RFC 7662 section 2.2).
const inactive = `{"active":false}`

// introspected asks, as the client of authorization, what a token stands for.
func (s *server) introspected(authorization, token string, set ...string) *answer {
	form := url.Values{"token": {token}}
	for i := 0; i < len(set); i += 2 {
		form.Set(set[i], set[i+1])
	}
	return s.call("POST", "/o/introspect", authorization, form)
}

func TestRFC7662Section22Live(t *testing.T) {
	s := newServer(t)
	tok := s.browser().tokens("openid email")
	now := float64(s.clock.now().Unix())
	want := map[string]any{
		"active": true, "iss": s.issuer, "client_id": "app", "sub": "1", "username": "alice",
		"scope": "openid email", "iat": now, "exp": now + (10 * time.Minute).Seconds(), "token_type": "Bearer",
	}
	// A hint that is wrong or unknown changes nothing (section 2.1).
	for _, hint := range []string{"access_token", "refresh_token", "nonsense"} {
		if got := s.introspected(as("app", appSecret), tok.access, "token_type_hint", hint).decode(t); !reflect.DeepEqual(got, want) {
			t.Errorf("hint %s:\ngot  %v\nwant %v", hint, got, want)
		}
	}
	refresh := s.introspected(as("app", appSecret), tok.refresh).decode(t)
	if refresh["active"] != true || refresh["scope"] != "openid email" || refresh["token_type"] != nil {
		t.Errorf("refresh token: %v", refresh)
	}
	narrow := s.token(as("app", appSecret), refreshForm(tok.refresh, "scope", "openid")).decode(t)
	if got := s.introspected(as("app", appSecret), narrow["access_token"].(string)).decode(t); got["scope"] != "openid" {
		t.Errorf("a token of fewer scopes: %v", got)
	}
}

func TestRFC7662Section22NotLive(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	dead := func(what, authorization, token string) {
		t.Helper()
		if a := s.introspected(authorization, token); a.StatusCode != http.StatusOK || a.body != inactive {
			t.Errorf("%s: %d %s", what, a.StatusCode, a.body)
		}
	}
	app := as("app", appSecret)
	tok := b.tokens("openid")
	dead("never made", app, "unknown")
	dead("an ID token", app, tok.id)
	dead("a code", app, b.code(authQuery("app", appRedirect)))
	dead("another client's access token", as("gate", "gate-secret"), tok.access)
	dead("another client's refresh token", as("gate", "gate-secret"), tok.refresh)

	s.token(app, refreshForm(tok.refresh))
	dead("a spent refresh token", app, tok.refresh)
	tok = b.tokens("openid")
	s.call("POST", "/o/revoke", app, url.Values{"token": {tok.access}})
	dead("a revoked access token", app, tok.access)
	dead("what was revoked with it", app, tok.refresh)

	tok = b.tokens("openid")
	s.editUser(1, func(u *store.User) { u.IsActive = false })
	dead("that of a disabled user", app, tok.access)
	s.editUser(1, func(u *store.User) { u.IsActive = true })
	if s.introspected(app, tok.access).body == inactive {
		t.Error("enabled again, the token is not")
	}
	s.clock.add(11 * time.Minute)
	dead("an expired one", app, tok.access)
}

// Section 4: who asks must have been authorized to.
func TestRFC7662Section4(t *testing.T) {
	s := newServer(t)
	tok := s.browser().tokens("openid")
	wantError(t, s.introspected("", tok.access), 401, "invalid_client")
	wantError(t, s.introspected(as("app", "wrong"), tok.access), 401, "invalid_client")
	wantError(t, s.introspected("", tok.access, "client_id", "spa"), 401, "invalid_client")
	wantError(t, s.introspected("Bearer "+tok.access, tok.access), 401, "invalid_client")
	wantError(t, s.introspected(as("app", appSecret), ""), 400, "invalid_request")
	if a := s.call("GET", "/o/introspect?token="+tok.access, as("app", appSecret), nil); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", a.StatusCode)
	}
	wantError(t, s.call("POST", "/o/introspect", as("app", appSecret), url.Values{"token": {tok.access, tok.access}}), 400, "invalid_request")
	if d := s.browser().get("/.well-known/openid-configuration").decode(t); d["introspection_endpoint"] != s.issuer+"/o/introspect" {
		t.Errorf("discovery: %v", d["introspection_endpoint"])
	}
}
