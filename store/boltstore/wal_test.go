package boltstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddyito/caddyito/store"
)

// unclosed is what a process leaves that is killed after some steps, the last of
// them in the log alone.
func unclosed(t *testing.T, half int64, moved, logged int) files {
	t.Helper()
	s, path := openSmall(t, half)
	defer s.Close()
	writeSteps(t, s, 0, moved)
	s.turn.Lock()
	err := s.moveAll()
	s.turn.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	writeSteps(t, s, moved, logged)
	return files{readFile(t, path), readFile(t, logPath(path)), readFile(t, markerPath(path))}
}

func openSmall(t *testing.T, half int64) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "auth.db")
	s, err := Open(path, SmallLog(half))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, path
}

func writeSteps(t *testing.T, s *Store, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		if err := s.Update(t.Context(), func(tx store.WriteTx) error { return writeStep(tx, i) }); err != nil {
			t.Fatal(err)
		}
	}
}

// holds opens files and counts the steps in them.
func (f files) holds(t *testing.T, want int) {
	t.Helper()
	s, err := Open(f.install(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := countSteps(t, s); n != want {
		t.Errorf("%d steps are there; want %d", n, want)
	}
}

func countSteps(t *testing.T, s *Store) (n int) {
	t.Helper()
	err := s.View(t.Context(), func(tx store.ReadTx) error {
		users, err := tx.Users(0, 10_000)
		n = len(users)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// refused: the files do not open, and are not changed; the error has these words.
func (f files) refused(t *testing.T, words ...string) {
	t.Helper()
	path := f.install(t)
	s, err := Open(path, Options{})
	if err == nil {
		s.Close()
		t.Fatalf("it opened; want an error with %q", words)
	}
	for _, word := range append(words, logPath(path)) {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error is %q; want one with %q", err, word)
		}
	}
	if !bytes.Equal(readFile(t, path), f.db) {
		t.Error("the database was changed")
	}
	if f.log != nil && !bytes.Equal(readFile(t, logPath(path)), f.log) {
		t.Error("the log was changed")
	}
}

func TestLogReplayed(t *testing.T) {
	f := unclosed(t, 1<<20, 3, 4)
	f.holds(t, 7)
	f.marker = nil
	f.holds(t, 7)
	// Zeros, or the rest of an earlier lap, after the last record are of no account.
	f.log = append(f.log, make([]byte, 1000)...)
	f.holds(t, 7)
}

func TestLogMissing(t *testing.T) {
	f := unclosed(t, 1<<20, 3, 4)
	log := f.log
	f.log = nil
	f.refused(t, "was not closed", "missing", "remove")
	f.marker = nil // as it says
	f.holds(t, 3)
	// The feed begins anew: what mirrors saw of the lost writes never was.
	feedOf := func(f files) (feed store.Feed) {
		s, err := Open(f.install(t), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.View(t.Context(), func(tx store.ReadTx) (err error) { feed, err = tx.Feed(); return err }); err != nil {
			t.Fatal(err)
		}
		return feed
	}
	whole := f
	whole.log = log
	if a, b, lost := feedOf(whole), feedOf(whole), feedOf(f); a.ID != b.ID || lost.ID == a.ID || lost.ID == "" {
		t.Errorf("the feed's id is %q and %q with the log, and %q without", a.ID, b.ID, lost.ID)
	}
}

func TestLogDamaged(t *testing.T) {
	f := unclosed(t, 1<<20, 3, 4)
	whole := f.log
	tag := newStamp(headOfLog(t, whole).Log).tag
	var records []int
	for at := 0; ; {
		i := bytes.Index(whole[at:], tag[:])
		if i < 0 {
			break
		}
		records = append(records, at+i)
		at += i + 1
	}
	if len(records) < 4 {
		t.Fatalf("%d records are in the log", len(records))
	}
	records = records[len(records)-4:]
	for i, at := range records {
		for _, in := range []int{0, 9, 17, 21, 30, 200} {
			f.log = bytes.Clone(whole)
			f.log[at+in] ^= 1
			if i < 3 {
				f.refused(t, "damaged", "Restore a backup")
			} else {
				f.holds(t, 6) // as if it had not been written to its end
			}
		}
	}
	f.log = whole[:records[2]]
	f.holds(t, 5)
	for _, bad := range [][]byte{{}, []byte("{"), bytes.Repeat([]byte("x"), 5000), make([]byte, 100_000), []byte("{}")} {
		f.log = bad
		f.refused(t, "damaged", "Restore a backup")
	}
}

func headOfLog(t *testing.T, log []byte) (h logHead) {
	t.Helper()
	if err := json.NewDecoder(bytes.NewReader(log)).Decode(&h); err != nil {
		t.Fatal(err)
	}
	return h
}

// closed is a database that was closed after some steps.
func closed(t *testing.T, f files) files {
	t.Helper()
	path := f.install(t)
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return files{db: readFile(t, path), marker: readFile(t, markerPath(path))}
}

func TestLogOfAnother(t *testing.T) {
	a, b := unclosed(t, 1<<20, 3, 4), unclosed(t, 1<<20, 3, 4)
	files{a.db, b.log, a.marker}.refused(t, "another database")
	files{a.db, b.log, nil}.refused(t, "another database")
	clean := closed(t, a)
	clean.holds(t, 7)
	files{clean.db, b.log, clean.marker}.refused(t, "another database", "remove the log")
	// Its own log, which it no longer needs: it was killed before removing that.
	s, path := openSmall(t, 1<<20)
	writeSteps(t, s, 0, 7)
	log := readFile(t, logPath(path))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files{readFile(t, path), log, readFile(t, markerPath(path))}.holds(t, 7)
}

// TestLogOfALaterState: a backup of a database was put beside the log of a later
// state of it.
func TestLogOfALaterState(t *testing.T) {
	old := closed(t, unclosed(t, 1<<20, 3, 4))
	path := old.install(t)
	s, err := Open(path, SmallLog(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	current := func() files {
		return files{readFile(t, path), readFile(t, logPath(path)), readFile(t, markerPath(path))}
	}
	begun := current()
	files{old.db, begun.log, old.marker}.holds(t, 7) // nothing is in it
	writeSteps(t, s, 7, 1)
	files{old.db, current().log, old.marker}.refused(t, "later state", "remove the log")
	early := current()
	writeSteps(t, s, 8, 300) // the log has gone round
	files{early.db, current().log, early.marker}.refused(t, "does not belong to this state")
	files{old.db, current().log, old.marker}.refused(t, "later state")
	if n := countSteps(t, s); n != 308 {
		t.Errorf("%d steps", n)
	}
}

// TestLogBounded: neither the log nor the memory grows with what is written, and
// all of it arrives.
func TestLogBounded(t *testing.T) {
	const half = 32 << 10
	s, path := openSmall(t, half)
	writeSteps(t, s, 0, 400)
	info, err := os.Stat(logPath(path))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > logHeadSize+2*half {
		t.Errorf("the log has %d bytes", info.Size())
	}
	if perm := info.Mode().Perm(); perm != 0o600 {
		t.Errorf("the log has mode %o", perm)
	}
	m := s.memory.Load()
	size := 0
	for _, tr := range []*tree{m.recent, m.older} {
		if tr != nil {
			for _, it := range tr.all() {
				size += len(it.key) + len(it.value)
			}
		}
	}
	if size > 2*half {
		t.Errorf("%d bytes are in memory", size)
	}
	if n := countSteps(t, s); n != 400 {
		t.Errorf("%d steps are seen", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(logPath(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a log is left: %v", err)
	}
	files{db: readFile(t, path), marker: readFile(t, markerPath(path))}.holds(t, 400)
}

// TestLogLarge: what has no room in the log is written all the same, and what
// comes before and after it stays in order.
func TestLogLarge(t *testing.T) {
	s, path := openSmall(t, 16<<10)
	current := func() files {
		return files{readFile(t, path), readFile(t, logPath(path)), readFile(t, markerPath(path))}
	}
	large := func(from int) {
		err := s.Update(t.Context(), func(tx store.WriteTx) error {
			for i := from; i < from+100; i++ {
				if err := writeStep(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	writeSteps(t, s, 0, 3)
	s.turn.Lock()
	err := s.moveAll()
	s.turn.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	before := current()
	large(3)
	current().holds(t, 103)
	writeSteps(t, s, 103, 2)
	if n := countSteps(t, s); n != 105 {
		t.Errorf("%d steps are seen", n)
	}
	current().holds(t, 105)
	// What comes after it in the log does not go on from what was before it.
	files{before.db, current().log, before.marker}.refused(t, "does not belong to this state")
	large(105)
	large(205) // with nothing between them
	current().holds(t, 305)
	closed(t, current()).holds(t, 305)
}

// TestLogLargeSeen: who began to read before a write that goes to the database at
// once does not see what came after it without that write itself.
func TestLogLargeSeen(t *testing.T) {
	s, _ := openSmall(t, 16<<10)
	writeSteps(t, s, 0, 3)
	s.turn.Lock()
	err := s.moveAll()
	s.turn.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	tx, before, err := s.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := s.Update(t.Context(), func(tx store.WriteTx) error {
		for i := 3; i < 103; i++ {
			if err := writeStep(tx, i); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	writeSteps(t, s, 103, 1)
	if s.memory.Load().era == before.era {
		t.Error("the memory of later writes is put over the database as it was before a large one")
	}
}

// TestFlushInTime: what was written is moved to the database before long, also
// when nobody writes any more.
func TestFlushInTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	s, err := Open(path, Options{flushEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	writeSteps(t, s, 0, 3)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if m := s.memory.Load(); m.recent.empty() && m.older == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it is still in memory")
		}
	}
	if n := countSteps(t, s); n != 3 {
		t.Errorf("%d steps are seen", n)
	}
}

// TestOpenFormat1 opens a database from before there was a log.
func TestOpenFormat1(t *testing.T) {
	f := closed(t, unclosed(t, 1<<20, 3, 4))
	path := f.install(t)
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte(bucketNames[bMeta]))
		return errors.Join(meta.Delete(keyLog), meta.Put(keyFormat, []byte("1")))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	f.db = readFile(t, path)
	f.holds(t, 7)
}

// FuzzLog reads garbage as a log: it must not panic, nor take anything for a
// record that was not written.
func FuzzLog(f *testing.F) {
	l := &wal{stamp: newStamp("x"), size: 1 << 20}
	w := &writeTx{edit: 1}
	if err := errors.Join(w.put(bUser, []byte("key"), []byte("value")), w.del(bClient, []byte("c"))); err != nil {
		f.Fatal(err)
	}
	f.Add(l.encode(w.writes))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := findRecords("x", append(make([]byte, logHeadSize), b...), 0)
		if err != nil {
			return
		}
		for _, r := range records {
			tr := new(tree)
			if err := tr.replay(r, 1); err == nil && !bytes.Contains(b, r.writes) {
				t.Error("a record came from nowhere")
			}
		}
		// What a record may hold, whole or not.
		_ = new(tree).replay(logRecord{1, b}, 1)
	})
}
