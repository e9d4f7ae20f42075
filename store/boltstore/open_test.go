package boltstore_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

func open(t testing.TB, path string) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(path, boltstore.Options{LockTimeout: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// made is the path of a store that holds something and is closed.
func made(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "auth.db")
	s := open(t, path)
	for i := range 20 {
		err := s.Update(t.Context(), func(tx store.WriteTx) error {
			for j := range 50 {
				if err := tx.PutSession(benchSession("s", int64(50*i+j))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// refuses says that a store does not open, why, and that nothing was changed.
func refuses(t testing.TB, path, why string) {
	t.Helper()
	before, errBefore := os.ReadFile(path)
	s, err := boltstore.Open(path, boltstore.Options{LockTimeout: 10 * time.Millisecond})
	if err == nil {
		s.Close()
		t.Errorf("it opened; want an error with %q", why)
		return
	}
	if !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), path) {
		t.Errorf("the error is %q; want one with %q and the file's name", err, why)
	}
	after, errAfter := os.ReadFile(path)
	if !bytes.Equal(before, after) || (errBefore == nil) != (errAfter == nil) {
		t.Error("the file was changed")
	}
}

// inUse is the file at path up to the last page in use.
func inUse(t testing.TB, path string) []byte {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var size int64
	if err := db.View(func(tx *bbolt.Tx) error { size = tx.Size(); return nil }); err != nil {
		t.Fatal(err)
	}
	return read(t, path)[:size]
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpenModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no modes on Windows")
	}
	path := filepath.Join(t.TempDir(), "a", "b", "auth.db")
	open(t, path)
	for name, want := range map[string]os.FileMode{path: 0o600, path + ".id": 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o; want %o", name, got, want)
		}
	}
}

func TestOpenLocked(t *testing.T) {
	path := made(t)
	s := open(t, path)
	_, err := boltstore.Open(path, boltstore.Options{LockTimeout: 10 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "caddy reload") {
		t.Errorf("opening twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestOpenLostDatabase(t *testing.T) {
	path := made(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refuses(t, path, "missing or empty")
	write(t, path, nil)
	refuses(t, path, "missing or empty")
	// A database that was begun elsewhere, put here.
	write(t, path, read(t, made(t)))
	refuses(t, path, "not the one that was here")
	// An empty bbolt file is no installation either.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	refuses(t, path, "another program")
	// The marker gone, it is a new beginning.
	if err := os.Remove(path + ".id"); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestOpenMarker(t *testing.T) {
	path := made(t)
	marker := read(t, path+".id")
	// A database without a marker gets its own back.
	if err := os.Remove(path + ".id"); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	if got := read(t, path+".id"); !bytes.Equal(got, marker) {
		t.Errorf("the marker was %q and is %q", marker, got)
	}
	var meta store.Meta
	if err := s.View(t.Context(), func(tx store.ReadTx) (err error) { meta, err = tx.Meta(); return err }); err != nil {
		t.Fatal(err)
	}
	if string(bytes.TrimSpace(marker)) != meta.InstallationID {
		t.Errorf("the marker names %q; want %q", marker, meta.InstallationID)
	}
	s.Close()
	for _, bad := range []string{"", "\n", strings.Repeat("x", 200)} {
		write(t, path+".id", []byte(bad))
		refuses(t, path, "should name the installation")
	}
}

func TestOpenForeign(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("other")); return err })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	refuses(t, path, "another program")
	if _, err := os.Stat(path + ".id"); err == nil {
		t.Error("a marker was put beside a foreign file")
	}
}

func TestOpenNewerFormat(t *testing.T) {
	path := made(t)
	for _, format := range []string{"5", "999", "x"} {
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte(format)) })
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		refuses(t, path, "newer version")
	}
}

func TestOpenGarbage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	random := make([]byte, 100_000)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	for _, b := range [][]byte{{0}, []byte("<html>"), make([]byte, 4096), make([]byte, 100_000), random, bytes.Repeat([]byte("SQLite format 3\x00"), 1000)} {
		write(t, path, b)
		refuses(t, path, path)
		if _, err := os.Stat(path + ".id"); err == nil {
			t.Fatal("a marker was put beside garbage")
		}
	}
}

func TestOpenTruncated(t *testing.T) {
	path := made(t)
	whole := inUse(t, path)
	used := len(whole)
	for _, size := range []int{1, 15, 16, 80, 1000, 4095, 4096, 4097, 8191, 8192, 8193, 3 * 4096, 4 * 4096, used / 3, used / 2, used - 4096, used - 1} {
		write(t, path, whole[:size])
		refuses(t, path, "damaged")
	}
	// What lies beyond the last page in use is of no account.
	write(t, path, whole[:used])
	open(t, path)
}

// TestOpenDamagedPages overwrites pages in the midst of the file. Whatever they
// hold, opening must not crash the process; it may succeed where the damage hit
// a free page or a value.
func TestOpenDamagedPages(t *testing.T) {
	path := made(t)
	whole := inUse(t, path)
	refused := 0
	for page := 2; page < len(whole)/4096; page += 1 + page/40 {
		for _, fill := range []byte{0x00, 0xff} {
			b := bytes.Clone(whole)
			for i := range 4096 {
				b[page*4096+i] = fill
			}
			write(t, path, b)
			s, err := boltstore.Open(path, boltstore.Options{})
			if err != nil {
				refused++
				if after := read(t, path); !bytes.Equal(after, b) {
					t.Fatal("a damaged file was changed")
				}
				continue
			}
			s.Close()
		}
	}
	if refused == 0 {
		t.Error("no damage was noticed")
	}
}

func TestOpenUnwritable(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), nil)
	if _, err := boltstore.Open(filepath.Join(dir, "file", "auth.db"), boltstore.Options{}); err == nil {
		t.Error("a file served as a directory")
	}
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := boltstore.Open(filepath.Join(dir, "dir"), boltstore.Options{}); err == nil {
		t.Error("a directory served as a database")
	}
}

func TestLeasesEndWithTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	acquire := func(s *boltstore.Store, holder string) (has bool) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx store.WriteTx) (err error) {
			has, err = store.AcquireLease(tx, "push", holder, time.Now(), time.Hour)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return has
	}
	s, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !acquire(s, "a") || acquire(s, "b") {
		t.Fatal("a lease has one holder")
	}
	s.Close() // without releasing it, as in a crash
	if s, err = boltstore.Open(path, boltstore.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !acquire(s, "b") {
		t.Error("the lease of a process that is no more is still held")
	}
}
