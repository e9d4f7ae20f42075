package provider_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

const (
	api      = "https://api.example.com"
	otherAPI = "https://other.example.com/v1"
)

// newAPIServer has clients that use APIs besides the usual ones.
func newAPIServer(t testing.TB, opts ...option) *server {
	s := newServer(t, opts...)
	s.update(func(tx store.WriteTx) error {
		for id, settings := range map[string]store.ClientSettings{
			"robot": {GrantTypes: []string{store.GrantClientCredentials}, Resources: []string{api, otherAPI}, Scopes: []string{"invoices:read", "invoices:write"}},
			"jwtbot": {GrantTypes: []string{store.GrantClientCredentials}, Resources: []string{api}, Scopes: []string{"invoices:read"},
				AccessTokenFormat: store.AccessTokenJWT, IDTokenAlg: "ES256", AccessTokenLifetime: store.Duration(time.Minute)},
			"web": {RedirectURIs: []string{"https://web.example.com/cb"}, SkipConsent: true, Resources: []string{api, otherAPI},
				Scopes: []string{"openid", "groups", "read", "offline_access", "invoices:read"}, AccessTokenFormat: store.AccessTokenJWT},
			"short": {RedirectURIs: []string{"https://short.example.com/cb"}, SkipConsent: true,
				AccessTokenLifetime: store.Duration(time.Minute), RefreshTokenLifetime: store.Duration(time.Hour)},
			"once": {RedirectURIs: []string{"https://once.example.com/cb"}, SkipConsent: true, GrantTypes: []string{store.GrantCode}},
		} {
			err := tx.PutClient(&store.Client{ID: id, ClientSettings: settings, Secrets: []store.ClientSecret{
				{Sealed: s.key.Seal(store.ClientSecretPurpose(id), []byte(id+"-secret"))},
			}})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

func (s *server) credentials(client string, set ...string) *answer {
	s.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}}
	for i := 0; i < len(set); i += 2 {
		form.Add(set[i], set[i+1])
	}
	return s.token(as(client, client+"-secret"), form)
}

// partsOf are header and claims of a JWT.
func partsOf(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	return segment(t, token, 0), segment(t, token, 1)
}

func TestRFC6749ClientCredentials(t *testing.T) {
	s := newAPIServer(t)
	a := s.credentials("robot", "scope", "invoices:read", "resource", api)
	got := a.decode(t)
	if a.StatusCode != http.StatusOK || got["token_type"] != "Bearer" || got["scope"] != "invoices:read" || got["expires_in"] != 600.0 {
		t.Fatalf("%d %v", a.StatusCode, got)
	}
	if _, refresh := got["refresh_token"]; refresh || got["id_token"] != nil {
		t.Errorf("section 4.4.3: %v", got)
	}
	token, _ := got["access_token"].(string)
	info := s.standsFor("robot", token)
	if info["active"] != true || info["sub"] != "robot" || info["client_id"] != "robot" || info["username"] != nil || info["scope"] != "invoices:read" {
		t.Errorf("introspection says %v", info)
	}
	if all := s.credentials("robot").decode(t); all["scope"] != "invoices:read invoices:write" {
		t.Errorf("without scope: %v", all)
	}
	// It stands for nobody.
	for _, path := range []string{"/o/userinfo", "/o/profile"} {
		if a := s.call("GET", path, "Bearer "+s.credentials("robot").decode(t)["access_token"].(string), nil); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s answers %d %s", path, a.StatusCode, a.body)
		}
		if a := s.call("GET", path, "Bearer "+token, nil); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s answers a token for an API %d %s", path, a.StatusCode, a.body)
		}
	}
	// It ends: by time, by revocation, with the client's right to it.
	if a := s.call("POST", "/o/revoke", as("robot", "robot-secret"), url.Values{"token": {token}}); a.StatusCode != http.StatusOK {
		t.Error(a.StatusCode)
	}
	if info := s.standsFor("robot", token); info["active"] != false {
		t.Errorf("revoked: %v", info)
	}
	token, _ = s.credentials("robot").decode(t)["access_token"].(string)
	s.clock.add(10 * time.Minute)
	if info := s.standsFor("robot", token); info["active"] != false {
		t.Errorf("expired: %v", info)
	}
	token, _ = s.credentials("robot").decode(t)["access_token"].(string)
	s.editClient("robot", func(c *store.Client) { c.GrantTypes = []string{store.GrantCode} })
	if info := s.standsFor("robot", token); info["active"] != false {
		t.Errorf("of a client that may not any more: %v", info)
	}
}

// standsFor is what introspection says of one of the client's own tokens.
func (s *server) standsFor(client, token string) map[string]any {
	s.t.Helper()
	return s.introspected(as(client, client+"-secret"), token).decode(s.t)
}

func TestClientCredentialsRefused(t *testing.T) {
	s := newAPIServer(t)
	for _, c := range []struct {
		name, client string
		set          []string
		status       int
		code         string
	}{
		{"a client that may not", "web", nil, 400, "unauthorized_client"},
		{"a scope of a person", "robot", []string{"scope", "openid"}, 400, "invalid_scope"},
		{"one for while they are away", "robot", []string{"scope", "invoices:read offline_access"}, 400, "invalid_scope"},
		{"a scope that is not its own", "robot", []string{"scope", "invoices:delete"}, 400, "invalid_scope"},
		{"a scope nobody knows", "robot", []string{"scope", "x"}, 400, "invalid_scope"},
		{"a resource that is not its own", "jwtbot", []string{"resource", otherAPI}, 400, "invalid_target"},
		{"no URI", "robot", []string{"resource", "api"}, 400, "invalid_target"},
		{"a fragment", "robot", []string{"resource", api + "#x"}, 400, "invalid_target"},
		{"a resource that begins alike", "robot", []string{"resource", api + "/"}, 400, "invalid_target"},
		{"eleven resources", "robot", slices.Concat(slices.Repeat([]string{"resource", api}, 11)), 400, "invalid_target"},
		{"scope twice", "robot", []string{"scope", "invoices:read", "scope", "invoices:write"}, 400, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) { wantError(t, s.credentials(c.client, c.set...), c.status, c.code) })
	}
	wantError(t, s.token(as("robot", "wrong"), url.Values{"grant_type": {"client_credentials"}}), 401, "invalid_client")
	wantError(t, s.token("", url.Values{"grant_type": {"client_credentials"}, "client_id": {"spa"}}), 400, "unauthorized_client")
	wantError(t, s.token("", url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}}), 401, "invalid_client")
	// Nor may it sign people in.
	a := s.browser().authorize(authQuery("robot", "https://robot.example.com/cb"))
	if a.StatusCode != http.StatusBadRequest {
		t.Errorf("authorize answers %d", a.StatusCode)
	}
}

func TestRFC8707ResourceIndicators(t *testing.T) {
	s := newAPIServer(t)
	b := s.browser().signIn("alice", alicePassword)
	web := as("web", "web-secret")
	ask := func(resources ...string) url.Values {
		q := authQuery("web", "https://web.example.com/cb", "scope", "openid invoices:read groups offline_access")
		for _, r := range resources {
			q.Add("resource", r)
		}
		return q
	}
	aud := func(token string) []any {
		_, claims := partsOf(t, token)
		if one, ok := claims["aud"].(string); ok {
			return []any{one}
		}
		many, _ := claims["aud"].([]any)
		return many
	}
	is := func(what string, got []any, want ...any) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: aud is %v, want %v", what, got, want)
		}
	}
	tok := tokensOf(t, s.token(web, codeForm(b.code(ask(api, otherAPI)), "https://web.example.com/cb")))
	is("all that was asked for", aud(tok.access), api, otherAPI)
	form := codeForm(b.code(ask(api, otherAPI)), "https://web.example.com/cb")
	form.Set("resource", otherAPI)
	narrow := tokensOf(t, s.token(web, form))
	is("narrowed with the code", aud(narrow.access), otherAPI)
	next := tokensOf(t, s.token(web, refreshForm(narrow.refresh)))
	is("refreshed", aud(next.access), api, otherAPI)
	next = tokensOf(t, s.token(web, refreshForm(next.refresh, "resource", api)))
	is("narrowed in refreshing", aud(next.access), api)
	wantError(t, s.token(web, refreshForm(next.refresh, "resource", s.url)), 400, "invalid_target")
	again := tokensOf(t, s.token(web, refreshForm(next.refresh))) // what was refused spent nothing
	is("nobody but this server", aud(tokensOf(t, s.token(web, codeForm(b.code(ask()), "https://web.example.com/cb"))).access), s.url)

	if a := s.call("GET", "/o/userinfo", "Bearer "+again.access, nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("userinfo takes a token for APIs: %d", a.StatusCode)
	}
	both := tokensOf(t, s.token(web, codeForm(b.code(ask(api, s.url)), "https://web.example.com/cb")))
	if a := s.call("GET", "/o/userinfo", "Bearer "+both.access, nil); a.StatusCode != http.StatusOK {
		t.Errorf("userinfo refuses a token for it and an API: %d %s", a.StatusCode, a.body)
	}
	for name, resource := range map[string]string{"not registered": "https://evil.example.com", "no URI": "x", "a fragment": api + "#"} {
		if e := b.authorize(ask(resource)).location().Query().Get("error"); e != "invalid_target" {
			t.Errorf("%s: error is %q", name, e)
		}
	}
	wantError(t, s.token(web, func() url.Values {
		f := codeForm(b.code(ask(api)), "https://web.example.com/cb")
		f.Set("resource", otherAPI)
		return f
	}()), 400, "invalid_target")
	// What the client may no longer ask for is left out.
	s.editClient("web", func(c *store.Client) { c.Resources = []string{otherAPI} })
	is("after one was taken away", aud(tokensOf(t, s.token(web, refreshForm(tok.refresh))).access), otherAPI)
}

func TestRFC9068AccessTokens(t *testing.T) {
	s := newAPIServer(t)
	b := s.browser().signIn("alice", alicePassword)
	web := as("web", "web-secret")
	q := authQuery("web", "https://web.example.com/cb", "scope", "openid read groups invoices:read", "resource", api)
	q.Add("resource", s.url)
	tok := tokensOf(t, s.token(web, codeForm(b.code(q), "https://web.example.com/cb")))
	header, claims := partsOf(t, tok.access)
	now := float64(s.clock.now().Unix())
	if header["typ"] != "at+jwt" || header["alg"] != "RS256" || header["kid"] == "" {
		t.Errorf("section 2.1: header %v", header)
	}
	for name, want := range map[string]any{
		"iss": s.url, "sub": "1", "client_id": "web", "iat": now, "exp": now + 600, "auth_time": now, "scope": "openid read groups invoices:read",
	} {
		if claims[name] != want {
			t.Errorf("section 2.2: %s is %v, want %v", name, claims[name], want)
		}
	}
	if jti, _ := claims["jti"].(string); len(jti) < 40 {
		t.Errorf("jti is %q", jti)
	}
	if groups, _ := claims["groups"].([]any); !slices.Equal(groups, []any{"editors"}) {
		t.Errorf("groups are %v", claims["groups"])
	}
	a := s.credentials("jwtbot", "resource", api)
	header, claims = partsOf(t, a.decode(t)["access_token"].(string))
	if header["alg"] != "ES256" || claims["sub"] != "jwtbot" || claims["aud"] != api && !slices.Equal(claims["aud"].([]any), []any{api}) || claims["exp"] != now+60 || claims["auth_time"] != nil {
		t.Errorf("of a client for itself: %v %v", header, claims)
	}
	if a.decode(t)["expires_in"] != 60.0 {
		t.Errorf("expires_in is %v", a.decode(t)["expires_in"])
	}
	// The keys that sign them are published.
	jwks := s.call("GET", "/o/jwks", "", nil).body
	if !strings.Contains(jwks, header["kid"].(string)) {
		t.Errorf("no key %v in %s", header["kid"], jwks)
	}
	// They are known here too, until they are revoked.
	userinfo := func(token string) int { return s.call("GET", "/o/userinfo", "Bearer "+token, nil).StatusCode }
	if userinfo(tok.access) != 200 || s.standsFor("web", tok.access)["active"] != true {
		t.Error("it is not known here")
	}
	parts := strings.Split(tok.access, ".")
	_, claims = partsOf(t, tok.access)
	jti := claims["jti"].(string)
	for name, forged := range map[string]string{
		"the jti alone": jti, "without a signature": parts[0] + "." + parts[1] + ".", "of two parts": parts[0] + "." + parts[1],
		"another's signature": parts[0] + "." + parts[1] + "." + strings.Split(tok.id, ".")[2], "the ID token": tok.id,
		"with alg none":  base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + parts[1] + ".",
		"with more":      tok.access + "x",
		"far too long":   tok.access + strings.Repeat("x", 10000),
		"the dots alone": "..",
	} {
		if got := userinfo(forged); got != 401 {
			t.Errorf("userinfo takes %s: %d", name, got)
		}
		if s.standsFor("web", forged)["active"] != false {
			t.Errorf("introspection takes %s", name)
		}
	}
	if a := s.browser().logout("id_token_hint", tok.access, "post_logout_redirect_uri", "https://web.example.com/"); a.Header.Get("Location") != "" {
		t.Error("section 4: it passes for an ID token")
	}
	if a := s.call("POST", "/o/revoke", web, url.Values{"token": {tok.access}}); a.StatusCode != 200 || userinfo(tok.access) != 401 {
		t.Error("it cannot be revoked")
	}
	// At the issuer it ends when it says.
	tok = tokensOf(t, s.token(web, codeForm(b.code(q), "https://web.example.com/cb")))
	s.clock.add(10 * time.Minute)
	if userinfo(tok.access) != 401 {
		t.Error("it outlives its exp")
	}
}

func TestLifetimesOfAClient(t *testing.T) {
	s := newAPIServer(t)
	b := s.browser().signIn("alice", alicePassword)
	short := as("short", "short-secret")
	a := s.token(short, codeForm(b.code(authQuery("short", "https://short.example.com/cb", "scope", "openid offline_access")), "https://short.example.com/cb"))
	if got := a.decode(t)["expires_in"]; got != 60.0 {
		t.Errorf("expires_in is %v", got)
	}
	tok := tokensOf(t, a)
	_, claims := partsOf(t, tok.id)
	if claims["exp"].(float64)-claims["iat"].(float64) != 60 {
		t.Errorf("the ID token says %v", claims)
	}
	s.clock.add(time.Minute)
	if a := s.call("GET", "/o/userinfo", "Bearer "+tok.access, nil); a.StatusCode != 401 {
		t.Errorf("after a minute: %d", a.StatusCode)
	}
	s.clock.add(50 * time.Minute)
	tok = tokensOf(t, s.token(short, refreshForm(tok.refresh)))
	s.clock.add(59 * time.Minute)
	tok = tokensOf(t, s.token(short, refreshForm(tok.refresh)))
	s.clock.add(time.Hour)
	wantError(t, s.token(short, refreshForm(tok.refresh)), 400, "invalid_grant")
}

func TestGrantTypesOfAClient(t *testing.T) {
	s := newAPIServer(t, func(c *provider.Config) {})
	b := s.browser().signIn("alice", alicePassword)
	once := as("once", "once-secret")
	a := s.token(once, codeForm(b.code(authQuery("once", "https://once.example.com/cb")), "https://once.example.com/cb"))
	if v := a.decode(t); a.StatusCode != 200 || v["refresh_token"] != nil {
		t.Errorf("%d %v", a.StatusCode, v)
	}
	wantError(t, s.token(once, refreshForm("x")), 400, "unauthorized_client")
	// What it got while it could is of no use when it cannot.
	tok := b.tokens("openid")
	s.editClient("app", func(c *store.Client) { c.GrantTypes = []string{store.GrantCode} })
	wantError(t, s.token(as("app", appSecret), refreshForm(tok.refresh)), 400, "unauthorized_client")
	wantError(t, s.token(as("app", appSecret), url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {alicePassword}}), 400, "unsupported_grant_type")
}
