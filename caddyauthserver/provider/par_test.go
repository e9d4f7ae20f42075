package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

const (
	wikiRedirect     = "https://wiki.example.com/oidc/callback"
	requestURIPrefix = "urn:ietf:params:oauth:request_uri:"
)

// push pushes q, as the client of the Authorization header if there is one.
func (s *server) push(authorization string, q url.Values) *answer {
	s.t.Helper()
	return s.call("POST", "/o/par", authorization, q)
}

// pushed is the request by the name of what was pushed.
func (s *server) pushed(authorization string, q url.Values) url.Values {
	s.t.Helper()
	a := s.push(authorization, q)
	uri, _ := a.decode(s.t)["request_uri"].(string)
	if a.StatusCode != http.StatusCreated || !strings.HasPrefix(uri, requestURIPrefix) {
		s.t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	return url.Values{"client_id": {q.Get("client_id")}, "request_uri": {uri}}
}

// wantPage checks that a person is told, and nobody is redirected.
func wantPage(t testing.TB, name string, a *answer) {
	t.Helper()
	if a.StatusCode != http.StatusBadRequest || a.Header.Get("Location") != "" || !strings.Contains(a.body, "<html") {
		t.Errorf("%s: %d to %q", name, a.StatusCode, a.Header.Get("Location"))
	}
}

// What was pushed is what counts, through login and consent, for clients with a
// secret and without.
func TestRFC9126Push(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct{ id, redirect, authorization string }{
		{"app", appRedirect, as("app", appSecret)},
		{"spa", spaRedirect, ""},
	} {
		a := s.push(c.authorization, authQuery(c.id, c.redirect))
		v := a.decode(t)
		if a.StatusCode != http.StatusCreated || v["expires_in"] != 90.0 || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %d %s %v", c.id, a.StatusCode, a.body, a.Header)
		}
		uri := v["request_uri"].(string)
		if len(uri) != len(requestURIPrefix)+43 {
			t.Errorf("request_uri %s", uri)
		}
		b := s.browser()
		u := b.follow(b.authorize(url.Values{"client_id": {c.id}, "request_uri": {uri}}))
		q := u.Query()
		if !strings.HasPrefix(u.String(), c.redirect) || q.Get("state") != "st&te" || q.Get("iss") != s.issuer {
			t.Fatalf("%s: led to %s", c.id, u)
		}
		form := codeForm(q.Get("code"), c.redirect)
		if c.authorization == "" {
			form.Set("client_id", c.id)
		}
		tok := tokensOf(t, s.token(c.authorization, form))
		if claimsOf(t, tok.id)["nonce"] != "n0nce" {
			t.Errorf("%s: nonce %v", c.id, claimsOf(t, tok.id)["nonce"])
		}
	}
}

// Section 2.1: the client shows who it is, as at the token endpoint, and may then
// leave client_id out.
func TestRFC9126ClientAuthentication(t *testing.T) {
	s := newServer(t)
	q := authQuery("app", appRedirect)
	for name, a := range map[string]*answer{
		"no secret":          s.push("", q),
		"wrong secret":       s.push(as("app", "wrong"), q),
		"unknown client":     s.push("", authQuery("nobody", appRedirect)),
		"disabled client":    s.push("", authQuery("off", "https://off.example.com/cb")),
		"secret of a public": s.push(as("spa", "x"), authQuery("spa", spaRedirect)),
	} {
		wantError(t, a, http.StatusUnauthorized, "invalid_client")
		if a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", name)
		}
	}
	wantError(t, s.push(as("app", appSecret), authQuery("spa", spaRedirect)), http.StatusBadRequest, "invalid_request")
	s.pushed("", authQuery("app", appRedirect, "client_secret", appSecret))
	q.Del("client_id")
	if a := s.push(as("app", appSecret), q); a.StatusCode != http.StatusCreated {
		t.Errorf("client_id only in the header: %d %s", a.StatusCode, a.body)
	}
	if a := s.call("GET", "/o/par?"+authQuery("app", appRedirect).Encode(), as("app", appSecret), nil); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", a.StatusCode)
	}
}

// The secret by which a client pushes is not kept with what it pushes, nor is the
// request_uri.
func TestPushedRequestKeepsNoSecret(t *testing.T) {
	s := newServer(t)
	q := s.pushed("", authQuery("app", appRedirect, "client_secret", appSecret))
	s.update(func(tx store.WriteTx) error {
		kept, err := tx.Ticket("par", store.HashOf(q.Get("request_uri")))
		if err != nil {
			return err
		}
		if v, _ := url.ParseQuery(kept.Data); v.Get("client_id") != "app" || v.Has("client_secret") || strings.Contains(kept.Data, url.QueryEscape(appSecret)) {
			t.Errorf("kept: %s", kept.Data)
		}
		return nil
	})
}

// Section 2.3: what is wrong with a request is said at once, to the client.
func TestRFC9126ErrorResponse(t *testing.T) {
	s := newServer(t)
	app := as("app", appSecret)
	for name, c := range map[string]struct {
		set  []string
		code string
	}{
		"unregistered redirect": {[]string{"redirect_uri", "https://evil.example.net/"}, "invalid_request"},
		"no redirect":           {[]string{"redirect_uri", ""}, "invalid_request"},
		"no response type":      {[]string{"response_type", ""}, "invalid_request"},
		"implicit":              {[]string{"response_type", "token"}, "unsupported_response_type"},
		"no PKCE":               {[]string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
		"plain PKCE":            {[]string{"code_challenge_method", "plain"}, "invalid_request"},
		"no scope":              {[]string{"scope", ""}, "invalid_scope"},
		"bad hint":              {[]string{"id_token_hint", "x"}, "invalid_request"},
		"request_uri":           {[]string{"request_uri", requestURIPrefix + "x"}, "invalid_request"},
		"request":               {[]string{"request", "x"}, "request_not_supported"},
	} {
		a := s.push(app, authQuery("app", appRedirect, c.set...))
		if v := a.decode(t); a.StatusCode != http.StatusBadRequest || v["error"] != c.code || v["request_uri"] != nil || a.Header.Get("Location") != "" {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	twice := authQuery("app", appRedirect)
	twice["scope"] = []string{"openid", "email"}
	wantError(t, s.push(app, twice), http.StatusBadRequest, "invalid_request")
	for _, n := range []int{17 << 10, 65 << 10} {
		wantError(t, s.push(app, authQuery("app", appRedirect, "login_hint", strings.Repeat("x", n))), http.StatusRequestEntityTooLarge, "invalid_request")
	}
}

// Sections 4 and 7.3: one request_uri, one code, of however many at once.
func TestRFC9126SingleUseInParallel(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	gate := as("gate", "gate-secret")
	for range 5 {
		q := s.pushed(gate, authQuery("gate", wikiRedirect))
		codes := make(chan string, 64)
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				a := b.authorize(q)
				if code := a.location().Query().Get("code"); code != "" {
					codes <- code
				} else if a.StatusCode != http.StatusBadRequest {
					t.Errorf("%d to %s", a.StatusCode, a.location())
				}
			})
		}
		wg.Wait()
		if len(codes) != 1 {
			t.Fatalf("%d codes", len(codes))
		}
		wantPage(t, "afterwards", b.authorize(q))
		tokensOf(t, s.token(gate, codeForm(<-codes, wikiRedirect)))
	}
}

// Sections 2.2 and 4: for 90 seconds, for the client that pushed it, and nothing
// made up.
func TestRFC9126BoundAndExpiring(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	gate := as("gate", "gate-secret")
	q := s.pushed(gate, authQuery("gate", wikiRedirect))
	with := func(set ...string) url.Values {
		v := url.Values{"client_id": q["client_id"], "request_uri": q["request_uri"]}
		for i := 0; i < len(set); i += 2 {
			v.Set(set[i], set[i+1])
		}
		return v
	}
	two := url.Values{"client_id": {"gate"}, "request_uri": {q.Get("request_uri"), "https://elsewhere.example.net/"}}
	wantPage(t, "of another client", b.authorize(with("client_id", "spa")))
	wantPage(t, "of an unknown client", b.authorize(with("client_id", "nobody")))
	wantPage(t, "made up", b.authorize(with("request_uri", requestURIPrefix+store.NewSecret())))
	wantPage(t, "empty", b.authorize(with("request_uri", requestURIPrefix)))
	wantPage(t, "longer", b.authorize(with("request_uri", q.Get("request_uri")+"x")))
	wantPage(t, "two", b.authorize(two))
	wantPage(t, "no client", b.authorize(with("client_id", "")))
	wantPage(t, "at login", b.get("/o/login?continue="+url.QueryEscape(with("client_id", "spa").Encode())))
	s.clock.add(89 * time.Second)
	if u := b.authorize(q).location(); u.Query().Get("code") == "" {
		t.Errorf("in time: led to %s", u)
	}
	q = s.pushed(gate, authQuery("gate", wikiRedirect))
	s.clock.add(90 * time.Second)
	wantPage(t, "expired", b.authorize(q))
	wantPage(t, "with a forged memory", b.authorize(with("request_uri", q.Get("request_uri"), "caddyito_asked", "1.x")))
}

// Who came in time has as long for login and consent as anybody, and no longer.
func TestPushedRequestLastsThroughTheSteps(t *testing.T) {
	s := newServer(t)
	push := func() url.Values { return s.pushed(as("app", appSecret), authQuery("app", appRedirect)) }
	b := s.browser()
	page := b.get(b.authorize(push()).Header.Get("Location"))
	s.clock.add(50 * time.Minute)
	if u := b.follow(b.login(page, "alice", alicePassword)); u.Query().Get("code") == "" {
		t.Errorf("led to %s", u)
	}
	late := s.browser()
	page = late.get(late.authorize(push()).Header.Get("Location"))
	s.clock.add(61 * time.Minute)
	wantPage(t, "after an hour", late.post("/o/login", page.form("username", "alice", "password", alicePassword)))
	// The memory of one is none of another.
	other := push()
	v, err := url.ParseQuery(s.browser().authorize(push()).location().Query().Get("continue"))
	if err != nil || v.Get("caddyito_asked") == "" {
		t.Fatal(v, err)
	}
	s.clock.add(2 * time.Minute)
	other.Set("caddyito_asked", v.Get("caddyito_asked"))
	wantPage(t, "the memory of another", s.browser().authorize(other))
}

// RFC 9101 section 6.3: what stands beside request_uri counts for nothing.
func TestRFC9126OnlyWhatWasPushedCounts(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	gate := as("gate", "gate-secret")
	q := s.pushed(gate, authQuery("gate", wikiRedirect, "scope", "openid", "state", ""))
	for name, value := range map[string]string{
		"redirect_uri": "https://evil.example.net/", "scope": "openid read offline_access", "state": "evil", "response_mode": "form_post",
		"prompt": "none login", "code_challenge": "evil", "request": "x", "response_type": "token", "nonce": "evil",
	} {
		q.Set(name, value)
	}
	q.Add("scope", "twice")
	u := b.authorize(q).location()
	if u.Host != "wiki.example.com" || u.Query().Get("code") == "" || u.Query().Has("state") {
		t.Fatalf("led to %s", u)
	}
	if v := s.token(gate, codeForm(u.Query().Get("code"), wikiRedirect)).decode(t); v["scope"] != "openid" {
		t.Errorf("%v", v)
	}
}

// An error that the client is told ends the request too.
func TestPushedRequestEndsWithAnError(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	q := s.pushed(as("app", appSecret), authQuery("app", appRedirect))
	page := b.get(b.authorize(q).Header.Get("Location"))
	if u := b.post("/o/consent", page.form("decision", "deny")).location(); u.Query().Get("error") != "access_denied" {
		t.Errorf("no leads to %s", u)
	}
	wantPage(t, "after a no", b.authorize(q))
	wantPage(t, "a yes after a no", b.post("/o/consent", page.form("decision", "allow")))

	q = s.pushed(as("app", appSecret), authQuery("app", appRedirect, "prompt", "none"))
	if u := s.browser().authorize(q).location(); u.Query().Get("error") != "login_required" || u.Query().Get("state") != "st&te" {
		t.Errorf("nobody signed in leads to %s", u)
	}
	wantPage(t, "after login_required", b.authorize(q))

	// What was right when it was pushed may be wrong now.
	q = s.pushed(as("narrow", "narrow-secret"), authQuery("narrow", "https://narrow.example.com/cb", "scope", "openid email"))
	s.update(func(tx store.WriteTx) error {
		c, err := tx.Client("narrow")
		if err != nil {
			return err
		}
		c.Scopes = []string{"openid"}
		return tx.PutClient(c)
	})
	if u := b.authorize(q).location(); u.Query().Get("error") != "invalid_scope" {
		t.Errorf("a scope that was taken away leads to %s", u)
	}
}

// Section 6: a client can be held to push.
func TestRFC9126Required(t *testing.T) {
	s := newServer(t)
	s.update(func(tx store.WriteTx) error {
		return tx.PutClient(&store.Client{ID: "pusher", ClientSettings: store.ClientSettings{
			Public: true, SkipConsent: true, RequirePAR: true, RedirectURIs: []string{"https://pusher.example.com/cb"}}})
	})
	b := s.browser().signIn("alice", alicePassword)
	q := authQuery("pusher", "https://pusher.example.com/cb")
	if u := b.authorize(q).location(); u.Host != "pusher.example.com" || u.Query().Get("error") != "invalid_request" || u.Query().Get("state") != "st&te" {
		t.Errorf("in the query: led to %s", u)
	}
	if u := b.authorize(s.pushed("", q)).location(); u.Query().Get("code") == "" {
		t.Errorf("pushed: led to %s", u)
	}
}

// Section 5: metadata. A request_uri of any other kind is refused as ever.
func TestRFC9126Metadata(t *testing.T) {
	s := newServer(t)
	v := s.call("GET", "/.well-known/openid-configuration", "", nil).decode(t)
	if v["pushed_authorization_request_endpoint"] != s.issuer+"/o/par" || v["require_pushed_authorization_requests"] != false {
		t.Errorf("%v", v)
	}
	for _, uri := range []string{"https://app.example.com/request.jwt", "urn:example:x", strings.ToUpper(requestURIPrefix) + "x"} {
		u := s.browser().authorize(authQuery("app", appRedirect, "request_uri", uri)).location()
		if u.Query().Get("error") != "request_uri_not_supported" {
			t.Errorf("%s: led to %s", uri, u)
		}
	}
}

// Strangers can name a public client; what they have written down is bounded.
// That stops no client that has a secret.
func TestPushesOfPublicClientsAreLimited(t *testing.T) {
	s := newServer(t)
	q := authQuery("spa", spaRedirect)
	taken := 0
	var last *answer
	for range 100 {
		if last = s.push("", q); last.StatusCode == http.StatusCreated {
			taken++
		}
	}
	wantError(t, last, http.StatusTooManyRequests, "slow_down")
	if taken != 50 || last.Header.Get("Retry-After") != "4" {
		t.Errorf("%d were taken; Retry-After %s", taken, last.Header.Get("Retry-After"))
	}
	s.pushed(as("app", appSecret), authQuery("app", appRedirect))
	s.clock.add(3 * time.Second)
	s.pushed("", q)
}

// Whatever is pushed is answered in JSON, and whatever is named as pushed ends at
// a page or at a registered redirect URI.
func FuzzPAR(f *testing.F) {
	s := newServer(f)
	f.Add(authQuery("app", appRedirect).Encode(), requestURIPrefix+"x")
	f.Add(authQuery("app", appRedirect, "request_uri", requestURIPrefix).Encode(), requestURIPrefix)
	f.Add(authQuery("app", "https://evil.example.net/").Encode(), "urn:x")
	f.Add("client_id=app&client_id=app", "https://app.example.com/x")
	f.Add("client_id=%zz;caddyito_asked=1.2", requestURIPrefix+strings.Repeat("a", 43))
	f.Fuzz(func(t *testing.T, body, uri string) {
		w := s.serve("POST", "/o/par", "application/x-www-form-urlencoded", body, "Authorization", as("app", appSecret))
		switch w.Code {
		case http.StatusCreated:
			if !strings.HasPrefix(w.Body.String(), `{"expires_in":90,"request_uri":"`+requestURIPrefix) {
				t.Fatalf("%s", w.Body)
			}
			if v, err := url.ParseQuery(body); err != nil || v.Get("redirect_uri") != appRedirect && v.Get("redirect_uri") != "https://app.example.com/other" {
				t.Fatalf("%q was taken", body)
			}
		case 400, 401, 413:
			if !strings.HasPrefix(w.Body.String(), `{"error":"`) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		w = s.serve("GET", "/o/authorize?"+url.Values{"client_id": {"app"}, "request_uri": {uri}}.Encode(), "", "")
		if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" {
			t.Fatalf("%q: %d to %q", uri, w.Code, w.Header().Get("Location"))
		}
	})
}
