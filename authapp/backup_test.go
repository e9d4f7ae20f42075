package authapp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// brokenBackup gives some bytes and fails.
type brokenBackup struct {
	store.Store
	after int
}

func (b brokenBackup) Backup(_ context.Context, w io.Writer) error {
	for range b.after {
		if _, err := w.Write(bytes.Repeat([]byte("x"), 100_000)); err != nil {
			return err
		}
	}
	return errors.New("the disk is gone")
}

// A copy that broke off is never taken for a whole one.
func TestAdminBackup(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/auth/users", `{"username":"ann"}`, 201, nil)
	resp, err := http.Get(a.url + "/auth/backup")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	file := filepath.Join(t.TempDir(), "backup")
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/octet-stream" {
		t.Fatalf("%s %v, %v", resp.Status, resp.Header, err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := boltstore.Restore(filepath.Join(t.TempDir(), "auth.db"), file, boltstore.Options{}, func(s store.Store) error {
		return s.View(t.Context(), func(tx store.ReadTx) error {
			_, err := tx.UserByUsername("ann")
			return err
		})
	}); err != nil {
		t.Error(err)
	}

	whole := a.app.shared.Store
	a.app.shared.Store = brokenBackup{whole, 0}
	a.do("GET", "/auth/backup", "", 500, nil)
	a.app.shared.Store = brokenBackup{whole, 9}
	if resp, err = http.Get(a.url + "/auth/backup"); err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("a copy that broke off is taken for %d whole bytes", n)
	}
	a.app.shared.Store = struct{ store.Store }{whole}
	if got := a.do("GET", "/auth/backup", "", 501, nil); !strings.Contains(got, "its own tools") {
		t.Errorf("a store that cannot be copied: %s", got)
	}
}

// withDeadlines is an answer that is told until when a reader is waited for.
type withDeadlines struct {
	*httptest.ResponseRecorder
	writes, deadlines int
}

func (w *withDeadlines) Write(b []byte) (int, error) {
	w.writes++
	return w.ResponseRecorder.Write(b)
}

func (w *withDeadlines) SetWriteDeadline(t time.Time) error {
	if t.After(time.Now()) {
		w.deadlines++
	}
	return nil
}

// Who takes nothing of a backup is given up, since the store waits for them.
func TestBackupStalled(t *testing.T) {
	app := newAPI(t).app
	api := &adminAPI{log: zap.NewNop(), app: func() (*App, error) { return app, nil }}
	w := &withDeadlines{ResponseRecorder: httptest.NewRecorder()}
	api.backup(w, httptest.NewRequest("GET", "/auth/backup", nil))
	if w.Code != 200 || w.writes < 3 || w.deadlines != w.writes {
		t.Errorf("%d: in %d pieces, with %d deadlines", w.Code, w.writes, w.deadlines)
	}

	failed := make(chan error)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.Copy(&patientWriter{w, http.NewResponseController(w), time.Millisecond}, zeros{})
		failed <- err
	}))
	defer s.Close()
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("to who takes nothing: %v", err)
	}
}

// zeros are read without an end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestBackupCommands(t *testing.T) {
	c := newCLI(t, cliSite)
	dir := t.TempDir()
	file := filepath.Join(dir, "backup")
	c.ok("", "user", "create", "ann", "--no-password")
	var done map[string]string
	if c.json(&done, "", "backup", file); !strings.Contains(done["done"], file) {
		t.Errorf("backup says %v", done)
	}
	// Restored to where a config says, with its key; the config need not be loaded.
	config := filepath.Join(dir, "Caddyfile")
	path := filepath.Join(dir, "elsewhere", "auth.db")
	write := func(key string) {
		if err := os.WriteFile(config, fmt.Appendf(nil, "{\n\tauth {\n\t\tstore bbolt %s\n\t\tmaster_key %s\n\t}\n}\n", path, key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	restore := func() (stdout, stderr string, code int) {
		return c.try("", "restore", file, "--config", config, "--adapter", "caddyfile")
	}
	write(filepath.Join(dir, "no.key"))
	if _, errs, code := restore(); code == 0 || !strings.Contains(errs, "master key") {
		t.Errorf("without its key: %d\n%s", code, errs)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("what was refused is there")
	}
	write(filepath.Join(os.Getenv("XDG_DATA_HOME"), "caddy", "caddyito", "master.key"))
	if out, errs, code := restore(); code != 0 || !strings.Contains(out, path) {
		t.Fatalf("restoring: %d\n%s%s", code, out, errs)
	}
	s, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.View(t.Context(), func(tx store.ReadTx) error {
		_, err := tx.UserByUsername("ann")
		return err
	}); err != nil {
		t.Errorf("ann is not in it: %v", err)
	}
	if _, errs, code := restore(); code == 0 || !strings.Contains(errs, "locked by another process") {
		t.Errorf("over a store in use: %d\n%s", code, errs)
	}
}
