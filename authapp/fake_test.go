package authapp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/caddyito/caddyito/internal/freeport"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

// httpPort and httpsPort are for sites that name none; they are this process's
// alone.
var httpPort, httpsPort int

func TestMain(m *testing.M) {
	if runAsCaddy() {
		return
	}
	// Nothing of the user's own Caddy may be touched.
	dir, err := os.MkdirTemp("", "authapp")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_DATA_HOME", dir)
	os.Setenv("XDG_CONFIG_HOME", dir)
	for _, p := range []*int{&httpPort, &httpsPort} {
		if *p, _, err = freeport.Reserve(); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func init() {
	caddy.RegisterModule(new(fakeServer))
	caddy.RegisterModule(new(fakeGate))
	httpcaddyfile.RegisterHandlerDirective("fake_server", parseFake[*fakeServer])
	httpcaddyfile.RegisterHandlerDirective("fake_gate", parseFake[*fakeGate])
	httpcaddyfile.RegisterDirectiveOrder("fake_gate", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterDirectiveOrder("fake_server", httpcaddyfile.Before, "redir") // as the real one
}

// The fakes stand for the handlers, whose packages import this one. They note
// what the app tells them. A line such as "fake_gate name=wiki issuer=http://x"
// fills their JSON fields.
type fakeServer struct {
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
	Fail string `json:"fail,omitempty"` // in StartServer
	// Registration is "on" or not.
	Registration string `json:"registration,omitempty"`
	// Unique is a field of users that its schema has besides the default.
	Unique string `json:"unique,omitempty"`
	Prefix string `json:"prefix,omitempty"`

	app     *App
	env     ServerEnv
	issuer  string
	serve   http.HandlerFunc
	clients []store.Client
}

type fakeGate struct {
	Name    string `json:"name,omitempty"`
	URL     string `json:"issuer,omitempty"`
	ID      string `json:"client_id,omitempty"`
	Secret  string `json:"client_secret,omitempty"`
	Enroll  string `json:"enroll,omitempty"`
	Origin  string `json:"origin,omitempty"`
	Prefix  string `json:"prefix,omitempty"`
	Fail    string `json:"fail,omitempty"`
	Match   string `json:"match,omitempty"` // not empty: it does not guard all
	app     *App
	env     GateEnv
	started bool
}

// events is what happened, in order, across configs.
var events struct {
	sync.Mutex
	list    []string
	servers map[string]*fakeServer
	gates   map[string]*fakeGate
}

func resetEvents() {
	events.Lock()
	defer events.Unlock()
	events.list, events.servers, events.gates = nil, map[string]*fakeServer{}, map[string]*fakeGate{}
}

func note(format string, args ...any) {
	events.Lock()
	defer events.Unlock()
	events.list = append(events.list, fmt.Sprintf(format, args...))
}

func happened() []string {
	events.Lock()
	defer events.Unlock()
	return slices.Clone(events.list)
}

func server(t *testing.T, name string) *fakeServer {
	t.Helper()
	events.Lock()
	defer events.Unlock()
	if events.servers[name] == nil {
		t.Fatalf("server %q was not started", name)
	}
	return events.servers[name]
}

func gate(t *testing.T, name string) *fakeGate {
	t.Helper()
	events.Lock()
	defer events.Unlock()
	if events.gates[name] == nil {
		t.Fatalf("gate %q was not started", name)
	}
	return events.gates[name]
}

func (*fakeServer) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.fake_server", New: func() caddy.Module { return new(fakeServer) }}
}

func (*fakeGate) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.fake_gate", New: func() caddy.Module { return new(fakeGate) }}
}

func parseFake[T caddyhttp.MiddlewareHandler](h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	fields := map[string]string{}
	for h.NextArg() {
		name, value, _ := strings.Cut(h.Val(), "=")
		fields[name] = value
	}
	var m T
	if err := json.Unmarshal(caddyconfig.JSON(fields, nil), &m); err != nil {
		return nil, err
	}
	return m, nil
}

func (s *fakeServer) Provision(ctx caddy.Context) (err error) {
	if s.app, err = Get(ctx); err != nil {
		return err
	}
	return s.app.AddServer(s)
}

func (s *fakeServer) StartServer(env ServerEnv) error {
	if s.Fail != "" {
		return errors.New(s.Fail)
	}
	s.env = env
	s.issuer = s.URL
	if s.issuer == "" && len(env.Origins) > 0 {
		s.issuer = env.Origins[0]
	}
	note("start server %s", s.Name)
	events.Lock()
	defer events.Unlock()
	events.servers[s.Name] = s
	return nil
}

func (s *fakeServer) StopServer()              { note("stop server %s", s.Name) }
func (s *fakeServer) Issuer() string           { return s.issuer }
func (s *fakeServer) TakesRegistrations() bool { return s.Registration == "on" }

func (s *fakeServer) ConfiguredClients() []store.Client { return s.clients }

func (s *fakeServer) PathPrefix() string { return cmp.Or(s.Prefix, "/o") }

func (s *fakeServer) Schema() *store.Schema {
	if s.Unique == "" {
		return nil
	}
	schema := store.DefaultSchema()
	schema.User = append(schema.User, store.Field{Name: s.Unique, Type: store.Text, Unique: true})
	return schema
}

func (s *fakeServer) Announce(context.Context) error {
	note("announce server %s", s.Name)
	return nil
}

// CheckNewPassword knows one that is on a list.
func (s *fakeServer) CheckNewPassword(pw string, _ *store.User) error {
	if pw == "found elsewhere" {
		return password.ErrKnown
	}
	return nil
}

func (s *fakeServer) ServeAuth(w http.ResponseWriter, r *http.Request) {
	if s.serve != nil {
		s.serve(w, r)
		return
	}
	fmt.Fprintf(w, "%s answers %s %s", s.Name, r.Method, r.RequestURI)
}

func (s *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if err := wait(s.app); err != nil {
		return err
	}
	return readThrough(w, s.env.Store, next, r)
}

func (g *fakeGate) Provision(ctx caddy.Context) (err error) {
	if g.app, err = Get(ctx); err != nil {
		return err
	}
	return g.app.AddGate(g)
}

func (g *fakeGate) Settings() GateSettings {
	s := GateSettings{Issuer: g.URL, ClientID: g.ID, ClientSecret: g.Secret, Enroll: g.Enroll, Prefix: g.Prefix, GuardsAll: g.Match == ""}
	if g.Origin != "" {
		s.Origins = []string{g.Origin}
	}
	return s
}

func (g *fakeGate) StartGate(env GateEnv) error {
	if g.Fail != "" {
		return errors.New(g.Fail)
	}
	g.env, g.started = env, true
	note("start gate %s", g.Name)
	events.Lock()
	defer events.Unlock()
	events.gates[g.Name] = g
	return nil
}

func (g *fakeGate) ServeSync(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s takes %s", g.Name, body)
}

func (g *fakeGate) ServeBackchannelLogout(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s is told of a logout", g.Name)
}

func (g *fakeGate) StopGate() { note("stop gate %s", g.Name) }

func (g *fakeGate) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if err := wait(g.app); err != nil {
		return err
	}
	return readThrough(w, g.env.Store, next, r)
}

func wait(a *App) error {
	select {
	case <-a.Ready():
		return nil
	case <-a.Failed():
		return caddyhttp.Error(http.StatusServiceUnavailable, errors.New("not started"))
	}
}

// readThrough answers 200 only if the store is open.
func readThrough(w http.ResponseWriter, s store.Store, next caddyhttp.Handler, r *http.Request) error {
	err := s.View(r.Context(), func(tx store.ReadTx) error {
		_, err := tx.Meta()
		return err
	})
	if err != nil {
		return err
	}
	return next.ServeHTTP(w, r)
}

// adapt turns a Caddyfile into JSON.
func adapt(t *testing.T, caddyfile string) []byte {
	t.Helper()
	b, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatalf("adapting: %v\n%s", err, caddyfile)
	}
	return b
}

// load runs a Caddyfile; the config is stopped at the end of the test.
func load(t *testing.T, caddyfile string) error {
	t.Helper()
	cfg := adapt(t, caddyfile)
	t.Cleanup(func() { _ = caddy.Stop() })
	return caddy.Load(cfg, true)
}

func mustLoad(t *testing.T, caddyfile string) {
	t.Helper()
	if err := load(t, caddyfile); err != nil {
		t.Fatalf("loading: %v\n%s", err, caddyfile)
	}
}

// globals are global options that keep a test by itself: its own store and key,
// its own admin port, no certificates.
func globals(dir string, more ...string) string {
	return fmt.Sprintf(`{
	admin off
	auto_https disable_certs
	persist_config off
	skip_install_trust
	http_port %d
	https_port %d
	auth {
		store bbolt %s
		master_key %s
	}
	%s
}
`, httpPort, httpsPort, filepath.Join(dir, "auth.db"), filepath.Join(dir, "master.key"), strings.Join(more, "\n\t"))
}

func metaOf(t *testing.T, s store.Store) store.Meta {
	t.Helper()
	var meta store.Meta
	if err := s.View(context.Background(), func(tx store.ReadTx) (err error) {
		meta, err = tx.Meta()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return meta
}
