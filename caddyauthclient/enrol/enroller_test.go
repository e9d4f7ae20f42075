package enrol

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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

// issuer is a server that takes one token once, and misbehaves on request.
type issuer struct {
	*httptest.Server
	mu         sync.Mutex // guards what follows
	spent      map[string]bool
	registered []Metadata
	updated    []map[string]any
	forgotten  bool
	rotated    string
	metadata   func(map[string]any)
	answer     func(w http.ResponseWriter, v map[string]any) bool // that it answered
	seen       []string                                           // tokens, of all requests
}

func startIssuer(t *testing.T) *issuer {
	t.Helper()
	s := &issuer{spent: map[string]bool{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.seen = append(s.seen, token)
	say := func(status int, v map[string]any) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/.well-known/"):
		v := map[string]any{"issuer": s.URL, "registration_endpoint": s.URL + "/register"}
		if s.metadata != nil {
			s.metadata(v)
		}
		say(200, v)
	case r.URL.Path == "/register":
		v := map[string]any{"client_id": "c1", "client_secret": strings.Repeat("s", 43), "registration_access_token": "manage", "registration_client_uri": s.URL + "/register/c1"}
		if s.answer != nil && s.answer(w, v) {
			return
		}
		if s.spent[token] || !strings.HasPrefix(token, "good") {
			say(401, map[string]any{"error": "invalid_token"})
			return
		}
		s.spent[token] = true
		var m Metadata
		body, _ := io.ReadAll(r.Body)
		json.Unmarshal(body, &m)
		s.registered = append(s.registered, m)
		say(201, v)
	case s.forgotten || token != "manage":
		say(401, map[string]any{"error": "invalid_token"})
	case r.Method == "PUT":
		var m map[string]any
		json.NewDecoder(r.Body).Decode(&m)
		s.updated = append(s.updated, m)
		say(200, m)
	default:
		v := map[string]any{"client_id": "c1"}
		if s.rotated != "" {
			v["client_secret"] = s.rotated
		}
		say(200, v)
	}
}

// count locks and counts.
func (s *issuer) count() (registered, updated int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.registered), len(s.updated)
}

type fixture struct {
	t     *testing.T
	db    store.Store
	path  string
	key   store.MasterKey
	logMu sync.Mutex
	log   strings.Builder
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, path: filepath.Join(t.TempDir(), "auth.db"), key: store.NewMasterKey()}
	var err error
	if f.db, err = boltstore.Open(f.path, boltstore.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.db.Close() })
	return f
}

func (f *fixture) Write(b []byte) (int, error) {
	f.logMu.Lock()
	defer f.logMu.Unlock()
	return f.log.Write(b)
}

func (f *fixture) logged() string {
	f.logMu.Lock()
	defer f.logMu.Unlock()
	return f.log.String()
}

func (f *fixture) enroller(issuer, token, site string) *Enroller {
	return &Enroller{
		Store: f.db, MasterKey: f.key, Issuer: issuer, Token: token, Transport: http.DefaultTransport, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(f, nil)),
		Metadata: Metadata{Name: "wiki", RedirectURIs: []string{site + "/oidc/callback"}, PostLogoutRedirectURIs: []string{site + "/"},
			BackchannelLogoutURI: site + "/oidc/backchannel-logout", SyncURL: site + "/oidc/sync"},
	}
}

// run runs it until the test ends, or what it returns is called.
func run(t *testing.T, e *Enroller) (enrolled chan *Registration, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	enrolled = make(chan *Registration, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.Run(ctx, func(r *Registration) { enrolled <- r })
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return enrolled, stop
}

func wait(t *testing.T, enrolled chan *Registration) *Registration {
	t.Helper()
	select {
	case r := <-enrolled:
		return r
	case <-time.After(30 * time.Second):
		t.Fatal("it does not enrol")
		return nil
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

const site = "https://wiki.example.com"

func TestEnrolOnce(t *testing.T) {
	f, s := newFixture(t), startIssuer(t)
	// Several at once, as nodes or an old and a new config are.
	var all []chan *Registration
	var stops []func()
	for range 4 {
		c, stop := run(t, f.enroller(s.URL, "good", site))
		all, stops = append(all, c), append(stops, stop)
	}
	for _, c := range all {
		if r := wait(t, c); r.ClientID != "c1" || r.ClientSecret == "" {
			t.Errorf("enrolled as %+v", r)
		}
	}
	for _, stop := range stops {
		stop()
	}
	again, _ := run(t, f.enroller(s.URL+"/", "good", site)) // the slash makes no other issuer
	wait(t, again)
	if n, _ := s.count(); n != 1 {
		t.Errorf("it registered %d times", n)
	}
	if m := s.registered[0]; m.Name != "wiki" || m.SyncURL != site+"/oidc/sync" || m.RedirectURIs[0] != site+"/oidc/callback" {
		t.Errorf("it said %+v", m)
	}
	// Sealed: nothing that opens a door is in the store or the log.
	var data string
	e := f.enroller(s.URL, "good", site)
	err := f.db.View(t.Context(), func(tx store.ReadTx) error {
		ticket, err := tx.Ticket(ticketKind, e.hash())
		if err == nil {
			data = ticket.Data
		}
		return err
	})
	if err != nil || strings.Contains(data+f.logged(), "manage") || strings.Contains(data+f.logged(), "sssss") || strings.Contains(f.logged(), "good") {
		t.Errorf("%v %s\n%s", err, data, f.logged())
	}
	// Another master key does not read it, and says so rather than enrol anew.
	e.MasterKey = store.NewMasterKey()
	if r, err := e.Stored(t.Context()); err == nil {
		t.Errorf("with another key: %+v", r)
	}
	// Another token is another enrolment.
	other, _ := run(t, f.enroller(s.URL, "good too", site))
	wait(t, other)
	if n, _ := s.count(); n != 2 {
		t.Errorf("with another token it registered %d times in all", n)
	}
}

func TestUpdatesWhatChanged(t *testing.T) {
	f, s := newFixture(t), startIssuer(t)
	first, stop := run(t, f.enroller(s.URL, "good", site))
	wait(t, first)
	stop()
	const moved = "https://new.example.com"
	for range 2 { // the second time nothing changed
		second, stop := run(t, f.enroller(s.URL, "good", moved))
		if r := wait(t, second); r.ClientID != "c1" {
			t.Errorf("moved, it is %+v", r)
		}
		eventually(t, "the server is not told", func() bool { _, n := s.count(); return n == 1 })
		e := f.enroller(s.URL, "good", moved)
		eventually(t, "it does not remember what it said", func() bool {
			r, err := e.Stored(t.Context())
			return err == nil && r.Registered.SyncURL == moved+"/oidc/sync"
		})
		stop()
	}
	if m := s.updated[0]; m["client_id"] != "c1" || fmt.Sprint(m["redirect_uris"]) != "["+moved+"/oidc/callback]" {
		t.Errorf("it said %v", m)
	}
}

// A reload in the middle of it loses nothing: what the token bought is kept.
func TestStoppedInTheMiddle(t *testing.T) {
	f, s := newFixture(t), startIssuer(t)
	asked, goOn := make(chan struct{}), make(chan struct{})
	s.answer = func(http.ResponseWriter, map[string]any) bool {
		close(asked)
		<-goOn
		return false
	}
	_, stop := run(t, f.enroller(s.URL, "good", site))
	<-asked
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	select {
	case <-stopped:
		t.Error("it stopped, and the token is spent")
	case <-time.After(50 * time.Millisecond): // a wrong one would mostly have stopped
	}
	close(goOn)
	<-stopped
	if r, err := f.enroller(s.URL, "good", site).Stored(t.Context()); err != nil || r == nil || r.ClientID != "c1" {
		t.Errorf("kept %+v %v", r, err)
	}
}

// A secret that is rotated at the server comes by itself, also to who shares the
// store, and is kept.
func TestRotatedSecret(t *testing.T) {
	f, s := newFixture(t), startIssuer(t)
	first, stop := run(t, f.enroller(s.URL, "good", site))
	before := wait(t, first)
	stop()
	s.mu.Lock()
	s.rotated = strings.Repeat("r", 43)
	s.mu.Unlock()
	second, stop := run(t, f.enroller(s.URL, "good", site))
	r := wait(t, second)
	if r.ClientSecret == before.ClientSecret { // what was stored comes first
		r = wait(t, second)
	}
	if r.ClientSecret != s.rotated || r.ClientID != before.ClientID || r.Token != before.Token {
		t.Errorf("rotated, it is %+v", r)
	}
	stop()
	if kept, err := f.enroller(s.URL, "good", site).Stored(t.Context()); err != nil || kept.ClientSecret != s.rotated {
		t.Errorf("kept %+v %v", kept, err)
	}
}

func TestForgotten(t *testing.T) {
	f, s := newFixture(t), startIssuer(t)
	first, stop := run(t, f.enroller(s.URL, "good", site))
	wait(t, first)
	stop()
	s.mu.Lock()
	s.forgotten = true
	s.mu.Unlock()
	second, _ := run(t, f.enroller(s.URL, "good", site))
	wait(t, second) // who is signed in stays so
	eventually(t, "it does not say what to do", func() bool {
		return strings.Contains(f.logged(), "level=ERROR") && strings.Contains(f.logged(), "caddy auth registration create")
	})
}

// Whatever a server says, the gate does not take half a registration, nor show a
// token where it should not.
func TestServersThatMisbehave(t *testing.T) {
	elsewhere := startIssuer(t)
	for name, test := range map[string]struct {
		token    string
		metadata func(map[string]any)
		answer   func(http.ResponseWriter, map[string]any) bool
		says     string
	}{
		"token used":               {token: "bad", says: "is used, expired or of another server"},
		"off":                      {metadata: func(v map[string]any) { delete(v, "registration_endpoint") }, says: "dynamic_registration"},
		"another name":             {metadata: func(v map[string]any) { v["issuer"] = "https://other.example.com" }, says: "calls itself"},
		"endpoint that is no URL":  {metadata: func(v map[string]any) { v["registration_endpoint"] = "javascript:x" }, says: "not an https URL"},
		"endpoint with a user":     {metadata: func(v map[string]any) { v["registration_endpoint"] = "https://a@b/x" }, says: "not an https URL"},
		"no secret":                {answer: change(func(v map[string]any) { delete(v, "client_secret") }), says: "no client_secret"},
		"no id":                    {answer: change(func(v map[string]any) { delete(v, "client_id") }), says: "client id"},
		"id that is none":          {answer: change(func(v map[string]any) { v["client_id"] = "a/b\n" }), says: "client id"},
		"client URI that is none":  {answer: change(func(v map[string]any) { v["registration_client_uri"] = "/x" }), says: "not an https URL"},
		"what it says is wrong":    {answer: status(400, `{"error":"invalid_redirect_uri","error_description":"no\nway"}`), says: "invalid_redirect_uri: no way"},
		"something else than JSON": {answer: status(201, `<html>`), says: "not JSON"},
		"a failure":                {answer: status(500, `secret stack`), says: "answered 500"},
		"a redirect":               {answer: redirect(elsewhere.URL + "/register"), says: "answered 307"},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := newFixture(t), startIssuer(t)
			s.metadata, s.answer = test.metadata, test.answer
			if test.token == "" {
				test.token = "good"
			}
			enrolled, stop := run(t, f.enroller(s.URL, test.token, site))
			eventually(t, "it says nothing", func() bool { return strings.Contains(f.logged(), "cannot enrol") })
			stop()
			if log := f.logged(); !strings.Contains(log, test.says) || strings.Contains(log, "stack") {
				t.Errorf("it says\n%s\nwithout %q", log, test.says)
			}
			if len(enrolled) > 0 {
				t.Errorf("enrolled as %+v", <-enrolled)
			}
		})
	}
	if n, _ := elsewhere.count(); n != 0 || len(elsewhere.seen) > 0 {
		t.Errorf("a redirect was followed: %q", elsewhere.seen)
	}
}

// A token for an issuer on https is not shown over http.
func TestNothingInTheClear(t *testing.T) {
	e := &Enroller{Issuer: "https://auth.example.com"}
	if err := e.checkURL("registration_endpoint", "http://auth.example.com/o/register"); err == nil {
		t.Error("http for an issuer on https")
	}
	if err := e.checkURL("registration_endpoint", "https://auth.example.com/o/register"); err != nil {
		t.Error(err)
	}
}

func change(fn func(map[string]any)) func(http.ResponseWriter, map[string]any) bool {
	return func(_ http.ResponseWriter, v map[string]any) bool { fn(v); return false }
}

func status(code int, body string) func(http.ResponseWriter, map[string]any) bool {
	return func(w http.ResponseWriter, _ map[string]any) bool {
		w.WriteHeader(code)
		io.WriteString(w, body)
		return true
	}
}

func redirect(to string) func(http.ResponseWriter, map[string]any) bool {
	return func(w http.ResponseWriter, _ map[string]any) bool {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}
}
