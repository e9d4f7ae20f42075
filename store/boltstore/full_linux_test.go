package boltstore_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// fullDir tells the test binary that it is the child of TestFullDisk.
const fullDir = "BOLTSTORE_FULL_DIR"

// TestFullDisk has a commit fail because the file may not be written any
// further, in a process of its own, since the limit holds for all its files.
// Nothing of what failed is there, and when there is space again all goes on.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(fullDir); dir != "" {
		t.Run("growing", func(t *testing.T) { fillUp(t, filepath.Join(dir, "growing.db"), false) })
		t.Run("writing", func(t *testing.T) { fillUp(t, filepath.Join(dir, "writing.db"), true) })
		t.Run("moving", func(t *testing.T) { fillWhileMoving(t, filepath.Join(dir, "moving.db")) })
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), fullDir+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), "--- PASS: TestFullDisk/") != 3 {
		t.Errorf("%v\n%s", err, out)
	}
}

// fillUp lets a file grow no further, or not be written beyond its middle.
func fillUp(t *testing.T, path string, middle bool) {
	signal.Ignore(syscall.SIGXFSZ) // the write fails instead
	s := open(t, path)
	must := func(fn func(store.WriteTx) error) {
		t.Helper()
		if err := s.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	put := func(kind string, n int64) func(store.WriteTx) error {
		return func(tx store.WriteTx) error {
			for i := range n {
				if err := tx.PutSession(benchSession(kind, i)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	count := func(kind string, n int64) (found int) {
		t.Helper()
		err := s.View(t.Context(), func(tx store.ReadTx) error {
			for i := range n {
				if _, err := tx.Session(store.ServerRealm, benchHash(kind, i)); err == nil {
					found++
				} else if !errors.Is(err, store.ErrNotFound) {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	const before = 1000
	big := int64(40_000) // more than the file grows by
	if middle {
		big = 10_000
	}
	must(put("before", before))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	limit := uint64(info.Size())
	if middle {
		limit = 1 << 20 // within the 16 MB by which a file grows
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	// All who share a commit share its fate.
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			err := s.Update(t.Context(), put("big", big))
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "file too large") {
				t.Errorf("with no space left: %v; want an error with the path and the reason", err)
			}
			if err != nil && strings.Contains(err.Error(), "restart") {
				t.Errorf("it gave up: %v", err)
			}
		})
	}
	wg.Wait()
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if n := count("big", big); n != 0 {
		t.Errorf("%d of a write that failed are there", n)
	}
	if n := count("before", before); n != before {
		t.Errorf("%d of %d from before are left", n, before)
	}
	must(put("after", 100))
	must(put("big", big))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkFile(t, path)
	if s, err = boltstore.Open(path, boltstore.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if a, b, c := count("before", before), count("big", big), count("after", 100); a != before || int64(b) != big || c != 100 {
		t.Errorf("after reopening there are %d, %d and %d", a, b, c)
	}
}

// fillWhileMoving lets the database grow no further while there is room in the
// log: writing goes on until the log is full too, nothing that was acknowledged is
// lost, and all is moved when there is space again.
func fillWhileMoving(t *testing.T, path string) {
	signal.Ignore(syscall.SIGXFSZ)
	options := boltstore.SmallLog(512 << 10)
	told := make(chan error, 10)
	options.Trouble = func(err error) { told <- err }
	s, err := boltstore.Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	put := func(n int64) error {
		return s.Update(t.Context(), func(tx store.WriteTx) error { return tx.PutSession(benchSession("s", n)) })
	}
	acknowledged := int64(0)
	write := func(n int64) {
		t.Helper()
		for range n {
			if err := put(acknowledged); err != nil {
				t.Fatal(err)
			}
			acknowledged++
		}
	}
	write(2000) // both halves have their size
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 2 << 20, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	for err = error(nil); err == nil && acknowledged < 100_000; {
		if err = put(acknowledged); err == nil {
			acknowledged++
		}
	}
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "file too large") || strings.Contains(err.Error(), "restart") {
		t.Errorf("after %d: %v; want an error with the path and the reason", acknowledged, err)
	}
	there := func() {
		t.Helper()
		err := s.View(t.Context(), func(tx store.ReadTx) error {
			for i := range acknowledged {
				if _, err := tx.Session(store.ServerRealm, benchHash("s", i)); err != nil {
					return fmt.Errorf("session %d: %w", i, err)
				}
			}
			if _, err := tx.Session(store.ServerRealm, benchHash("s", acknowledged)); !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("what failed is there: %w", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	there()
	if err := <-told; err == nil || !strings.Contains(err.Error(), "file too large") {
		t.Errorf("told of %v; want the reason", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	there()
	write(3000)
	if err := <-told; err != nil {
		t.Errorf("told of %v; want that all is well again", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkFile(t, path)
	s = open(t, path)
	there()
}
