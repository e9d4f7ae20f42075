package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// Every error but those of client and redirect URI goes back to the client,
// with state and iss.
func TestErrorsRedirectWithStateAndIssuer(t *testing.T) {
	s := newServer(t)
	for code, sets := range map[string][][]string{
		"invalid_request": {
			{"response_type", ""}, {"code_challenge", ""}, {"prompt", "none login"}, {"prompt", "sing"},
			{"max_age", "-1"}, {"max_age", "soon"}, {"response_mode", "fragment"}, {"nonce", strings.Repeat("n", 2000)},
			{"id_token_hint", "x.y.z"},
		},
		"unsupported_response_type":  {{"response_type", "token"}},
		"invalid_scope":              {{"scope", ""}, {"scope", "unheard-of"}, {"scope", "open\"id"}},
		"request_not_supported":      {{"request", "eyJhbGciOiJub25lIn0.e30."}},
		"request_uri_not_supported":  {{"request_uri", "https://app.example.com/request"}},
		"registration_not_supported": {{"registration", "{}"}},
		"login_required":             {{"prompt", "none"}},
	} {
		for _, set := range sets {
			a := s.browser().authorize(authQuery("app", appRedirect, set...))
			u := a.location()
			q := u.Query()
			if a.StatusCode != http.StatusSeeOther || u.Host != "app.example.com" || q.Get("error") != code ||
				q.Get("state") != "st&te" || q.Get("iss") != s.issuer || q.Get("keep") != "1" || q.Get("code") != "" {
				t.Errorf("%v: %d %s; want %s", set, a.StatusCode, u, code)
			}
		}
	}
	u := s.browser().authorize(authQuery("narrow", "https://narrow.example.com/cb", "scope", "openid groups")).location()
	if u.Query().Get("error") != "invalid_scope" {
		t.Errorf("scope kept from the client: %s", u)
	}
	q := authQuery("app", appRedirect)
	q.Add("scope", "read")
	if u := s.browser().authorize(q).location(); u.Query().Get("error") != "invalid_request" || u.Query().Get("state") != "st&te" {
		t.Errorf("duplicate scope: %s", u)
	}
	q = authQuery("app", appRedirect)
	q.Add("state", "other")
	if u := s.browser().authorize(q).location(); u.Query().Get("error") != "invalid_request" || u.Query().Has("state") {
		t.Errorf("duplicate state: %s", u)
	}
}

func TestUnknownScopesAreLeftOut(t *testing.T) {
	s := newServer(t)
	code := s.browser().code(authQuery("app", appRedirect, "scope", "openid adress unheard-of openid"))
	if v := s.token(as("app", appSecret), codeForm(code, appRedirect)).decode(t); v["scope"] != "openid" {
		t.Errorf("scope %v", v["scope"])
	}
}

func TestStateComesBackAsItWas(t *testing.T) {
	s := newServer(t)
	for _, state := range []string{"", " ", "ä\n\r\x00\"'<>&=%", strings.Repeat("x", 4000)} {
		q := authQuery("gate", "https://wiki.example.com/oidc/callback")
		q.Set("state", state)
		u := s.browser().follow(s.browser().authorize(q))
		if !u.Query().Has("state") || u.Query().Get("state") != state {
			t.Errorf("%q came back as %q", state, u.Query().Get("state"))
		}
	}
}

// A post from the client's site (which brings no cookies) ends where a GET does.
func TestAuthorizeByPost(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	req := b.request("POST", "/o/authorize", authQuery("gate", "https://wiki.example.com/oidc/callback"))
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if u := b.follow(b.do(req)); u.Query().Get("code") == "" || u.Query().Get("state") != "st&te" {
		t.Errorf("ends at %s", u)
	}
	evil := authQuery("gate", "https://evil.example.net/")
	if a := b.get(b.post("/o/authorize", evil).Header.Get("Location")); a.StatusCode != http.StatusBadRequest {
		t.Errorf("by post a wrong redirect URI is %d", a.StatusCode)
	}
	if a := b.do(b.request("HEAD", "/o/authorize?"+authQuery("gate", "https://wiki.example.com/oidc/callback").Encode(), nil)); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %d", a.StatusCode)
	}
}

func TestFormPost(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	a := b.authorize(authQuery("gate", "https://wiki.example.com/oidc/callback", "response_mode", "form_post", "state", `"><script>`))
	if a.StatusCode != http.StatusOK || a.field("code") == "" || a.field("state") != `"><script>` || a.field("iss") != s.issuer ||
		!strings.Contains(a.body, `action="https://wiki.example.com/oidc/callback"`) || strings.Contains(a.body, `"><script>`) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https:") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("CSP %s", csp)
	}
	a = s.browser().authorize(authQuery("gate", "https://wiki.example.com/oidc/callback", "response_mode", "form_post", "prompt", "none"))
	if a.StatusCode != http.StatusOK || a.field("error") != "login_required" || a.field("iss") != s.issuer {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// No browser posts a form to an app's own scheme: its code would go back to the
// server.
func TestFormPostToAnApp(t *testing.T) {
	s := newServer(t)
	s.update(func(tx store.WriteTx) error {
		return tx.PutClient(&store.Client{ID: "phone", ClientSettings: store.ClientSettings{SkipConsent: true, Public: true, RedirectURIs: []string{"com.example.app:/cb"}}})
	})
	b := s.browser().signIn("alice", alicePassword)
	for mode, want := range map[string]string{"form_post": "error=invalid_request", "query": "code="} {
		a := b.authorize(authQuery("phone", "com.example.app:/cb", "response_mode", mode))
		if to := a.Header.Get("Location"); !strings.HasPrefix(to, "com.example.app:/cb?") || !strings.Contains(to, want) {
			t.Errorf("%s: %d %s %s", mode, a.StatusCode, to, a.body)
		}
	}
}

// Any program can ask as an app on the person's machine, so what they agreed to
// counts once (RFC 8252 section 8.6).
func TestConsentToAppsCountsOnce(t *testing.T) {
	s := newServer(t)
	uris := []string{"com.example.app:/cb", "http://127.0.0.1/cb", "http://[::1]/cb", "https://app.example.com/cb", "http://localhost/cb"}
	s.update(func(tx store.WriteTx) error {
		for _, c := range []*store.Client{
			{ID: "phone", ClientSettings: store.ClientSettings{Public: true, RedirectURIs: uris}}, {ID: "first", ClientSettings: store.ClientSettings{Public: true, SkipConsent: true, RedirectURIs: uris}},
		} {
			if err := tx.PutClient(c); err != nil {
				return err
			}
		}
		return nil
	})
	for uri, again := range map[string]bool{
		uris[0]: true, uris[1]: true, "http://127.0.0.1:4711/cb": true, "http://[::1]:4711/cb": true, uris[3]: false, uris[4]: false,
	} {
		b := s.browser().signIn("alice", alicePassword)
		if a := b.authorize(authQuery("first", uri)); !strings.Contains(a.Header.Get("Location"), "code=") {
			t.Errorf("%s: who skips consent is led to %s", uri, a.Header.Get("Location"))
		}
		s.update(func(tx store.WriteTx) error {
			return tx.PutConsent(&store.Consent{UserID: 1, ClientID: "phone", Scopes: store.Scopes(), GrantedAt: s.clock.now()})
		})
		s.clock.add(time.Minute)
		a := b.authorize(authQuery("phone", uri))
		if asked := strings.Contains(a.Header.Get("Location"), "/o/consent?"); asked != again {
			t.Errorf("%s: led to %s", uri, a.Header.Get("Location"))
		}
		if !again {
			continue
		}
		if none := b.authorize(authQuery("phone", uri, "prompt", "none")).Header.Get("Location"); !strings.Contains(none, "error=consent_required") {
			t.Errorf("%s, prompt=none: led to %s", uri, none)
		}
		if end := b.follow(a); end.Query().Get("code") == "" {
			t.Errorf("%s: after consent led to %s", uri, end)
		}
	}
}

// prompt=login asks once, whatever session there is, and then is satisfied.
func TestPromptLogin(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	for _, prompt := range []string{"login", "login select_account", "login consent"} {
		s.clock.add(time.Minute)
		q := authQuery("gate", "https://wiki.example.com/oidc/callback", "prompt", prompt)
		a := b.authorize(q)
		if a.location().Path != "/o/login" {
			t.Fatalf("%s leads to %s", prompt, a.location())
		}
		s.clock.add(time.Second)
		u := b.follow(a)
		tok := tokensOf(t, s.token(as("gate", "gate-secret"), codeForm(u.Query().Get("code"), "https://wiki.example.com/oidc/callback")))
		if at := claimsOf(t, tok.id)["auth_time"]; at != float64(s.clock.now().Unix()) {
			t.Errorf("%s: auth_time %v", prompt, at)
		}
	}
}

// The memory that a step was done cannot be made up, moved to another request,
// or kept.
func TestPromptLoginCannotBeSkipped(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	s.clock.add(time.Minute)
	q := authQuery("gate", "https://wiki.example.com/oidc/callback", "prompt", "login")
	back, err := url.ParseQuery(b.authorize(q).location().Query().Get("continue"))
	if err != nil {
		t.Fatal(err)
	}
	asked := back.Get("caddyito_asked")
	if a := b.authorize(back); a.location().Path != "/o/login" {
		t.Errorf("going back without signing in leads to %s", a.location())
	}
	for name, value := range map[string]string{"made up": "1.x", "of old": "1." + asked[strings.Index(asked, ".")+1:], "zero": "0", "empty": "."} {
		q.Set("caddyito_asked", value)
		if a := b.authorize(q); a.location().Path != "/o/login" {
			t.Errorf("%s: leads to %s", name, a.location())
		}
	}
	s.clock.add(time.Second)
	b.signIn("alice", alicePassword)
	other := authQuery("gate", "https://wiki.example.com/oidc/callback", "prompt", "login", "state", "another")
	other.Set("caddyito_asked", asked)
	if a := b.authorize(other); a.location().Path != "/o/login" {
		t.Errorf("memory of another request leads to %s", a.location())
	}
	s.clock.add(2 * time.Hour)
	if a := b.authorize(back); a.location().Path != "/o/login" {
		t.Errorf("old memory leads to %s", a.location())
	}
}

// A program that comes as a browser of its own, or sends the person's browser here
// while it waits, gets nothing by what they then do for the app itself.
func TestWhatIsDoneForOneRequestIsForNoOther(t *testing.T) {
	s := newServer(t)
	const native = "com.example.app:/cb"
	s.update(func(tx store.WriteTx) error {
		return tx.PutClient(&store.Client{ID: "phone", ClientSettings: store.ClientSettings{Public: true, RedirectURIs: []string{native}}})
	})
	phone, app := []string{"phone", native}, []string{"app", appRedirect}
	for _, c := range []struct {
		name        string
		client      []string
		prompt      string
		sameBrowser bool
		leads       string
	}{
		{"app of the machine", phone, "", false, "/o/consent"},
		{"app of the machine, in the person's browser", phone, "", true, "/o/consent"},
		{"prompt=consent", app, "consent", false, "/o/consent"},
		{"prompt=consent, in the person's browser", app, "consent", true, "/o/consent"},
		{"prompt=login", app, "login", false, "/o/login"},
	} {
		b := s.browser().signIn("alice", alicePassword)
		begins := s.browser()
		if c.sameBrowser {
			begins = b
		}
		others := authQuery(c.client[0], c.client[1], "prompt", c.prompt, "state", "another's")
		led := begins.authorize(others).location().Query()
		goOn := led.Get("continue") + led.Get("request")
		if !strings.Contains(goOn, "caddyito_asked") {
			t.Fatalf("%s: nothing to go on with: %v", c.name, led)
		}
		s.clock.add(time.Minute)
		b.signIn("alice", alicePassword)
		b.code(authQuery(c.client[0], c.client[1], "prompt", c.prompt))
		if a := b.get("/o/authorize?" + goOn); a.location().Path != c.leads {
			t.Errorf("%s: led to %s", c.name, a.Header.Get("Location"))
		}
	}
}

// Whose yes it was counts: after another sign-in they are asked again.
func TestAYesIsOfOneSession(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	page := b.get(b.authorize(authQuery("app", appRedirect, "prompt", "consent")).Header.Get("Location"))
	back := b.post("/o/consent", page.form("decision", "allow")).Header.Get("Location")
	b.signIn("alice", alicePassword)
	if a := b.get(back); a.location().Path != "/o/consent" {
		t.Errorf("led to %s", a.Header.Get("Location"))
	}
}

func TestMaxAge(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	s.clock.add(100 * time.Second)
	const uri = "https://wiki.example.com/oidc/callback"
	if u := b.authorize(authQuery("gate", uri, "max_age", "101")).location(); u.Query().Get("code") == "" {
		t.Errorf("young enough, yet %s", u)
	}
	if u := b.authorize(authQuery("gate", uri, "max_age", "99", "prompt", "none")).location(); u.Query().Get("error") != "login_required" {
		t.Errorf("too old, yet %s", u)
	}
	for _, age := range []string{"99", "0"} {
		a := b.authorize(authQuery("gate", uri, "max_age", age))
		if a.location().Path != "/o/login" {
			t.Fatalf("too old, yet %s", a.location())
		}
		s.clock.add(time.Second)
		if u := b.follow(a); u.Query().Get("code") == "" {
			t.Errorf("afterwards %s", u)
		}
		s.clock.add(100 * time.Second)
	}
}

func TestPromptNone(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	q := authQuery("app", appRedirect, "prompt", "none")
	if u := b.authorize(q).location(); u.Query().Get("error") != "login_required" {
		t.Errorf("nobody signed in: %s", u)
	}
	b.signIn("alice", alicePassword)
	if u := b.authorize(q).location(); u.Query().Get("error") != "consent_required" {
		t.Errorf("nothing agreed: %s", u)
	}
	b.code(authQuery("app", appRedirect))
	if u := b.authorize(q).location(); u.Query().Get("code") == "" {
		t.Errorf("signed in and agreed: %s", u)
	}
}

// A client that names by a hint who it means gets nobody else.
func TestIDTokenHint(t *testing.T) {
	s := newServer(t)
	hint := s.browser().tokens("openid").id // alice
	b := s.browser().signIn("bob", "bob's password")
	const uri = "https://wiki.example.com/oidc/callback"
	if u := b.authorize(authQuery("gate", uri, "prompt", "none", "id_token_hint", hint)).location(); u.Query().Get("error") != "login_required" {
		t.Errorf("bob in alice's place: %s", u)
	}
	a := b.authorize(authQuery("gate", uri, "id_token_hint", hint))
	if a.location().Path != "/o/login" {
		t.Fatalf("bob in alice's place: %s", a.location())
	}
	s.clock.add(time.Second)
	if u := b.get(b.login(a, "bob", "bob's password").Header.Get("Location")).location(); u.Query().Get("error") != "login_required" {
		t.Errorf("bob again: %s", u)
	}
	s.clock.add(24 * time.Hour) // an expired hint is fine
	if u := b.follow(b.authorize(authQuery("gate", uri, "id_token_hint", hint))); u.Query().Get("code") == "" {
		t.Errorf("alice: %s", u)
	}
}

// Consent is asked once for each scope, remembered, and each time if the client
// wants it so.
func TestConsent(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	path := func(set ...string) string { return b.authorize(authQuery("app", appRedirect, set...)).location().Path }
	if p := path("scope", "openid email"); p != "/o/consent" {
		t.Fatalf("first time: %s", p)
	}
	b.code(authQuery("app", appRedirect, "scope", "openid email"))
	for want, sets := range map[string][]string{"/cb": {"scope", "openid"}, "/o/consent": {"scope", "openid groups"}} {
		if p := path(sets...); p != want {
			t.Errorf("%v leads to %s", sets, p)
		}
	}
	b.code(authQuery("app", appRedirect, "scope", "openid groups"))
	if p := path("scope", "openid email groups"); p != "/cb" {
		t.Errorf("what was agreed to in two parts: %s", p)
	}
	s.clock.add(time.Second)
	q := authQuery("app", appRedirect, "scope", "openid", "prompt", "consent")
	a := b.authorize(q)
	if a.location().Path != "/o/consent" {
		t.Errorf("prompt=consent leads to %s", a.location())
	}
	if u := b.follow(a); u.Query().Get("code") == "" {
		t.Errorf("and then to %s", u)
	}
	if a := s.browser().signIn("bob", "bob's password").authorize(authQuery("app", appRedirect)); a.location().Path != "/o/consent" {
		t.Errorf("alice's yes holds for bob: %s", a.location())
	}
}

func TestConsentPage(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	page := b.get(b.authorize(authQuery("app", appRedirect)).Header.Get("Location"))
	for _, want := range []string{"The App", "https://app.example.com", "Alice Lidell", "e-mail address"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	a := b.post("/o/consent", page.form("decision", "deny"))
	if q := a.location().Query(); a.StatusCode != 303 || q.Get("error") != "access_denied" || q.Get("state") != "st&te" || q.Get("iss") != s.issuer {
		t.Errorf("no: %d %s", a.StatusCode, a.location())
	}
	s.update(func(tx store.WriteTx) error {
		if _, err := tx.Consent(1, "app"); err == nil {
			t.Error("a no is remembered as a yes")
		}
		return nil
	})
}

// A yes counts only of who may go on: not of who knows the password alone, nor of who
// is in none of the client's groups.
func TestConsentIsForWhoMayGoOn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*server)
		status int
		path   string
	}{
		"second factor": {func(s *server) { s.addTOTP(1) }, http.StatusSeeOther, "/o/second-factor"},
		"groups":        {func(s *server) { s.allowGroups("board") }, http.StatusForbidden, ""},
	} {
		s := newServer(t)
		b := s.browser().signIn("alice", alicePassword)
		at := b.authorize(authQuery("app", appRedirect)).Header.Get("Location")
		yes := b.get(at).form("decision", "allow")
		c.change(s)
		for what, a := range map[string]*answer{"the page": b.get(at), "a yes": b.post("/o/consent", yes)} {
			if a.StatusCode != c.status || a.location().Path != c.path {
				t.Errorf("%s, %s: %d to %s", name, what, a.StatusCode, a.Header.Get("Location"))
			}
		}
		s.update(func(tx store.WriteTx) error {
			if _, err := tx.Consent(1, "app"); err == nil {
				t.Errorf("%s: the yes is kept", name)
			}
			return nil
		})
	}
}

// A yes counts only from the form that was shown, for this request, in this
// session.
func TestConsentIsBound(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	small := b.get(b.authorize(authQuery("app", appRedirect, "scope", "openid")).Header.Get("Location"))
	large := b.get(b.authorize(authQuery("app", appRedirect, "scope", "openid read offline_access")).Header.Get("Location"))
	moved := large.form("decision", "allow")
	moved.Set("csrf", small.field("csrf"))
	none := small.form("decision", "allow")
	none.Del("csrf")
	unclear := small.form("decision", "perhaps")
	for name, form := range map[string]url.Values{"token of another request": moved, "no token": none, "neither yes nor no": unclear} {
		if a := b.post("/o/consent", form); a.StatusCode == http.StatusSeeOther {
			t.Errorf("%s: led to %s", name, a.location())
		}
	}
	stranger := s.browser().signIn("bob", "bob's password")
	if a := stranger.post("/o/consent", small.form("decision", "allow")); a.StatusCode == http.StatusSeeOther {
		t.Errorf("alice's form in bob's browser: %s", a.location())
	}
	cross := b.request("POST", "/o/consent", small.form("decision", "allow"))
	cross.Header.Set("Sec-Fetch-Site", "cross-site")
	if a := b.do(cross); a.StatusCode == http.StatusSeeOther {
		t.Errorf("from another site: %s", a.location())
	}
	s.update(func(tx store.WriteTx) error {
		for _, id := range []int64{1, 2} {
			if _, err := tx.Consent(id, "app"); err == nil {
				t.Errorf("user %d agreed to something", id)
			}
		}
		return nil
	})
	if a := s.browser().post("/o/consent", small.form("decision", "allow")); !strings.HasPrefix(a.Header.Get("Location"), s.issuer+"/o/authorize?") {
		t.Errorf("signed out: %d %s", a.StatusCode, a.location())
	}
}

// A code ends after a minute.
func TestCodeExpires(t *testing.T) {
	s := newServer(t)
	form := codeForm(s.browser().code(authQuery("app", appRedirect)), appRedirect)
	s.clock.add(time.Minute)
	wantError(t, s.token(as("app", appSecret), form), 400, "invalid_grant")
}

// Steps hand back only authorization requests: no address gets in.
func TestNoStepLeadsElsewhere(t *testing.T) {
	s := newServer(t)
	for _, evil := range []string{
		"https://evil.example.net/", "//evil.example.net", "/\\evil.example.net", "javascript:alert(1)",
		"client_id=app&redirect_uri=https://evil.example.net/", "client_id=nobody&redirect_uri=" + url.QueryEscape(appRedirect),
		"%zz", "?" + authQuery("app", appRedirect).Encode(), "\r\nLocation: https://evil.example.net",
	} {
		b := s.browser()
		page := b.get("/o/login")
		a := b.post("/o/login", page.form("username", "alice", "password", alicePassword, "continue", evil))
		if loc := a.Header.Get("Location"); loc != "" {
			t.Errorf("%q leads to %s", evil, loc)
		}
		if a := b.get("/o/login?continue=" + url.QueryEscape(evil)); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%q shows %d", evil, a.StatusCode)
		}
	}
	b := s.browser()
	a := b.login(b.authorize(authQuery("app", appRedirect)), "alice", alicePassword)
	if !strings.HasPrefix(a.Header.Get("Location"), s.issuer+"/o/authorize?") {
		t.Errorf("login leads to %s", a.location())
	}
}

// Signed out between the steps and the code: no code.
func TestSessionEndedMeanwhile(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	b.code(authQuery("app", appRedirect))
	s.editUser(1, func(u *store.User) { u.IsActive = false })
	if a := b.authorize(authQuery("app", appRedirect)); a.location().Path != "/o/login" {
		t.Errorf("a disabled user gets to %s", a.location())
	}
}
