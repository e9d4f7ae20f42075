package authapp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// api is the admin API over HTTP, on a store of its own.
type api struct {
	t   *testing.T
	app *App
	url string
}

func newAPI(t *testing.T) *api {
	t.Helper()
	st, err := boltstore.Open(t.TempDir()+"/auth.db", boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	app := &App{shared: &sharedStore{Store: st, key: store.NewMasterKey()}, ready: make(chan struct{}), realms: []string{"wiki"}}
	app.servers = []ServerModule{&fakeServer{issuer: "https://auth.example.com", clients: []store.Client{{ID: "grafana", ClientSettings: store.ClientSettings{RedirectURIs: []string{"https://grafana.example.com/cb"}}}}}}
	app.enrolled = enrolment{"wiki.example.com": {ClientID: "wiki.example.com", Name: "wiki.example.com", Secret: "not-to-be-shown"}}
	close(app.ready)
	a := new(adminAPI)
	a.log = zap.NewNop()
	a.app = func() (*App, error) { return app, nil }
	a.hasher = password.New(password.Params{Memory: 8, Time: 1, Threads: 1})
	a.routes()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.Routes()[0].Handler.ServeHTTP(w, r); err != nil {
			t.Errorf("the handler returned %v", err)
		}
	}))
	t.Cleanup(s.Close)
	return &api{t, app, s.URL}
}

// A start that failed is said, and waited for no longer.
func TestAdminOfAnAppThatDidNotStart(t *testing.T) {
	a := newAPI(t)
	a.app.ready, a.app.failed = make(chan struct{}), make(chan struct{})
	a.app.failure = errors.New("the disk is full")
	close(a.app.failed)
	if got := a.do("GET", "/auth/users", "", 503, nil); !strings.Contains(got, "did not start: the disk is full") {
		t.Errorf("it says %s", got)
	}
	// Nor for one that hangs, if the caller gives up.
	a.app.failed = make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	api := &adminAPI{app: func() (*App, error) { return a.app, nil }}
	r := httptest.NewRequestWithContext(ctx, "GET", "/auth/users", nil)
	if _, err := api.answer(httptest.NewRecorder(), r, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("it says %v", err)
	}
	if got := a.app.whyNotStarted(); !strings.Contains(got, "not started yet") {
		t.Errorf("it says %s", got)
	}
}

// do sends body, and decodes the answer into out unless that is nil.
func (a *api) do(method, path, body string, wantStatus int, out any) string {
	a.t.Helper()
	req, err := http.NewRequest(method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != wantStatus {
		a.t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, resp.StatusCode, b, wantStatus)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			a.t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
	return string(b)
}

func (a *api) view(fn func(store.ReadTx) error) {
	a.t.Helper()
	if err := a.app.Store().View(context.Background(), fn); err != nil {
		a.t.Fatal(err)
	}
}

func (a *api) update(fn func(store.WriteTx) error) {
	a.t.Helper()
	if err := a.app.Store().Update(context.Background(), fn); err != nil {
		a.t.Fatal(err)
	}
}

// A web page can make a browser send a form, but not JSON.
func TestAdminRefusesForms(t *testing.T) {
	a := newAPI(t)
	for _, typ := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"} {
		resp, err := http.Post(a.url+"/auth/users", typ, strings.NewReader(`{"username":"mallory","is_superuser":true}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("content type %q: %s", typ, resp.Status)
		}
	}
}

func TestAdminPages(t *testing.T) {
	a := newAPI(t)
	for i := range 5 {
		a.do("POST", "/auth/users", fmt.Sprintf(`{"username":"u%d"}`, i), 201, nil)
		a.do("POST", "/auth/clients", fmt.Sprintf(`{"id":"h%d","redirect_uris":["https://h.example.com/cb"]}`, i), 201, nil)
	}
	var users, clients []string
	after := int64(0)
	for {
		var page userPage
		a.do("GET", fmt.Sprintf("/auth/users?limit=2&after=%d", after), "", 200, &page)
		for _, u := range page.Users {
			users = append(users, u.Username)
		}
		if after = page.Next; after == 0 {
			break
		}
	}
	if got := strings.Join(users, " "); got != "u0 u1 u2 u3 u4" {
		t.Errorf("users %s", got)
	}
	from := ""
	for {
		var page clientPage
		a.do("GET", "/auth/clients?limit=2&after="+from, "", 200, &page)
		for _, c := range page.Clients {
			clients = append(clients, c.ID)
		}
		if from = page.Next; from == "" {
			break
		}
	}
	if got := strings.Join(clients, " "); got != "grafana h0 h1 h2 h3 h4 wiki.example.com" {
		t.Errorf("clients %s", got)
	}
}

func TestAdminWithoutApp(t *testing.T) {
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	a := &adminAPI{log: zap.NewNop(), app: Active}
	a.routes()
	w := httptest.NewRecorder()
	a.mux.ServeHTTP(w, httptest.NewRequest("GET", "/auth/users", nil))
	if w.Code != http.StatusServiceUnavailable || !bytes.Contains(w.Body.Bytes(), []byte("auth_server")) || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
