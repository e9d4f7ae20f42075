package provider_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// logs collects what a provider logs.
type logs struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// server is a provider behind a real HTTP server, with a few users and clients.
type server struct {
	t      testing.TB
	url    string // where it is reached
	issuer string
	p      *provider.Provider
	store  store.Store
	key    store.MasterKey
	clock  *clock
	logs   *logs
	path   string // of the database
	srv    *httptest.Server
}

const (
	alicePassword = "correct horse battery"
	appSecret     = "app-secret: with %20 & spécial+chars"
	appRedirect   = "https://app.example.com/cb?keep=1"
	appLoggedOut  = "https://app.example.com/bye"
	spaRedirect   = "https://spa.example.com/cb"
)

// hashes are made once: they cost what they should.
var hashOf = func() func(testing.TB, string) string {
	var mu sync.Mutex
	made := map[string]string{}
	h := password.New(password.Params{})
	return func(t testing.TB, pw string) string {
		mu.Lock()
		defer mu.Unlock()
		if made[pw] == "" {
			var err error
			if made[pw], err = h.Hash(context.Background(), pw); err != nil {
				t.Fatal(err)
			}
		}
		return made[pw]
	}
}()

type option func(*provider.Config)

func newServer(t testing.TB, opts ...option) *server {
	t.Helper()
	s := &server{
		t: t, path: filepath.Join(t.TempDir(), "auth.db"), key: store.NewMasterKey(), logs: new(logs),
		clock: &clock{t: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)},
	}
	s.open(opts...)
	s.seed()
	return s
}

// open starts the provider over the database at s.path; after close, again.
func (s *server) open(opts ...option) {
	s.t.Helper()
	st, err := boltstore.Open(s.path, boltstore.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.store = st
	s.srv = httptest.NewUnstartedServer(nil)
	s.url = "http://" + s.srv.Listener.Addr().String()
	if s.issuer == "" {
		s.issuer = s.url
	}
	c := provider.Config{
		Issuer: s.issuer, Store: st, MasterKey: s.key, Now: s.clock.now,
		Logger:       slog.New(slog.NewTextHandler(s.logs, nil)),
		StaticClient: staticClients,
	}
	for _, o := range opts {
		o(&c)
	}
	s.issuer = c.Issuer
	if s.p, err = provider.New(c); err != nil {
		s.t.Fatal(err)
	}
	s.srv.Config.Handler = s.p
	s.srv.Start()
	srv, p := s.srv, s.p
	s.t.Cleanup(func() { srv.Close(); p.Close(); st.Close() })
}

func (s *server) close() {
	s.srv.Close()
	s.p.Close()
	if err := s.store.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// staticClients are: a first-party gate, and one without a secret that nobody
// declared public.
func staticClients(id string) (*provider.StaticClient, bool) {
	switch id {
	case "gate":
		return &provider.StaticClient{Client: store.Client{ID: "gate", ClientSettings: store.ClientSettings{
			Name:                   "Wiki",
			SkipConsent:            true,
			RedirectURIs:           []string{"https://wiki.example.com/oidc/callback"},
			PostLogoutRedirectURIs: []string{"https://wiki.example.com/"},
		}}, Secret: "gate-secret"}, true
	case "nosecret":
		return &provider.StaticClient{Client: store.Client{ID: "nosecret", ClientSettings: store.ClientSettings{
			SkipConsent:  true,
			RedirectURIs: []string{"https://nosecret.example.com/cb"},
		}}}, true
	}
	return nil, false
}

func (s *server) seed() {
	s.t.Helper()
	now := s.clock.now()
	aliceHash, bobHash := hashOf(s.t, alicePassword), hashOf(s.t, "bob's password")
	s.update(func(tx store.WriteTx) error {
		company := &store.Object{Type: "company", Fields: store.Fields{"name": "Acme", "primary_activity": "Buyer"}}
		if err := store.SaveObject(tx, store.DefaultSchema(), company); err != nil {
			return err
		}
		users := []*store.User{
			{Username: "alice", Email: "alice@example.com", EmailVerified: true, FirstName: "Alice", LastName: "Lidell", Groups: []string{"editors"}, IsActive: true, DateJoined: now,
				Fields: store.Fields{"company": store.Ref{Type: "company", ID: company.ID}}},
			{Username: "bob", IsActive: true, IsSuperuser: true, IsStaff: true, DateJoined: now},
			{Username: "disabled", IsActive: false, DateJoined: now},
		}
		for i, hash := range []string{aliceHash, bobHash, aliceHash} {
			if err := store.SaveUser(tx, store.DefaultSchema(), users[i]); err != nil {
				return err
			}
			if err := tx.PutCredential(&store.Credential{UserID: users[i].ID, PasswordHash: hash}); err != nil {
				return err
			}
		}
		clients := []*store.Client{
			{ID: "app", Secrets: []store.ClientSecret{
				{Sealed: s.key.Seal(store.ClientSecretPurpose("app"), []byte(appSecret))},
				{Sealed: s.key.Seal(store.ClientSecretPurpose("app"), []byte("rotated-away")), ExpiresAt: now.Add(time.Hour)},
			}, ClientSettings: store.ClientSettings{
				Name:                   "The App",
				RedirectURIs:           []string{appRedirect, "https://app.example.com/other"},
				PostLogoutRedirectURIs: []string{appLoggedOut},
			}},
			{ID: "spa", ClientSettings: store.ClientSettings{Name: "Single Page", Public: true, RedirectURIs: []string{spaRedirect}}},
			{ID: "nopkce", Secrets: []store.ClientSecret{{Sealed: s.key.Seal(store.ClientSecretPurpose("nopkce"), []byte("nopkce-secret"))}}, ClientSettings: store.ClientSettings{
				SkipConsent:  true,
				AllowNoPKCE:  true,
				RedirectURIs: []string{"https://nopkce.example.com/cb"},
			}},
			{ID: "narrow", Secrets: []store.ClientSecret{{Sealed: s.key.Seal(store.ClientSecretPurpose("narrow"), []byte("narrow-secret"))}}, ClientSettings: store.ClientSettings{
				SkipConsent:  true,
				Scopes:       []string{"openid", "email"},
				RedirectURIs: []string{"https://narrow.example.com/cb"},
			}},
			{ID: "off", Disabled: true, ClientSettings: store.ClientSettings{RedirectURIs: []string{"https://off.example.com/cb"}}},
		}
		for _, c := range clients {
			if err := tx.PutClient(c); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *server) update(fn func(store.WriteTx) error) {
	s.t.Helper()
	if err := s.store.Update(context.Background(), fn); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) editUser(id int64, edit func(*store.User)) {
	s.t.Helper()
	s.update(func(tx store.WriteTx) error {
		u, err := tx.User(id)
		if err != nil {
			return err
		}
		edit(u)
		return store.SaveUser(tx, store.DefaultSchema(), u)
	})
}

// browser keeps cookies and follows no redirects.
type browser struct {
	*server
	t   testing.TB
	jar *cookiejar.Jar
}

func (s *server) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{s, s.t, jar}
}

// answer is a response that was read.
type answer struct {
	*http.Response
	body string
}

func (b *browser) do(req *http.Request) *answer {
	b.t.Helper()
	c := &http.Client{Jar: b.jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return &answer{resp, string(body)}
}

func (b *browser) get(target string) *answer {
	b.t.Helper()
	return b.do(b.request("GET", target, nil))
}

func (b *browser) post(target string, form url.Values) *answer {
	b.t.Helper()
	return b.do(b.request("POST", target, form))
}

func (b *browser) request(method, target string, form url.Values) *http.Request {
	b.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.url + target
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

func (a *answer) location() *url.URL {
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		panic(err)
	}
	return u
}

// field is the value of a hidden field of the page.
func (a *answer) field(name string) string {
	m := regexp.MustCompile(`name="` + name + `"[^>]* value="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// href is where the link of that id leads.
func (a *answer) href(id string) string {
	m := regexp.MustCompile(`id="` + id + `" href="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// form is the page's form with its hidden fields.
func (a *answer) form(add ...string) url.Values {
	v := url.Values{}
	for _, name := range []string{"csrf", "continue", "request", "token", "add", "factor"} {
		if s := a.field(name); s != "" {
			v.Set(name, s)
		}
	}
	for i := 0; i < len(add); i += 2 {
		v.Set(add[i], add[i+1])
	}
	return v
}

// decode reads a JSON answer.
func (a *answer) decode(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("status %d, not JSON: %s", a.StatusCode, a.body)
	}
	return v
}

const verifier = "verifier-verifier-verifier-verifier-verifier"

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authQuery is a good authorization request; set changes it, "" takes away.
func authQuery(client, redirect string, set ...string) url.Values {
	q := url.Values{
		"client_id": {client}, "redirect_uri": {redirect}, "response_type": {"code"},
		"scope": {"openid profile email groups"}, "state": {"st&te"}, "nonce": {"n0nce"},
		"code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(set); i += 2 {
		if set[i+1] == "" {
			q.Del(set[i])
		} else {
			q.Set(set[i], set[i+1])
		}
	}
	return q
}

func (b *browser) authorize(q url.Values) *answer {
	b.t.Helper()
	return b.get("/o/authorize?" + q.Encode())
}

// login signs in at the login page that a led to, and returns where that leads.
func (b *browser) login(a *answer, username, password string) *answer {
	b.t.Helper()
	page := a
	if a.StatusCode == http.StatusSeeOther {
		page = b.get(a.Header.Get("Location"))
	}
	if page.StatusCode != http.StatusOK || page.field("csrf") == "" {
		b.t.Fatalf("no login page but %d: %s", page.StatusCode, page.body)
	}
	return b.post("/o/login", page.form("username", username, "password", password))
}

// signIn signs in without any client.
func (b *browser) signIn(username, password string) *browser {
	b.t.Helper()
	a := b.login(b.get("/o/login"), username, password)
	if a.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("cannot sign in: %d %s", a.StatusCode, a.body)
	}
	return b
}

// follow goes on, through login and consent, until the client's redirect URI.
func (b *browser) follow(a *answer) *url.URL {
	b.t.Helper()
	for range 10 {
		if a.StatusCode != http.StatusSeeOther {
			b.t.Fatalf("stuck at %d: %s", a.StatusCode, a.body)
		}
		u := a.location()
		switch {
		case !strings.HasPrefix(u.String(), b.url):
			return u
		case u.Path == "/o/login":
			a = b.login(a, "alice", alicePassword)
		case u.Path == "/o/consent":
			a = b.post("/o/consent", b.get(u.String()).form("decision", "allow"))
		default:
			a = b.get(u.String())
		}
	}
	b.t.Fatal("goes round in circles")
	return nil
}

// code is a code for the request, through login and consent.
func (b *browser) code(q url.Values) string {
	b.t.Helper()
	u := b.follow(b.authorize(q))
	if u.Query().Get("code") == "" {
		b.t.Fatalf("no code but %s", u)
	}
	return u.Query().Get("code")
}

// as is the Authorization header of a client, encoded as RFC 6749 has it.
func as(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// token posts to the token endpoint; authorization may be "".
func (s *server) token(authorization string, form url.Values) *answer {
	s.t.Helper()
	return s.call("POST", "/o/token", authorization, form)
}

func (s *server) call(method, target, authorization string, form url.Values) *answer {
	s.t.Helper()
	b := s.browser()
	req := b.request(method, target, form)
	req.Header.Set("Accept", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return b.do(req)
}

func codeForm(code, redirect string, set ...string) url.Values {
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier}}
	for i := 0; i < len(set); i += 2 {
		if set[i+1] == "" {
			v.Del(set[i])
		} else {
			v.Set(set[i], set[i+1])
		}
	}
	return v
}

// tokens are what a login at client app gives.
type tokens struct{ access, refresh, id string }

func (b *browser) tokens(scope string) tokens {
	b.t.Helper()
	code := b.code(authQuery("app", appRedirect, "scope", scope))
	return tokensOf(b.t, b.token(as("app", appSecret), codeForm(code, appRedirect)))
}

func tokensOf(t testing.TB, a *answer) tokens {
	t.Helper()
	v := a.decode(t)
	if a.StatusCode != http.StatusOK {
		t.Fatalf("no tokens: %d %v", a.StatusCode, v)
	}
	text := func(name string) string { s, _ := v[name].(string); return s }
	return tokens{text("access_token"), text("refresh_token"), text("id_token")}
}

func refreshForm(refresh string, set ...string) url.Values {
	v := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
	for i := 0; i < len(set); i += 2 {
		v.Set(set[i], set[i+1])
	}
	return v
}

// wantError checks an OAuth error answer.
func wantError(t testing.TB, a *answer, status int, code string) {
	t.Helper()
	if a.StatusCode != status || a.decode(t)["error"] != code {
		t.Errorf("got %d %s; want %d %s", a.StatusCode, a.body, status, code)
	}
}
