package boltstore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/storetest"
)

func TestBackup(t *testing.T) {
	storetest.RunBackup(t,
		func(t testing.TB, place string) store.Store { return openAt(t, filepath.Join(place, "auth.db")) },
		func(t testing.TB, backup []byte, place string) store.Store {
			path, from := filepath.Join(place, "auth.db"), filepath.Join(place, "copy")
			if err := os.WriteFile(from, backup, 0o600); err != nil {
				t.Fatal(err)
			}
			if kept, err := Restore(path, from, Options{}, nil); err != nil || kept != "" {
				t.Fatalf("restoring: %q, %v", kept, err)
			}
			return openAt(t, path)
		})
}

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func backupOf(t *testing.T, s *Store, to string) {
	t.Helper()
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := s.Backup(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

func installation(t *testing.T, s *Store) (m store.Meta) {
	t.Helper()
	if err := s.View(context.Background(), func(tx store.ReadTx) (err error) {
		m, err = tx.Meta()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRestoreKeepsWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	path, from := filepath.Join(dir, "auth.db"), filepath.Join(dir, "auth.db.backup")
	other := openAt(t, filepath.Join(dir, "other", "auth.db"))
	want := installation(t, other).InstallationID
	backupOf(t, other, from)
	other.Close()

	s := openAt(t, path)
	was := installation(t, s).InstallationID
	if _, err := Restore(path, from, Options{}, nil); err == nil || !strings.Contains(err.Error(), "locked by another process: stop the Caddy") {
		t.Errorf("over a store in use: %v", err)
	}
	s.Close()
	begun, own := path+".wal.new", []string{path + ".bak", path + ".wal-of-yesterday", path + ".id.bak", path + "-copy"}
	for _, name := range append(own, begun) {
		if err := os.WriteFile(name, []byte("of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := Restore(path, from, Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path) // the marker fits
	if got := installation(t, s).InstallationID; got != want {
		t.Errorf("restored %s, want %s", got, want)
	}
	s.Close()
	if _, err := os.Stat(begun); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a log of the old database is beside the new one: %v", err)
	}
	if text := readFile(t, kept+".wal.new"); string(text) != "of "+begun {
		t.Errorf("the log was not kept: %q", text)
	}
	for _, name := range own {
		if text, err := os.ReadFile(name); err != nil || string(text) != "of "+name {
			t.Errorf("%s is somebody's own: %q, %v", name, text, err)
		}
	}
	old := openAt(t, kept)
	if got := installation(t, old).InstallationID; got != was {
		t.Errorf("kept %s, want %s", got, was)
	}
	old.Close()
	if _, err := os.Stat(from); err != nil {
		t.Errorf("the backup is gone: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(path + restoring + "*"); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// A store that is closed does not wait for the end of a copy.
func TestBackupEndsWithTheStore(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "auth.db"))
	closed := make(chan error, 1)
	err := s.Backup(t.Context(), writerFunc(func(b []byte) (int, error) {
		go func() { closed <- s.Close() }()
		<-s.stop
		return len(b), nil
	}))
	if err == nil || !strings.Contains(err.Error(), store.ErrClosed.Error()) {
		t.Errorf("the copy ends with %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(b []byte) (int, error) { return w(b) }

// A start that waits for the lock of a database while another is restored in its
// place opens that one: what is written to the one put aside, nobody would see again.
func TestRestoreDuringAStart(t *testing.T) {
	dir := t.TempDir()
	path, from := filepath.Join(dir, "auth.db"), filepath.Join(dir, "copy")
	s := openAt(t, path)
	writeSteps(t, s, 0, 3)
	backupOf(t, s, from)
	writeSteps(t, s, 3, 4)
	s.Close()
	opened := 0
	s, err := Open(path, Options{opened: func() {
		if opened++; opened == 2 { // for the first time it is looked through
			if _, err := Restore(path, from, Options{}, nil); err != nil {
				t.Error(err)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if n := countSteps(t, s); n != 3 {
		t.Errorf("%d steps are there; the backup has 3", n)
	}
	writeSteps(t, s, 3, 5)
	s.Close()
	s = openAt(t, path)
	defer s.Close()
	if n := countSteps(t, s); n != 8 {
		t.Errorf("%d steps are there at the next start; 8 were written", n)
	}

	// Gone for good, or again and again another: it says so.
	_, err = openBolt(path+"-gone", Options{opened: func() { os.Remove(path + "-gone") }}, false)
	if !errors.Is(err, errReplaced) || !strings.Contains(err.Error(), path+"-gone") {
		t.Errorf("one that is gone once it is open: %v", err)
	}
}

// Whatever is no backup changes nothing.
func TestRestoreRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "auth.db")
	s := openAt(t, path)
	want := installation(t, s).InstallationID
	good := filepath.Join(dir, "good")
	backupOf(t, s, good)
	s.Close()
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) string {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	wrongKey := func(store.Store) error { return store.ErrWrongMasterKey }
	for _, c := range []struct {
		what, from string
		check      func(store.Store) error
		says       string
	}{
		{"nothing", filepath.Join(dir, "none"), nil, "opening the backup"},
		{"an empty file", write("empty", nil), nil, "empty"},
		{"garbage", write("garbage", []byte(strings.Repeat("garbage", 10_000))), nil, "garbage is damaged, or is no backup of this program"},
		{"half of one", write("half", text[:len(text)/2]), nil, "half is damaged, or is no backup of this program"},
		{"the database itself", path, nil, "itself"},
		{"another key", good, wrongKey, "master key"},
	} {
		kept, err := Restore(path, c.from, Options{}, c.check)
		if err == nil || kept != "" || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q, %v; want an error that says %q", c.what, kept, err, c.says)
		}
		s := openAt(t, path)
		if got := installation(t, s).InstallationID; got != want {
			t.Errorf("%s: the database is another", c.what)
		}
		s.Close()
		if left, _ := filepath.Glob(path + restoring + "*"); len(left) > 0 {
			t.Errorf("%s: left over: %v", c.what, left)
		}
	}
}

// A database that is damaged or gone is what backups are for.
func TestRestoreOverDamage(t *testing.T) {
	for what, damage := range map[string]func(path string) error{
		"gone":    os.Remove,
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"garbage": func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("x", 100_000)), 0o600) },
	} {
		path := filepath.Join(t.TempDir(), "auth.db")
		s := openAt(t, path)
		want := installation(t, s).InstallationID
		backupOf(t, s, path+"-copy")
		s.Close()
		if err := damage(path); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{}); err == nil {
			t.Errorf("%s: it can be opened", what)
		}
		if _, err := Restore(path, path+"-copy", Options{}, nil); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		s = openAt(t, path)
		if got := installation(t, s).InstallationID; got != want {
			t.Errorf("%s: restored %s, want %s", what, got, want)
		}
		s.Close()
	}
}

// The log of a database that is gone is put aside with it: it would keep the
// restored one from being opened.
func TestRestoreBesideALog(t *testing.T) {
	f := unclosed(t, 1<<20, 3, 4)
	path := f.install(t)
	s := openAt(t, path)
	backupOf(t, s, path+"-copy")
	s.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(logPath(path), f.log, 0o600); err != nil {
		t.Fatal(err)
	}
	kept, err := Restore(path, path+"-copy", Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(readFile(t, logPath(kept)), f.log) {
		t.Error("the log was not kept")
	}
	s = openAt(t, path)
	defer s.Close()
	if n := countSteps(t, s); n != 7 {
		t.Errorf("%d steps are there", n)
	}
}
