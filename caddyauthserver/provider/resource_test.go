package provider_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

func TestUserinfoByScope(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	for scope, want := range map[string]string{
		"openid":         `{"sub":"1"}`,
		"openid profile": `{"sub":"1","name":"Alice Lidell","given_name":"Alice","family_name":"Lidell","preferred_username":"alice"}`,
		"openid email":   `{"sub":"1","email":"alice@example.com","email_verified":true}`,
		"openid groups":  `{"sub":"1","groups":["editors"]}`,
	} {
		tok := b.tokens(scope)
		for _, a := range []*answer{
			s.call("GET", "/o/userinfo", "Bearer "+tok.access, nil),
			s.call("GET", "/o/userinfo/", "bEARER "+tok.access, nil),
			s.call("POST", "/o/userinfo", "Bearer "+tok.access, nil),
			s.call("POST", "/o/userinfo", "", url.Values{"access_token": {tok.access}}),
		} {
			var got, wanted any
			json.Unmarshal([]byte(a.body), &got)
			json.Unmarshal([]byte(want), &wanted)
			if a.StatusCode != http.StatusOK || !reflect.DeepEqual(got, wanted) || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %s", scope, a.StatusCode, a.body)
			}
		}
	}
}

func TestBearerChallenges(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	tok := b.tokens("openid")
	q := "?access_token=" + tok.access
	for name, c := range map[string]struct {
		a         *answer
		status    int
		challenge string
	}{
		"nothing":           {s.call("GET", "/o/userinfo", "", nil), 401, `Bearer realm="` + s.issuer + `"`},
		"another scheme":    {s.call("GET", "/o/userinfo", "Basic eDp5", nil), 401, `Bearer realm="` + s.issuer + `"`},
		"query":             {s.call("GET", "/o/userinfo"+q, "", nil), 401, `Bearer realm="` + s.issuer + `"`},
		"query by post":     {s.call("POST", "/o/userinfo"+q, "", url.Values{}), 401, `Bearer realm="` + s.issuer + `"`},
		"unknown":           {s.call("GET", "/o/userinfo", "Bearer x", nil), 401, `error="invalid_token"`},
		"empty":             {s.call("GET", "/o/userinfo", "Bearer ", nil), 400, `error="invalid_request"`},
		"header and query":  {s.call("GET", "/o/userinfo"+q, "Bearer "+tok.access, nil), 400, `error="invalid_request"`},
		"header and body":   {s.call("POST", "/o/userinfo", "Bearer "+tok.access, url.Values{"access_token": {tok.access}}), 400, `error="invalid_request"`},
		"twice in the body": {s.call("POST", "/o/userinfo", "", url.Values{"access_token": {tok.access, tok.access}}), 400, `error="invalid_request"`},
		"too little scope":  {s.call("GET", "/o/profile", "Bearer "+tok.access, nil), 403, `error="insufficient_scope", scope="read"`},
		"no openid":         {s.call("GET", "/o/userinfo", "Bearer "+b.tokens("read").access, nil), 403, `error="insufficient_scope", scope="openid"`},
		"another method":    {s.call("DELETE", "/o/userinfo", "Bearer "+tok.access, nil), 405, ""},
	} {
		if c.a.StatusCode != c.status || !strings.Contains(c.a.Header.Get("WWW-Authenticate"), c.challenge) || strings.Contains(c.a.body, "alice") {
			t.Errorf("%s: %d %q %s", name, c.a.StatusCode, c.a.Header.Get("WWW-Authenticate"), c.a.body)
		}
	}
	req := b.request("GET", "/o/userinfo", nil)
	req.Header["Authorization"] = []string{"Bearer " + tok.access, "Bearer " + tok.access}
	if a := b.do(req); a.StatusCode != http.StatusBadRequest {
		t.Errorf("two headers: %d", a.StatusCode)
	}
	s.clock.add(10 * time.Minute)
	if a := s.call("GET", "/o/userinfo", "Bearer "+tok.access, nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("expired: %d", a.StatusCode)
	}
}

func TestNoIDTokenWithoutOpenID(t *testing.T) {
	s := newServer(t)
	if tok := s.browser().tokens("read"); tok.id != "" {
		t.Error("an ID token that nobody asked for")
	}
}

func TestProfile(t *testing.T) {
	schema := &store.Schema{
		User: []store.Field{
			{Name: "company", Type: store.Relation, Target: "company"},
			{Name: "salary", Type: store.Integer, Private: true},
			{Name: "mentor", Type: store.Relation, Target: "company", Private: true},
		},
		Objects: []store.ObjectType{{Name: "company", Fields: []store.Field{
			{Name: "name", Type: store.Text, Required: true},
			{Name: "secret", Type: store.Text, Private: true},
			{Name: "parent", Type: store.Relation, Target: "company"},
		}}},
	}
	s := newServer(t, func(c *provider.Config) { c.Schema = schema })
	var v, o uint64
	s.update(func(tx store.WriteTx) error {
		ref := store.Ref{Type: "company", ID: 1}
		// A circle: the company is its own parent.
		c := &store.Object{Type: "company", ID: 1, Fields: store.Fields{"name": "Acme", "secret": "hush", "parent": ref, "gone": "x"}}
		if err := store.SaveObject(tx, schema, c); err != nil {
			return err
		}
		u, err := tx.User(1)
		if err != nil {
			return err
		}
		u.Fields = store.Fields{"company": ref, "salary": int64(7), "mentor": ref, "undeclared": "x"}
		u.IsStaff = true
		if err := store.SaveUser(tx, schema, u); err != nil {
			return err
		}
		o = c.Version
		return nil
	})
	tok := s.browser().tokens("read")
	s.update(func(tx store.WriteTx) error {
		u, err := tx.User(1)
		v = u.Version
		return err
	})
	a := s.call("GET", "/o/profile", "Bearer "+tok.access, nil)
	got := a.decode(t)
	at := "2026-11-23T12:00:00Z"
	company := map[string]any{"type": "company", "id": 1.0}
	for range 3 {
		company = map[string]any{"type": "company", "id": 1.0, "version": float64(o), "name": "Acme", "parent": company}
	}
	want := map[string]any{
		"type": "user", "id": 1.0, "sub": "1", "version": float64(v), "username": "alice", "email": "alice@example.com", "email_verified": true,
		"first_name": "Alice", "last_name": "Lidell", "groups": []any{"editors"}, "is_active": true, "date_joined": at, "last_login": at,
		"company": company,
	}
	s.update(func(tx store.WriteTx) error {
		feed, err := tx.Feed()
		want["caddyito_feed"] = feed.ID
		return err
	})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestRevoke(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	revoke := func(authorization, token string, set ...string) *answer {
		form := url.Values{"token": {token}}
		for i := 0; i < len(set); i += 2 {
			form.Set(set[i], set[i+1])
		}
		return s.call("POST", "/o/revoke", authorization, form)
	}
	lives := func(tok tokens) bool {
		return s.call("GET", "/o/userinfo", "Bearer "+tok.access, nil).StatusCode == http.StatusOK
	}
	refreshes := func(tok tokens) bool {
		return s.token(as("app", appSecret), refreshForm(tok.refresh)).StatusCode == http.StatusOK
	}

	tok := b.tokens("openid")
	wantError(t, revoke("", tok.access), 401, "invalid_client")
	wantError(t, revoke(as("app", "wrong"), tok.access), 401, "invalid_client")
	wantError(t, revoke(as("app", appSecret), ""), 400, "invalid_request")
	for _, stranger := range []*answer{revoke(as("gate", "gate-secret"), tok.access), revoke(as("gate", "gate-secret"), tok.refresh), revoke("", tok.refresh, "client_id", "spa"), revoke(as("app", appSecret), "unknown")} {
		if stranger.StatusCode != http.StatusOK || stranger.body != "" {
			t.Errorf("%d %s", stranger.StatusCode, stranger.body)
		}
	}
	if !lives(tok) {
		t.Fatal("another client revoked it")
	}
	if a := revoke(as("app", appSecret), tok.refresh, "token_type_hint", "access_token"); a.StatusCode != http.StatusOK || lives(tok) || refreshes(tok) {
		t.Error("a refresh token takes its family with it")
	}
	tok = b.tokens("openid")
	if revoke(as("app", appSecret), tok.access); lives(tok) || refreshes(tok) {
		t.Error("an access token of a session takes its family with it")
	}
	tok = b.tokens("openid offline_access")
	if revoke(as("app", appSecret), tok.access, "token_type_hint", "nonsense"); lives(tok) || !refreshes(tok) {
		t.Error("an access token with offline_access goes alone")
	}
}
