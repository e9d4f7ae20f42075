package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// house is a gate with what is around it.
type house struct {
	t      *testing.T
	gate   *Gate
	issuer *fakeIssuer
	store  store.Store
	clock  *clock
	log    *logBuffer
}

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
	c.t = c.t.Add(d)
	c.mu.Unlock()
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func openStore(t testing.TB) store.Store {
	s, err := boltstore.Open(filepath.Join(t.TempDir(), "auth.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newHouse(t *testing.T, change ...func(*Config)) *house {
	t.Helper()
	h := &house{t: t, issuer: newFakeIssuer(t), store: openStore(t), clock: &clock{t: time.Now()}, log: &logBuffer{}}
	h.issuer.now = h.clock.now
	h.gate = h.newGate(change...)
	t.Cleanup(func() { h.checkLog() })
	return h
}

func (h *house) newGate(change ...func(*Config)) *Gate {
	h.t.Helper()
	c := Config{
		Name: "wiki", Issuer: testIssuer, ClientID: testClient, ClientSecret: testSecret,
		Origins: []string{"https://wiki.example.com"}, Store: h.store, Key: [32]byte{1}, Transport: h.issuer,
		Logger: slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: h.clock.now,
		Public: []string{"/public/*", "/health"},
	}
	for _, f := range change {
		f(&c)
	}
	g, err := New(c)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(g.Close)
	return g
}

// checkLog finds secrets that went into the log.
func (h *house) checkLog() {
	text := h.log.String()
	h.issuer.mu.Lock()
	defer h.issuer.mu.Unlock()
	for _, secret := range []string{"access-", testSecret, "code_verifier", "eyJ"} {
		if strings.Contains(text, secret) {
			h.t.Errorf("the log holds %q:\n%s", secret, text)
		}
	}
}

func (h *house) update(fn func(store.WriteTx) error) {
	h.t.Helper()
	if err := h.store.Update(context.Background(), fn); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) setUser(id string, change func(*store.Record)) {
	h.t.Helper()
	h.update(func(tx store.WriteTx) error {
		rec, err := tx.MirrorRecord("wiki", store.UserType, id)
		if err != nil {
			return err
		}
		if rec.Version > 0 {
			rec.Version++
		}
		change(rec)
		return tx.PutMirrorRecord("wiki", rec)
	})
}

// ours makes the issuer one of our kind, whose user has a company.
func (h *house) ours() {
	h.issuer.profile = map[string]any{
		"id": 1, "version": 12, "username": "ann", "email": "ann@example.com", "email_verified": true,
		"first_name": "Ann", "last_name": "Lee", "groups": []string{"staff", "dev"}, "is_active": true, "is_staff": true,
		"company": map[string]any{
			"type": "company", "id": 7, "version": 3, "name": "Acme", "primary_activity": "Buyer",
			"country": map[string]any{"type": "country", "id": 2, "version": 1, "name": "Norway"},
		},
	}
}

// seen is what the app was given; it fails the test if the app was not reached.
func seen(t *testing.T, w *httptest.ResponseRecorder) http.Header {
	t.Helper()
	if w.Code != 200 || w.Header().Get("X-App") == "" {
		t.Fatalf("did not reach the app: %d %v %s", w.Code, w.Header(), w.Body)
	}
	var v struct{ Header http.Header }
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v.Header
}

// text is a page without its style.
func text(body string) string {
	if _, after, ok := strings.Cut(body, "<main>"); ok {
		body, _, _ = strings.Cut(after, "</main>")
	}
	return body
}

func wantStatus(t *testing.T, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d; %v %s", w.Code, status, w.Header(), text(w.Body.String()))
	}
	if w.Header().Get("X-App") != "" {
		t.Fatal("it reached the app")
	}
}

func TestTheWholeJourney(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)

	w := b.signIn(h.issuer, "/page?a=1&b=%2F")
	wantStatus(t, w, 303)
	if to := w.Header().Get("Location"); to != "/page?a=1&b=%2F" {
		t.Fatalf("came back to %q", to)
	}
	cookie := w.Header().Values("Set-Cookie")
	if len(cookie) != 1 || !strings.HasPrefix(cookie[0], "__Host-caddyito-wiki=") ||
		!strings.Contains(cookie[0], "Secure") || !strings.Contains(cookie[0], "HttpOnly") ||
		!strings.Contains(cookie[0], "SameSite=Lax") || !strings.Contains(cookie[0], "Path=/;") || strings.Contains(cookie[0], "Domain") {
		t.Fatalf("cookies %q", cookie)
	}

	w = b.get("/page?a=1&b=%2F")
	got := seen(t, w)
	for name, want := range map[string]string{
		"Remote-User": "ann", "Remote-Email": "ann@example.com", "Remote-Name": "Ann Lee", "Remote-Groups": "dev,staff",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
	if got.Get("Cookie") != "" {
		t.Errorf("the app sees the gate's cookies: %q", got.Get("Cookie"))
	}
	if w.Header().Get("Cache-Control") != "private" || w.Header().Get("Vary") != "Cookie" {
		t.Errorf("not private: %v", w.Header())
	}
	h.issuer.mu.Lock()
	revoked := len(h.issuer.revoked)
	h.issuer.mu.Unlock()
	if revoked != 1 {
		t.Errorf("%d tokens revoked, want 1", revoked)
	}

	// Sign out, through the issuer and back.
	b.header.Set("Sec-Fetch-Site", "same-origin")
	w = b.get("/oidc/logout")
	wantStatus(t, w, 303)
	to := w.Header().Get("Location")
	for _, part := range []string{testIssuer + "/end?", "id_token_hint=eyJ", "client_id=wiki", "post_logout_redirect_uri=https%3A%2F%2Fwiki.example.com%2F"} {
		if !strings.Contains(to, part) {
			t.Errorf("logout goes to %q, without %q", to, part)
		}
	}
	wantStatus(t, b.get("/page"), 302)
}

func TestProfileOfOurServer(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		c.Headers = append(DefaultHeaders(), Header{"X-Company", "company.name"}, Header{"X-Country", "company.country.name"},
			Header{"X-Id", "id"}, Header{"X-Staff", "is_staff"}, Header{"X-None", "company.none"})
	})
	h.ours()
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	got := seen(t, b.get("/"))
	for name, want := range map[string]string{
		"X-Company": "Acme", "X-Country": "Norway", "X-Id": "1", "X-Staff": "true", "X-None": "",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
	w := b.get("/oidc/me/")
	var me struct {
		ID      int
		Name    string
		Groups  []string
		Company struct {
			ID      int
			Type    string
			Name    string
			Country struct{ Name string }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &me); err != nil || w.Code != 200 {
		t.Fatal(err, w.Code, w.Body)
	}
	if me.ID != 1 || me.Name != "Ann Lee" || me.Company.Name != "Acme" || me.Company.Type != "company" || me.Company.ID != 7 ||
		me.Company.Country.Name != "Norway" || len(me.Groups) != 2 {
		t.Errorf("me: %s", w.Body)
	}

	// A change of the company alone is in the next request.
	h.update(func(tx store.WriteTx) error {
		return tx.PutMirrorRecord("wiki", &store.Record{Type: "company", ID: "7", Version: 20, Fields: store.Fields{"name": "Umbrella"}})
	})
	if got := seen(t, b.get("/")).Get("X-Company"); got != "Umbrella" {
		t.Errorf("X-Company is %q after the company changed", got)
	}
	// A login with an older profile does not bring the old name back.
	b2 := newBrowser(h.gate)
	wantStatus(t, b2.signIn(h.issuer, "/"), 303)
	if got := seen(t, b2.get("/")).Get("X-Company"); got != "Umbrella" {
		t.Errorf("an old profile replaced a newer record: %q", got)
	}
}

func TestNobodyIsSignedInAtMe(t *testing.T) {
	h := newHouse(t)
	w := newBrowser(h.gate).get("/oidc/me")
	wantStatus(t, w, 401)
	if w.Header().Get("Content-Type") != "application/problem+json" {
		t.Error(w.Header())
	}
}

// bareGate has no store that works.
func bareGate(t testing.TB, change ...func(*Config)) *Gate {
	c := Config{
		Name: "wiki", Issuer: testIssuer, ClientID: testClient, ClientSecret: testSecret,
		Origins: []string{"https://wiki.example.com"}, Store: brokenStore{}, Key: [32]byte{1}, Transport: newFakeIssuer(t),
		Public: []string{"/public/*", "/health"},
	}
	for _, f := range change {
		f(&c)
	}
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// brokenStore fails on purpose.
type brokenStore struct{ store.Store }

func (brokenStore) View(context.Context, func(store.ReadTx) error) error    { return store.ErrClosed }
func (brokenStore) Update(context.Context, func(store.WriteTx) error) error { return store.ErrClosed }
func (brokenStore) Watch(func(store.Event)) func()                          { return func() {} }
