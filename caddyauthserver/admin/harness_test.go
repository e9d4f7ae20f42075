package admin_test

import (
	"context"
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

// everyonesPassword is the one of all people of the tests.
const everyonesPassword = "correct horse battery"

var everyonesHash = sync.OnceValue(func() string {
	hash, err := password.New(password.Params{}).Hash(context.Background(), everyonesPassword)
	if err != nil {
		panic(err)
	}
	return hash
})

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

// server is a provider with administration, behind a real HTTP server.
type server struct {
	t     testing.TB
	url   string
	store store.Store
	clock *clock
}

// newServer has two superusers, two of the staff, and two people.
func newServer(t testing.TB, opts ...func(*provider.Config)) *server {
	t.Helper()
	st, err := boltstore.Open(filepath.Join(t.TempDir(), "auth.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(nil)
	s := &server{t: t, url: "http://" + srv.Listener.Addr().String(), store: st,
		clock: &clock{t: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}}
	c := provider.Config{
		Issuer: s.url, Store: st, MasterKey: store.NewMasterKey(), Now: s.clock.now,
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, o := range opts {
		o(&c)
	}
	p, err := provider.New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = p
	srv.Start()
	t.Cleanup(func() { srv.Close(); p.Close(); st.Close() })
	for _, u := range []*store.User{
		{Username: "root", IsSuperuser: true, IsStaff: true},
		{Username: "root2", IsSuperuser: true},
		{Username: "sam", IsStaff: true},
		{Username: "sue", IsStaff: true},
		{Username: "ada", FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.com", Groups: []string{"editors"}},
		{Username: "bob"},
	} {
		s.addUser(u)
	}
	return s
}

// addUser writes a person with everyonesPassword, active from now on.
func (s *server) addUser(u *store.User) *store.User {
	s.t.Helper()
	u.IsActive, u.DateJoined = true, s.clock.now()
	s.update(func(tx store.WriteTx) error {
		if err := store.SaveUser(tx, store.DefaultSchema(), u); err != nil {
			return err
		}
		return tx.PutCredential(&store.Credential{UserID: u.ID, PasswordHash: everyonesHash()})
	})
	return u
}

func (s *server) update(fn func(store.WriteTx) error) {
	s.t.Helper()
	if err := s.store.Update(context.Background(), fn); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) view(fn func(store.ReadTx) error) {
	s.t.Helper()
	if err := s.store.View(context.Background(), fn); err != nil {
		s.t.Fatal(err)
	}
}

// user is as the store has them, nil if there is none.
func (s *server) user(name string) (u *store.User) {
	s.t.Helper()
	s.view(func(tx store.ReadTx) error {
		u, _ = tx.UserByUsername(name)
		return nil
	})
	return u
}

// giveFactor has somebody have an app of that name, by which nobody signs in.
func (s *server) giveFactor(userID int64, name string) {
	s.t.Helper()
	s.update(func(tx store.WriteTx) error {
		return tx.PutFactor(&store.Factor{UserID: userID, ID: store.NewSecret(), Kind: store.FactorTOTP, Name: name, CreatedAt: s.clock.now()})
	})
}

// passwordHash is that of a user, "" if they have no password.
func (s *server) passwordHash(id int64) (hash string) {
	s.t.Helper()
	s.view(func(tx store.ReadTx) error {
		if c, err := tx.Credential(id); err == nil {
			hash = c.PasswordHash
		}
		return nil
	})
	return hash
}

// browser keeps cookies and follows no redirects.
type browser struct {
	*server
	jar *cookiejar.Jar
	// forged is what the browser says where it is, "" for the truth.
	forged string
}

// answer is a response that was read.
type answer struct {
	*http.Response
	body string
	page string // all of it
}

func (s *server) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{server: s, jar: jar}
}

// as is the browser of somebody who is signed in.
func (s *server) as(username string) *browser {
	s.t.Helper()
	b := s.browser()
	a := b.post("/o/login", b.get("/o/login").form("username", username, "password", everyonesPassword))
	if a.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("%s cannot sign in: %d %s", username, a.StatusCode, a.body)
	}
	return b
}

func (b *browser) get(target string) *answer {
	b.t.Helper()
	return b.do("GET", target, "", nil)
}

func (b *browser) post(target string, form url.Values) *answer {
	b.t.Helper()
	return b.do("POST", target, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

func (b *browser) do(method, target, contentType string, body io.Reader) *answer {
	b.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.url + target
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	c := &http.Client{Jar: b.jar, Transport: forging(b.forged), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	_, shown, ok := strings.Cut(string(text), "</style>") // of no use to anybody who reads a failure
	if !ok {
		shown = string(text)
	}
	shown = strings.ReplaceAll(shown, "<wbr>", "") // where an address may break
	return &answer{resp, shown, string(text)}
}

// forging has requests say that they are for that host, with the cookies of the one
// they go to.
type forging string

func (f forging) RoundTrip(r *http.Request) (*http.Response, error) {
	if f != "" {
		r = r.Clone(r.Context())
		r.Host = string(f)
		r.Header.Set("X-Forwarded-Host", string(f))
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("Forwarded", "proto=https;host="+string(f))
	}
	return http.DefaultTransport.RoundTrip(r)
}

var hiddenField = regexp.MustCompile(`type="hidden" name="([a-z_]+)" value="([^"]*)"`)

// form is that of the page with its hidden fields and what is added.
func (a *answer) form(add ...string) url.Values {
	v := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(a.body, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	for i := 0; i < len(add); i += 2 {
		v.Set(add[i], add[i+1])
	}
	return v
}

func (a *answer) location() *url.URL {
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		panic(err)
	}
	return u
}
