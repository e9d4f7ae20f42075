package provider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

func withRegistration(c *provider.Config) { c.Registration = true }

// invite makes an initial access token.
func (s *server) invite(i store.Invitation) string {
	s.t.Helper()
	data, err := json.Marshal(i)
	if err != nil {
		s.t.Fatal(err)
	}
	token := store.NewSecret()
	s.update(func(tx store.WriteTx) error {
		return tx.PutTicket(&store.Ticket{
			Kind: store.InvitationKind, Hash: store.HashOf(token), Data: string(data),
			CreatedAt: s.clock.now(), ExpiresAt: s.clock.now().Add(store.DefaultInvitationLifetime),
		})
	})
	return token
}

// send sends JSON with a bearer token.
func (s *server) send(method, target, token, body string) *answer {
	s.t.Helper()
	b := s.browser()
	req := b.request(method, target, nil)
	if body != "" {
		req.Body = io.NopCloser(strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return b.do(req)
}

func (s *server) register(token, body string) *answer {
	return s.send("POST", "/o/register", token, body)
}

func (s *server) storedClient(id string) *store.Client {
	s.t.Helper()
	var c *store.Client
	s.update(func(tx store.WriteTx) (err error) {
		c, err = tx.Client(id)
		return err
	})
	return c
}

func (s *server) countClients() (n int) {
	s.t.Helper()
	s.update(func(tx store.WriteTx) error {
		all, err := tx.Clients("", 1000)
		n = len(all)
		return err
	})
	return n
}

const shopMetadata = `{"redirect_uris":["https://shop.example.com/cb"],"client_name":"The Shop","scope":"openid email",
	"post_logout_redirect_uris":["https://shop.example.com/"],"backchannel_logout_uri":"https://shop.example.com/bye",
	"logo_uri":"https://shop.example.com/logo.png","contacts":["a@example.com"],"unheard_of":{"a":[1]}}`

// shopOrigins are what whoever lets the shop register names.
var shopOrigins = []string{"https://shop.example.com"}

func TestRFC7591Section3(t *testing.T) {
	s := newServer(t, withRegistration)
	a := s.register(s.invite(store.Invitation{Origins: shopOrigins}), shopMetadata)
	if a.StatusCode != http.StatusCreated || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	v := a.decode(t)
	id, _ := v["client_id"].(string)
	secret, _ := v["client_secret"].(string)
	if len(secret) != 43 || len(id) < 20 || v["client_secret_expires_at"] != 0.0 || v["client_name"] != "The Shop" || v["scope"] != "openid email" ||
		v["token_endpoint_auth_method"] != "client_secret_basic" || v["registration_client_uri"] != s.issuer+"/o/register/"+id || v["logo_uri"] != nil {
		t.Errorf("answer %v", v)
	}
	// What it may do is what it said, and it does it with its secret alone.
	b := s.browser()
	code := b.code(authQuery(id, "https://shop.example.com/cb", "scope", "openid email"))
	if a := s.token(as(id, secret), codeForm(code, "https://shop.example.com/cb")); a.StatusCode != http.StatusOK {
		t.Errorf("its code: %d %s", a.StatusCode, a.body)
	}
	if u := s.browser().authorize(authQuery(id, "https://shop.example.com/cb", "scope", "openid groups")).location(); u.Query().Get("error") != "invalid_scope" {
		t.Errorf("a scope it did not register: %s", u)
	}
	if a := s.browser().authorize(authQuery(id, "https://evil.example.com/cb")); a.StatusCode != http.StatusBadRequest {
		t.Errorf("another redirect URI: %d", a.StatusCode)
	}
	// Nothing that opens a door lies in the store.
	stored, _ := json.Marshal(s.storedClient(id))
	for name, shown := range map[string]any{"secret": secret, "registration token": v["registration_access_token"]} {
		if strings.Contains(string(stored), shown.(string)) {
			t.Errorf("the store has the %s: %s", name, stored)
		}
	}
}

func TestRFC7591Section2AuthMethods(t *testing.T) {
	s := newServer(t, withRegistration)
	for method, confidential := range map[string]bool{"client_secret_post": true, "client_secret_basic": true, "none": false} {
		v := s.register(s.invite(store.Invitation{}), `{"redirect_uris":["https://x.example.com/cb"],"token_endpoint_auth_method":"`+method+`"}`).decode(t)
		_, has := v["client_secret"]
		if id, _ := v["client_id"].(string); id == "" || has != confidential || v["token_endpoint_auth_method"] != method || s.storedClient(id).Public == confidential {
			t.Errorf("%s: %v", method, v)
		}
		if _, ends := v["client_secret_expires_at"]; ends != confidential {
			t.Errorf("%s: %v", method, v)
		}
	}
	native := s.register(s.invite(store.Invitation{}), `{"redirect_uris":["com.example.app:/cb","http://127.0.0.1/cb"],"token_endpoint_auth_method":"none","application_type":"native"}`)
	if native.StatusCode != http.StatusCreated {
		t.Errorf("a native app: %s", native.body)
	}
}

// Section 3.2.2, and what a client that nobody looked at must not have. None of it
// costs the token.
func TestRFC7591Section322(t *testing.T) {
	s := newServer(t, withRegistration)
	token := s.invite(store.Invitation{})
	before := s.countClients()
	const cb = `"redirect_uris":["https://x.example.com/cb"]`
	for _, test := range []struct{ body, code string }{
		{`{}`, "invalid_redirect_uri"},
		{`{"redirect_uris":[]}`, "invalid_redirect_uri"},
		{`{"redirect_uris":"https://x.example.com/cb"}`, "invalid_redirect_uri"},
		{`{"redirect_uris":["http://x.example.com/cb"]}`, "invalid_redirect_uri"},
		{`{"redirect_uris":["https://x.example.com/cb#f"]}`, "invalid_redirect_uri"},
		{`{"redirect_uris":["https://*.example.com/cb"]}`, "invalid_redirect_uri"},
		{`{"redirect_uris":["https://u@x.example.com/cb"]}`, "invalid_redirect_uri"},
		{`{"redirect_uris":["javascript:alert(1)"],"token_endpoint_auth_method":"none"}`, "invalid_redirect_uri"},
		{`{"redirect_uris":["com.example.app:/cb"]}`, "invalid_redirect_uri"},
		{`{"redirect_uris":["https://x.example.com/` + strings.Repeat("x", 3000) + `"]}`, "invalid_redirect_uri"},
		{`{` + cb + `,"token_endpoint_auth_method":"private_key_jwt"}`, "invalid_client_metadata"},
		{`{` + cb + `,"grant_types":["implicit"]}`, "invalid_client_metadata"},
		{`{` + cb + `,"grant_types":["password"]}`, "invalid_client_metadata"},
		{`{` + cb + `,"grant_types":["client_credentials"],"token_endpoint_auth_method":"none"}`, "invalid_client_metadata"},
		{`{` + cb + `,"response_types":["token"]}`, "invalid_client_metadata"},
		{`{` + cb + `,"response_types":["code id_token"]}`, "invalid_client_metadata"},
		{`{` + cb + `,"grant_types":["client_credentials"],"response_types":["code"]}`, "invalid_client_metadata"},
		{`{` + cb + `,"scope":"openid root"}`, "invalid_client_metadata"},
		{`{` + cb + `,"scope":"openid invoices:write"}`, "invalid_client_metadata"},
		{`{` + cb + `,"id_token_signed_response_alg":"none"}`, "invalid_client_metadata"},
		{`{` + cb + `,"id_token_signed_response_alg":"HS256"}`, "invalid_client_metadata"},
		{`{` + cb + `,"subject_type":"pairwise"}`, "invalid_client_metadata"},
		{`{` + cb + `,"id_token_encrypted_response_alg":"RSA-OAEP"}`, "invalid_client_metadata"},
		{`{` + cb + `,"userinfo_signed_response_alg":"RS256"}`, "invalid_client_metadata"},
		{`{` + cb + `,"post_logout_redirect_uris":["/"]}`, "invalid_client_metadata"},
		{`{` + cb + `,"client_name":"a\u202eb"}`, "invalid_client_metadata"},
		{`{` + cb + `,"client_name":"a\nb"}`, "invalid_client_metadata"},
		{`{` + cb + `,"client_name":7}`, "invalid_client_metadata"},
		{`{` + cb + `,"require_pushed_authorization_requests":"yes"}`, "invalid_client_metadata"},
		{`{` + cb + `,` + cb + `}`, "invalid_client_metadata"},
		{`{` + cb + `} {}`, "invalid_client_metadata"},
		{`[` + cb + `]`, "invalid_client_metadata"},
		{`{"redirect_uris`, "invalid_client_metadata"},
		{`null`, "invalid_client_metadata"},
	} {
		wantError(t, s.register(token, test.body), 400, test.code)
	}
	wantError(t, s.register(token, `{`+cb+`,"x":"`+strings.Repeat("x", 65<<10)+`"}`), 413, "invalid_client_metadata")
	b := s.browser()
	form := b.request("POST", "/o/register", url.Values{"redirect_uris": {"https://x.example.com/cb"}})
	form.Header.Set("Authorization", "Bearer "+token)
	wantError(t, b.do(form), 400, "invalid_client_metadata")
	if n := s.countClients(); n != before {
		t.Errorf("%d clients were made", n-before)
	}
	if a := s.register(token, `{`+cb+`}`); a.StatusCode != http.StatusCreated {
		t.Errorf("the mistakes cost the token: %s", a.body)
	}
}

// What only an administrator may say of a client comes from the initial access
// token, whatever the software says.
func TestRFC7591OnlyAdministratorsRaise(t *testing.T) {
	s := newServer(t, withRegistration)
	const greedy = `{"redirect_uris":["https://x.example.com/oidc/callback"],"client_name":"Mallory","skip_consent":true,"allow_no_pkce":true,
		"format":"djangito","admin_flags":true,"sync":"all","fields":["email"],"allow_groups":[],"public":true,"resources":["https://api.example.com"],
		"access_token_format":"jwt","access_token_lifetime":"9999h","id":"gate","name":"Wiki","SKIP_CONSENT":true,"disabled":false}`
	v := s.register(s.invite(store.Invitation{Origins: []string{"https://x.example.com"}, Sync: store.SyncGranted, Fields: []string{"company"}, AllowGroups: []string{"staff"}}), greedy).decode(t)
	id, _ := v["client_id"].(string)
	check := func(when string) {
		t.Helper()
		c := s.storedClient(id)
		if c.SkipConsent || c.AllowNoPKCE || c.Format != "" || c.AdminFlags || c.Public || c.Resources != nil || c.AccessTokenFormat != "" || c.AccessTokenLifetime != 0 ||
			c.Sync != store.SyncGranted || strings.Join(c.Fields, " ") != "company" || strings.Join(c.AllowGroups, " ") != "staff" || id == "gate" {
			t.Errorf("%s it has %+v", when, c)
		}
	}
	check("at first")
	update := strings.Replace(greedy, `{`, `{"client_id":"`+id+`",`, 1)
	if a := s.send("PUT", "/o/register/"+id, v["registration_access_token"].(string), update); a.StatusCode != http.StatusOK {
		t.Fatalf("update: %s", a.body)
	}
	check("updated")
	// What an administrator changed since stays too.
	s.update(func(tx store.WriteTx) error {
		c, err := tx.Client(id)
		if err != nil {
			return err
		}
		c.Sync = store.SyncOff
		return tx.PutClient(c)
	})
	s.send("PUT", "/o/register/"+id, v["registration_access_token"].(string), update)
	if c := s.storedClient(id); c.Sync != store.SyncOff {
		t.Errorf("the update undid what an administrator changed: %+v", c)
	}
	// A client for itself has what APIs it was invited to, and no others.
	for scope, want := range map[string]string{"invoices:read": "", "invoices:write": "invalid_scope"} {
		v := s.register(s.invite(store.Invitation{Scopes: []string{"invoices:read"}}), `{"grant_types":["client_credentials"]}`).decode(t)
		id, _ := v["client_id"].(string)
		secret, _ := v["client_secret"].(string)
		a := s.token(as(id, secret), url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
		if got, _ := a.decode(t)["error"].(string); got != want {
			t.Errorf("%s: %s", scope, a.body)
		}
	}
	wantError(t, s.register(s.invite(store.Invitation{Scopes: []string{"invoices:read"}}), `{"grant_types":["client_credentials"],"scope":"invoices:write"}`), 400, "invalid_client_metadata")
	// The gift that was given.
	v = s.register(s.invite(store.Invitation{Origins: []string{"https://x.example.com"}, SkipConsent: true, Name: "Wiki"}), greedy).decode(t)
	if c := s.storedClient(v["client_id"].(string)); !c.SkipConsent || c.Name != "Wiki" {
		t.Errorf("invited so, it has %+v", c)
	}
}

// What the server calls, an administrator named, and people come back there: nobody
// who got hold of a token has it call what they like (security.md, Sync).
func TestRFC7591WhatTheServerCalls(t *testing.T) {
	s := newServer(t, withRegistration)
	before := s.countClients()
	named := []string{"https://x.example.com", "https://y.example.com"}
	for _, test := range []struct {
		origins    []string
		body, says string
	}{
		// Named, but elsewhere than people come back to, or not encrypted.
		{named, `"redirect_uris":["https://x.example.com/cb"],"backchannel_logout_uri":"https://y.example.com/x"`, "same origin as a redirect URI"},
		{named, `"redirect_uris":["https://x.example.com/cb"],"caddyito_sync_uri":"https://y.example.com/x"`, "same origin as a redirect URI"},
		{named, `"redirect_uris":["https://x.example.com/cb"],"backchannel_logout_uri":"https://x.example.com:8443/x"`, "same origin as a redirect URI"},
		{named, `"redirect_uris":["https://x.example.com/cb"],"backchannel_logout_uri":"http://x.example.com/x"`, "https only"},
		{named, `"redirect_uris":["https://x.example.com/cb"],"backchannel_logout_uri":"http://169.254.169.254/latest"`, "https only"},
		{named, `"redirect_uris":["https://x.example.com/cb"],"frontchannel_logout_uri":"https://other.example.com/x"`, "one of the client's redirect URIs"},
		// Not named: people come back there, and that is all.
		{nil, `"redirect_uris":["https://x.example.com/cb"],"backchannel_logout_uri":"https://x.example.com/x"`, "--origin https://x.example.com"},
		{nil, `"redirect_uris":["https://x.example.com/cb"],"caddyito_sync_uri":"https://x.example.com/x"`, "--origin https://x.example.com"},
		{nil, `"redirect_uris":["https://x.example.com/oidc/callback"]`, "--origin https://x.example.com"}, // a gate, by its redirect URI
		{nil, `"redirect_uris":["https://10.0.0.7/cb"],"backchannel_logout_uri":"https://10.0.0.7/stop"`, "--origin https://10.0.0.7"},
		{nil, `"redirect_uris":["https://[fd12::7]:8006/cb"],"backchannel_logout_uri":"https://[fd12::7]:8006/stop"`, "--origin https://[fd12::7]:8006"},
		{nil, `"redirect_uris":["https://169.254.169.254/oidc/callback"]`, "--origin https://169.254.169.254"},
		{nil, `"redirect_uris":["https://router.lan/oidc/callback"],"caddyito_sync_uri":"https://router.lan/reboot"`, "--origin https://router.lan"},
		{nil, `"redirect_uris":["http://localhost:2019/x"],"backchannel_logout_uri":"http://localhost:2019/stop"`, "--origin http://localhost:2019"},
		{nil, `"redirect_uris":["http://localhost:2019/oidc/callback"]`, "--origin http://localhost:2019"},
		{nil, `"redirect_uris":["https://127.0.0.1:2019/x"],"backchannel_logout_uri":"https://127.0.0.1:2019/stop"`, "--origin https://127.0.0.1:2019"},
		{nil, `"redirect_uris":["http://[::1]:2019/x"],"caddyito_sync_uri":"http://[::1]:2019/stop"`, "--origin http://[::1]:2019"},
		{nil, `"redirect_uris":["https://LOCALHOST.:2019/x"],"backchannel_logout_uri":"https://LOCALHOST.:2019/stop"`, "--origin https://localhost.:2019"},
		{nil, `"redirect_uris":["https://[::ffff:127.0.0.1]/x"],"backchannel_logout_uri":"https://[::ffff:127.0.0.1]/stop"`, "--origin https://[::ffff:127.0.0.1]"},
	} {
		a := s.register(s.invite(store.Invitation{Origins: test.origins}), "{"+test.body+"}")
		wantError(t, a, 400, "invalid_client_metadata")
		if !strings.Contains(a.body, test.says) {
			t.Errorf("%s: %s does not say %q", test.body, a.body, test.says)
		}
	}
	if n := s.countClients(); n != before {
		t.Errorf("%d clients were made", n-before)
	}
	// Nor by changing its mind, once it is registered.
	v := s.register(s.invite(store.Invitation{}), `{"redirect_uris":["https://x.example.com/cb"]}`).decode(t)
	id, _ := v["client_id"].(string)
	access, _ := v["registration_access_token"].(string)
	for _, more := range []string{
		`"redirect_uris":["https://10.0.0.7/oidc/callback"]`,
		`"redirect_uris":["https://x.example.com/cb"],"backchannel_logout_uri":"https://x.example.com/x"`,
		`"redirect_uris":["https://10.0.0.7/cb"],"caddyito_sync_uri":"https://10.0.0.7/x"`,
	} {
		wantError(t, s.send("PUT", "/o/register/"+id, access, `{"client_id":"`+id+`",`+more+`}`), 400, "invalid_client_metadata")
	}
	if c := s.storedClient(id); c.SyncTarget() != "" || c.LogoutTarget() != "" {
		t.Errorf("the server would call %q and %q", c.SyncTarget(), c.LogoutTarget())
	}
}

func TestRFC7591Bounds(t *testing.T) {
	s := newServer(t, withRegistration)
	token := s.invite(store.Invitation{Origins: []string{"https://x.example.com", "http://localhost:1234"}, Scopes: []string{"openid", "email"}})
	for _, body := range []string{
		`{"redirect_uris":["https://y.example.com/cb"]}`,
		`{"redirect_uris":["https://x.example.com/cb","https://y.example.com/cb"]}`,
		`{"redirect_uris":["https://x.example.com.evil.example/cb"]}`,
		`{"redirect_uris":["https://x.example.com:8443/cb"]}`,
		`{"redirect_uris":["com.example.app:/cb"],"token_endpoint_auth_method":"none"}`,
		`{"redirect_uris":["https://x.example.com/cb"],"post_logout_redirect_uris":["https://y.example.com/"]}`,
		`{"redirect_uris":["https://x.example.com/cb"],"scope":"openid read"}`,
	} {
		if a := s.register(token, body); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, a.StatusCode, a.body)
		}
	}
	// Named, an address of the server's own machine is fine, and so is another
	// spelling of an origin.
	v := s.register(token, `{"redirect_uris":["HTTPS://X.example.com:443/cb","http://localhost:1234/oidc/callback"],"backchannel_logout_uri":"http://localhost:1234/oidc/backchannel-logout"}`).decode(t)
	if v["scope"] != "openid email" {
		t.Errorf("without a scope it has those of the token: %v", v)
	}
	// The bounds stay when it changes its mind.
	id, _ := v["client_id"].(string)
	manage, _ := v["registration_access_token"].(string)
	for _, more := range []string{`"redirect_uris":["https://y.example.com/cb"]`, `"redirect_uris":["https://x.example.com/cb"],"scope":"read"`} {
		wantError(t, s.send("PUT", "/o/register/"+id, manage, `{"client_id":"`+id+`",`+more+`}`), 400,
			map[bool]string{true: "invalid_redirect_uri", false: "invalid_client_metadata"}[strings.Contains(more, "y.example")])
	}
}

func TestRFC7591InitialAccessToken(t *testing.T) {
	s := newServer(t, withRegistration)
	const body = `{"redirect_uris":["https://x.example.com/cb"]}`
	used := s.invite(store.Invitation{})
	if a := s.register(used, body); a.StatusCode != http.StatusCreated {
		t.Fatal(a.body)
	}
	expired := s.invite(store.Invitation{})
	s.clock.add(store.DefaultInvitationLifetime)
	good := s.invite(store.Invitation{})
	before := s.countClients()
	for name, token := range map[string]string{"none": "", "unknown": store.NewSecret(), "used": used, "expired": expired, "a client secret": appSecret} {
		a := s.register(token, body)
		wantError(t, a, 401, "invalid_token")
		if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: no challenge", name)
		}
	}
	// From the header alone: a query ends up in logs, and Basic is for clients.
	b := s.browser()
	for _, set := range []func(*http.Request){
		func(r *http.Request) { r.URL.RawQuery = "access_token=" + good },
		func(r *http.Request) { r.Header.Set("Authorization", "Basic "+good) },
		func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + good, "Bearer " + good} },
	} {
		r := b.request("POST", "/o/register", nil)
		r.Body, r.Header["Content-Type"] = io.NopCloser(strings.NewReader(body)), []string{"application/json"}
		set(r)
		wantError(t, b.do(r), 401, "invalid_token")
	}
	if s.countClients() != before {
		t.Error("a client was made")
	}
	// Of many at once one gets it.
	var mu sync.Mutex
	got := map[int]int{}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			a := s.register(good, body)
			mu.Lock()
			got[a.StatusCode]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if got[http.StatusCreated] != 1 || s.countClients() != before+1 {
		t.Errorf("32 at once: %v", got)
	}
	// Guessing is slowed down, and does not stop who has a token.
	for range 60 {
		s.register(store.NewSecret(), body)
	}
	if a := s.register(store.NewSecret(), body); a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("the sixty-first guess: %d", a.StatusCode)
	}
	if a := s.register(s.invite(store.Invitation{}), body); a.StatusCode != http.StatusCreated {
		t.Errorf("who has one from the same network: %s", a.body)
	}
}

func TestRegistrationIsOff(t *testing.T) {
	s := newServer(t)
	token := s.invite(store.Invitation{})
	if a := s.register(token, shopMetadata); a.StatusCode != http.StatusNotFound {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if d := s.browser().get("/.well-known/openid-configuration").decode(t); d["registration_endpoint"] != nil {
		t.Errorf("it is in the metadata: %v", d)
	}
	on := newServer(t, withRegistration)
	for _, at := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		if d := on.browser().get(at).decode(t); d["registration_endpoint"] != on.issuer+"/o/register" {
			t.Errorf("%s: %v", at, d["registration_endpoint"])
		}
	}
}

// registered is a client that registered itself.
func (s *server) registered(t *testing.T, body string) (id, token, secret string) {
	t.Helper()
	v := s.register(s.invite(store.Invitation{Origins: shopOrigins}), body).decode(t)
	id, _ = v["client_id"].(string)
	token, _ = v["registration_access_token"].(string)
	secret, _ = v["client_secret"].(string)
	if id == "" || token == "" {
		t.Fatalf("not registered: %v", v)
	}
	return id, token, secret
}

func TestRFC7592Section21(t *testing.T) {
	s := newServer(t, withRegistration)
	id, token, secret := s.registered(t, shopMetadata)
	for _, at := range []string{"/o/register/" + id, "/o/register/" + id + "/"} {
		v := s.send("GET", at, token, "").decode(t)
		if v["client_id"] != id || v["client_name"] != "The Shop" || v["registration_access_token"] != token ||
			v["registration_client_uri"] != s.issuer+"/o/register/"+id || v["backchannel_logout_uri"] != "https://shop.example.com/bye" {
			t.Errorf("read: %v", v)
		}
	}
	// A secret that was rotated is learnt so.
	s.update(func(tx store.WriteTx) error {
		c, err := tx.Client(id)
		if err != nil {
			return err
		}
		c.Secrets[0].ExpiresAt = s.clock.now().Add(time.Hour)
		c.Secrets = append(c.Secrets, store.ClientSecret{Sealed: s.key.Seal(store.ClientSecretPurpose(id), []byte("rotated"))})
		return tx.PutClient(c)
	})
	if v := s.send("GET", "/o/register/"+id, token, "").decode(t); v["client_secret"] != "rotated" || v["client_secret_expires_at"] != 0.0 {
		t.Errorf("rotated: %v", v)
	}
	other, otherToken, _ := s.registered(t, shopMetadata)
	access := s.browser().tokens("openid").access
	for _, test := range []struct{ id, token string }{
		{id, ""}, {id, "wrong"}, {id, otherToken}, {other, token}, {id, secret}, {id, access}, {"nobody", token},
		{"app", token}, {"gate", token}, {"off", token}, {id + "x", token}, {"%2e%2e", token}, {"%00", token},
	} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			body := ""
			if method == "PUT" {
				body = `{"client_id":"` + test.id + `","redirect_uris":["https://evil.example.com/cb"]}`
			}
			wantError(t, s.send(method, "/o/register/"+test.id, test.token, body), 401, "invalid_token")
		}
	}
	if c := s.storedClient(id); c.RedirectURIs[0] != "https://shop.example.com/cb" {
		t.Errorf("a stranger changed it: %+v", c)
	}
	// Disabled, it changes nothing any more.
	s.update(func(tx store.WriteTx) error {
		c, err := tx.Client(id)
		if err != nil {
			return err
		}
		c.Disabled = true
		return tx.PutClient(c)
	})
	wantError(t, s.send("GET", "/o/register/"+id, token, ""), 401, "invalid_token")
}

func TestRFC7592Section22(t *testing.T) {
	s := newServer(t, withRegistration)
	id, token, secret := s.registered(t, shopMetadata)
	at := "/o/register/" + id
	for _, test := range []struct{ body, code string }{
		{`{"redirect_uris":["https://shop.example.com/new"]}`, "invalid_client_metadata"},
		{`{"client_id":"gate","redirect_uris":["https://shop.example.com/new"]}`, "invalid_client_metadata"},
		{`{"client_id":"` + id + `","redirect_uris":["http://shop.example.com/new"]}`, "invalid_redirect_uri"},
		{`{"client_id":"` + id + `","client_secret":"mine","redirect_uris":["https://shop.example.com/new"]}`, "invalid_client_metadata"},
		{`{"client_id":"` + id + `","token_endpoint_auth_method":"none","redirect_uris":["https://shop.example.com/new"]}`, "invalid_client_metadata"},
		{`{"client_id":"` + id + `","backchannel_logout_uri":"http://localhost:2019/stop","redirect_uris":["http://localhost:2019/x"]}`, "invalid_redirect_uri"},
		{`{"client_id":"` + id + `","backchannel_logout_uri":"https://10.0.0.7/stop","redirect_uris":["https://shop.example.com/cb"]}`, "invalid_client_metadata"},
	} {
		wantError(t, s.send("PUT", at, token, test.body), 400, test.code)
	}
	if c := s.storedClient(id); !slices.Equal(c.RedirectURIs, []string{"https://shop.example.com/cb"}) {
		t.Fatalf("a mistake changed it: %+v", c)
	}
	// It replaces: what is left out or null is no more.
	v := s.send("PUT", at, token, `{"client_id":"`+id+`","client_secret":"`+secret+`","redirect_uris":["https://shop.example.com/new"],"client_name":null}`).decode(t)
	if v["client_name"] != "shop.example.com" || v["backchannel_logout_uri"] != nil || v["registration_access_token"] != token {
		t.Errorf("updated: %v", v)
	}
	if a := s.browser().authorize(authQuery(id, "https://shop.example.com/cb")); a.StatusCode != http.StatusBadRequest {
		t.Errorf("the old redirect URI: %d", a.StatusCode)
	}
	code := s.browser().code(authQuery(id, "https://shop.example.com/new"))
	if a := s.token(as(id, secret), codeForm(code, "https://shop.example.com/new")); a.StatusCode != http.StatusOK {
		t.Errorf("its secret stays: %s", a.body)
	}
}

// What an administrator narrows stays so, and nothing else is.
func TestRFC7592WhatAnAdministratorNarrows(t *testing.T) {
	s := newServer(t, withRegistration)
	clients := manage.Clients{Manager: &manage.Manager{Store: s.store, Schema: store.DefaultSchema(), Now: s.clock.now}}
	const device = `"grant_types":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:device_code"]`
	all := store.ClientSettings{}
	for _, c := range []struct {
		name   string
		change func(*store.ClientSettings)
		says   string
		status int
		want   store.ClientSettings // of which scopes, grant types and PAR count
	}{
		{"nothing of it", func(c *store.ClientSettings) {
			c.Name, c.GrantTypes = "Shop", []string{"refresh_token", "authorization_code"}
		}, device, 200,
			store.ClientSettings{GrantTypes: []string{"authorization_code", "refresh_token", store.GrantDevice}}},
		{"scopes, not said", func(c *store.ClientSettings) { c.Scopes = []string{"openid"} }, `"a":1`, 200, store.ClientSettings{Scopes: []string{"openid"}}},
		{"scopes", func(c *store.ClientSettings) { c.Scopes = []string{"openid"} }, `"scope":"openid email"`, 400, store.ClientSettings{Scopes: []string{"openid"}}},
		{"scopes, more", func(c *store.ClientSettings) { c.Scopes = []string{"openid", "invoices:read"} }, `"scope":"invoices:read"`, 200, store.ClientSettings{Scopes: []string{"invoices:read"}}},
		{"grant types, not said", func(c *store.ClientSettings) { c.GrantTypes = []string{"authorization_code"} }, `"a":1`, 200, store.ClientSettings{GrantTypes: []string{"authorization_code"}}},
		{"grant types", func(c *store.ClientSettings) { c.GrantTypes = []string{"authorization_code"} }, device, 400, store.ClientSettings{GrantTypes: []string{"authorization_code"}}},
		{"PAR", func(c *store.ClientSettings) { c.RequirePAR = true }, `"require_pushed_authorization_requests":false`, 200, store.ClientSettings{RequirePAR: true}},
		{"nothing", func(*store.ClientSettings) {}, `"a":1`, 200, all},
	} {
		id, token, _ := s.registered(t, `{"redirect_uris":["https://shop.example.com/cb"]}`)
		if err := clients.Change(t.Context(), manage.Actor{}, id, func(n *store.ClientSettings) error { c.change(n); return nil }); err != nil {
			t.Fatal(err)
		}
		a := s.send("PUT", "/o/register/"+id, token, `{"client_id":"`+id+`","redirect_uris":["https://shop.example.com/cb"],`+c.says+`}`)
		got := s.storedClient(id)
		if a.StatusCode != c.status || !slices.Equal(got.Scopes, c.want.Scopes) || !slices.Equal(got.GrantTypes, c.want.GrantTypes) || got.RequirePAR != c.want.RequirePAR {
			t.Errorf("%s: %d %s\n%+v", c.name, a.StatusCode, a.body, got.ClientSettings)
		}
	}
}

func TestRFC7592Section23(t *testing.T) {
	s := newServer(t, withRegistration)
	id, token, secret := s.registered(t, shopMetadata)
	code := s.browser().code(authQuery(id, "https://shop.example.com/cb", "scope", "openid email"))
	tok := tokensOf(t, s.token(as(id, secret), codeForm(code, "https://shop.example.com/cb")))
	if a := s.send("DELETE", "/o/register/"+id, token, ""); a.StatusCode != http.StatusNoContent || a.body != "" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	wantError(t, s.token(as(id, secret), refreshForm(tok.refresh)), 401, "invalid_client")
	wantError(t, s.call("GET", "/o/userinfo", "Bearer "+tok.access, nil), 401, "invalid_token")
	wantError(t, s.send("GET", "/o/register/"+id, token, ""), 401, "invalid_token")
	wantError(t, s.send("DELETE", "/o/register/"+id, token, ""), 401, "invalid_token")
	if a := s.send("POST", "/o/register/"+id, token, "{}"); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", a.StatusCode)
	}
}

// Whatever is sent, it is refused, or makes a client that breaks no rule.
func FuzzRegister(f *testing.F) {
	s := newServer(f, withRegistration)
	f.Add(shopMetadata)
	f.Add(`{"redirect_uris":["https://x.example.com/cb"],"grant_types":["client_credentials"],"jwks":{"keys":[]}}`)
	f.Add(`{"redirect_uris":["com.example.app:/cb"],"token_endpoint_auth_method":"none"}`)
	f.Add(`{"redirect_uris":["http://127.0.0.1/oidc/callback"],"backchannel_logout_uri":"http://127.0.0.1/stop"}`)
	f.Add(`{"redirect_uris":[null],"scope":"` + "\x00" + `"}`)
	f.Fuzz(func(t *testing.T, body string) {
		s := &server{t: t, p: s.p, store: s.store, clock: s.clock}
		token := s.invite(store.Invitation{})
		w := s.serve("POST", "/o/register", "application/json", body, "Authorization", "Bearer "+token)
		if w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w.Code != http.StatusCreated {
			return
		}
		var v struct {
			ID    string `json:"client_id"`
			Token string `json:"registration_access_token"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		c := s.storedClient(v.ID)
		if c.SkipConsent || c.AllowNoPKCE || c.Format != "" {
			t.Errorf("it has %+v", c)
		}
		for _, target := range []string{c.SyncTarget(), c.LogoutTarget()} {
			if target != "" { // nobody named it
				t.Errorf("the server would call %s", target)
			}
		}
		if w := s.serve("DELETE", "/o/register/"+v.ID, "", "", "Authorization", "Bearer "+v.Token); w.Code != http.StatusNoContent {
			t.Errorf("it cannot be deleted: %d %s", w.Code, w.Body)
		}
	})
}
