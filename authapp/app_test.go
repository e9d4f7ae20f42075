package authapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddyito/caddyito/internal/freeport"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

func TestMembersStartInOrderAndStop(t *testing.T) {
	resetEvents()
	dir := t.TempDir()
	mustLoad(t, globals(dir)+`
http://b.example.com {
	fake_gate name=g issuer=http://a.example.com
}
http://a.example.com {
	fake_server name=s
}`)
	if got, want := happened(), []string{"start server s", "start gate g", "announce server s"}; !slices.Equal(got, want) {
		t.Errorf("started %q, want %q", got, want)
	}
	s, g := server(t, "s"), gate(t, "g")
	if s.env.Store != g.env.Store || s.env.MasterKey != g.env.MasterKey {
		t.Error("server and gate do not share the store and its key")
	}
	select {
	case <-s.app.Ready():
	default:
		t.Error("the app runs but is not ready")
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if got, want := happened()[3:], []string{"stop gate g", "stop server s"}; !slices.Equal(got, want) {
		t.Errorf("stopped %q, want %q", got, want)
	}
	if err := s.env.Store.View(context.Background(), func(store.ReadTx) error { return nil }); err != store.ErrClosed {
		t.Errorf("after the last cleanup the store says %v, want ErrClosed", err)
	}
	if n, _ := stores.References(filepath.Join(dir, "auth.db")); n != 0 {
		t.Errorf("%d references to the store are left", n)
	}
}

func TestDefaultStoreAndKeyLieInTheDataDirectory(t *testing.T) {
	resetEvents()
	mustLoad(t, `{
	admin off
	persist_config off
}
http://a.example.com:`+fmt.Sprint(freeport.ForTest(t))+` {
	fake_server name=s
}`)
	dir := filepath.Join(caddy.AppDataDir(), "caddyito")
	for _, name := range []string{"auth.db", "master.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%v", err)
		} else if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

// A reload opens nothing a second time, which the lock of the file would
// refuse, and it is the same store that goes on.
func TestReloadSharesTheStore(t *testing.T) {
	resetEvents()
	dir := t.TempDir()
	site := func(name string) string {
		return globals(dir) + "http://a.example.com {\n\tfake_server name=" + name + "\n}"
	}
	mustLoad(t, site("old"))
	old := server(t, "old")
	for i := range 5 {
		if err := load(t, site(fmt.Sprint("new", i))); err != nil {
			t.Fatalf("reload %d: %v", i, err)
		}
	}
	if openStore(server(t, "new4").env.Store) != openStore(old.env.Store) {
		t.Error("the store was opened again")
	}
	if n, _ := stores.References(filepath.Join(dir, "auth.db")); n != 1 {
		t.Errorf("%d references to the store, want 1", n)
	}
	metaOf(t, old.env.Store) // still open
}

// openStore is the store itself, of which each config tells in its own log.
func openStore(s store.Store) store.Store { return s.(auditedStore).Store }

// Also when the path is spelled otherwise.
func TestReloadSharesTheStoreByAnyName(t *testing.T) {
	resetEvents()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "real"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "key")
	site := func(path, name string) string {
		return fmt.Sprintf("{\n\tadmin off\n\tpersist_config off\n\tauth {\n\t\tstore bbolt %s\n\t\tmaster_key %s\n\t}\n}\nhttp://a.example.com:%d {\n\tfake_server name=%s\n}", path, key, freeport.ForTest(t), name)
	}
	mustLoad(t, site(dir+"/link/auth.db", "one"))
	mustLoad(t, site(dir+"/real/../real/auth.db", "two"))
	if openStore(server(t, "one").env.Store) != openStore(server(t, "two").env.Store) {
		t.Error("two spellings of one path are two stores")
	}
}

// get asks once more if the connection was closed without an answer: the kernel
// may have given it to the listener of a config that did not come to serve.
func get(t *testing.T, address string) (status int, body string) {
	t.Helper()
	for try := 0; ; try++ {
		resp, err := http.Get(address)
		if try < 3 && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
}

func TestFailedReloadKeepsTheOld(t *testing.T) {
	dir := t.TempDir()
	port := freeport.ForTest(t)
	site := func(directives string) string {
		return globals(dir) + fmt.Sprintf("http://127.0.0.1:%d {\n\t%s\n\trespond fine\n}", port, directives)
	}
	for name, bad := range map[string]string{
		"server fails":     "fake_server name=bad fail=no",
		"gate fails":       "fake_server name=bad\n\tfake_gate name=badgate fail=no",
		"gate has no home": "fake_gate name=bad issuer=https://elsewhere.example.com",
	} {
		t.Run(name, func(t *testing.T) {
			resetEvents()
			mustLoad(t, site("fake_server name=old"))
			old := server(t, "old")
			for range 3 { // Caddy starts apps in any order
				if err := load(t, site(bad)); err == nil {
					t.Fatal("the bad config was accepted")
				}
			}
			if n, _ := stores.References(filepath.Join(dir, "auth.db")); n != 1 {
				t.Errorf("%d references to the store, want 1", n)
			}
			metaOf(t, old.env.Store)
			if status, body := get(t, fmt.Sprintf("http://127.0.0.1:%d/", port)); status != 200 || body != "fine" {
				t.Errorf("the old config answers %d %q", status, body)
			}
			if app, err := Active(); err != nil || app != old.app {
				t.Errorf("the active app is %p (%v), want the old one", app, err)
			}
			// What the failed one started, it ended.
			got := happened()
			if slices.Contains(got, "start server bad") && !slices.Contains(got, "stop server bad") {
				t.Errorf("the started server was not stopped: %q", got)
			}
			if slices.Contains(got, "stop server old") {
				t.Errorf("the old server was stopped: %q", got)
			}
		})
	}
}

// A config that does not come to run leaves the rules of the one that does, whatever
// failed, and has its servers say nothing.
func TestFailedReloadKeepsTheSchema(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	resetEvents()
	port := freeport.ForTest(t)
	site := func(directives string) string {
		return globals(dir) + fmt.Sprintf("http://127.0.0.1:%d {\n\t%s\n}\n", port, directives)
	}
	mustLoad(t, site("fake_server name=old unique=badge"))
	kept := func() (state *store.SchemaState) {
		t.Helper()
		err := server(t, "old").env.Store.View(t.Context(), func(tx store.ReadTx) (err error) {
			state, err = tx.SchemaState()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	before := kept()
	for name, bad := range map[string]string{
		"server fails":      site("fake_server name=bad unique=phone fail=no"),
		"gate fails":        site("fake_server name=bad unique=phone\n\tfake_gate name=badgate fail=no"),
		"another app fails": site("fake_server name=bad unique=phone") + fmt.Sprintf("http://%s {\n\trespond hi\n}\n", taken.Addr()),
	} {
		for range 4 { // Caddy starts apps in any order
			if err := load(t, bad); err == nil {
				t.Fatalf("%s: the bad config was accepted", name)
			}
			if after := kept(); !after.Schema.Same(&before.Schema) || !after.Settled {
				t.Errorf("%s: the store goes by %+v", name, after)
			}
		}
	}
	if got := happened(); slices.Contains(got, "announce server bad") || !slices.Contains(got, "announce server old") {
		t.Errorf("of the servers was said: %q", got)
	}
	mustLoad(t, site("fake_server name=good unique=phone"))
	if after := kept(); after.Schema.Same(&before.Schema) {
		t.Error("a config that runs has not brought its schema")
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, site("fake_server name=old unique=phone"))
	if after := kept(); !after.Settled || after.Schema.Same(&before.Schema) {
		t.Errorf("after a stop the store goes by %+v", after)
	}
}

func TestRequestsOfTheOldConfigReachAnOpenStore(t *testing.T) {
	resetEvents()
	dir := t.TempDir()
	port := freeport.ForTest(t)
	site := func(i int) string {
		return globals(dir) + fmt.Sprintf("http://127.0.0.1:%d {\n\tfake_server name=s\n\tfake_gate name=g\n\theader X-Config %d\n\trespond fine\n}", port, i)
	}
	mustLoad(t, site(0))
	var failed, ok atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
				if err != nil {
					// A connection that waits at the old listener when that is
					// closed is reset, in a Caddy without any plugin too.
					continue
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != 200 {
					failed.Add(1)
					t.Log(resp.Status)
					continue
				}
				ok.Add(1)
			}
		})
	}
	for i := 1; i <= 20; i++ {
		if err := load(t, site(i)); err != nil {
			t.Errorf("reload %d: %v", i, err)
		}
	}
	cancel()
	wg.Wait()
	if failed.Load() > 0 || ok.Load() == 0 {
		t.Errorf("%d requests failed, %d went well", failed.Load(), ok.Load())
	}
}

// Beside a Caddy that holds the lock, and without touching the disk.
func TestValidateTouchesNothing(t *testing.T) {
	resetEvents()
	dir := t.TempDir()
	site := "http://a.example.com {\n\tfake_server name=s\n\tfake_gate name=g\n}"
	cfg := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(adapt(t, globals(dir)+site), cfg); err != nil {
		t.Fatal(err)
	}
	locked, err := boltstore.Open(filepath.Join(t.TempDir(), "held", "auth.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Close()
	if err := caddy.Validate(cfg); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("validating left %v (%v)", entries, err)
	}
	if got := happened(); len(got) != 0 {
		t.Errorf("validating did %q", got)
	}

	// The same while this very database is open elsewhere.
	held, err := boltstore.Open(filepath.Join(dir, "auth.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	cfg = new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(adapt(t, globals(dir)+site), cfg); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Validate(cfg); err != nil {
		t.Errorf("validating beside a running Caddy: %v", err)
	}
	if _, ok := stores.References(filepath.Join(dir, "auth.db")); ok {
		t.Error("validating took the store")
	}
}

func TestLockedDatabaseSaysWhatToDo(t *testing.T) {
	resetEvents()
	dir := t.TempDir()
	held, err := boltstore.Open(filepath.Join(dir, "auth.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	err = load(t, globals(dir)+"http://a.example.com {\n\tfake_server name=s\n}")
	if err == nil || !strings.Contains(err.Error(), "caddy reload") {
		t.Errorf("error %v does not say what to do", err)
	}
	// A start that failed for the moment does not stand in the way of the next.
	held.Close()
	mustLoad(t, globals(dir)+"http://a.example.com {\n\tfake_server name=s\n}")
}

func TestEmptyDatabaseOverAnInstallationIsRefused(t *testing.T) {
	resetEvents()
	dir := t.TempDir()
	site := globals(dir) + "http://a.example.com {\n\tfake_server name=s\n}"
	mustLoad(t, site)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "auth.db"), 0); err != nil {
		t.Fatal(err)
	}
	if err := load(t, site); err == nil || !strings.Contains(err.Error(), "restore") {
		t.Errorf("error %v, want one that says to restore", err)
	}
}

type failingGuest struct{}

func (failingGuest) Canonical() (string, error) { return "failing", nil }

func (failingGuest) Open(context.Context, *zap.Logger) (store.Store, error) {
	return nil, errors.New("disk on fire")
}

// Requests that wait for a start must not wait for one that failed.
func TestFailedStartIsTold(t *testing.T) {
	app := new(App).CaddyModule().New().(*App)
	app.guest, app.log = failingGuest{}, zap.NewNop()
	for _, done := range []<-chan struct{}{app.Ready(), app.Failed()} {
		select {
		case <-done:
			t.Fatal("told before Start")
		default:
		}
	}
	if err := app.Start(); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("started: %v", err)
	}
	<-app.Failed()
	select {
	case <-app.Ready():
		t.Error("a failed app is ready")
	default:
	}
	if err := app.Cleanup(); err != nil {
		t.Errorf("cleanup after a failed start: %v", err)
	}
	if n, _ := stores.References("failing"); n != 0 {
		t.Errorf("%d references to a store that did not open", n)
	}
}

func TestCleanupReleasesOnlyWhatStartTook(t *testing.T) {
	app := new(App).CaddyModule().New().(*App)
	for range 2 {
		if err := app.Cleanup(); err != nil {
			t.Errorf("cleanup of an app that never started: %v", err)
		}
	}
}

// A request of the admin API may come to its store long after its config went:
// the body of a slow one, say. While a new config shares the store it is served.
func TestRequestThatOutlivesItsConfig(t *testing.T) {
	resetEvents()
	dir := t.TempDir()
	site := func(name string) string {
		return globals(dir) + "http://a.example.com {\n\tfake_server name=" + name + "\n}"
	}
	mustLoad(t, site("old"))
	old := server(t, "old").app
	api := new(adminAPI)
	api.log = zap.NewNop()
	api.app = func() (*App, error) { return old, nil }
	begun, goOn := make(chan struct{}), make(chan struct{})
	api.routes()
	api.handle("GET /auth/slow", func(a *App, r *http.Request) (any, error) {
		begun <- struct{}{}
		<-goOn
		return nil, a.Store().View(r.Context(), func(store.ReadTx) error { return nil })
	})
	slow := func() <-chan int {
		status := make(chan int)
		go func() {
			w := httptest.NewRecorder()
			api.mux.ServeHTTP(w, httptest.NewRequest("GET", "/auth/slow", nil))
			status <- w.Code
		}()
		<-begun
		return status
	}
	status := slow()
	mustLoad(t, site("new"))
	goOn <- struct{}{}
	if got := <-status; got != http.StatusNoContent {
		t.Errorf("after a reload: status %d", got)
	}
	status = slow()
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	goOn <- struct{}{}
	if got := <-status; got != http.StatusServiceUnavailable {
		t.Errorf("after the store was closed: status %d", got)
	}
	// Given back twice, it would be taken from the config that has it.
	mustLoad(t, site("newer"))
	if err := old.Cleanup(); err != nil {
		t.Error(err)
	}
	metaOf(t, server(t, "newer").env.Store)
}
