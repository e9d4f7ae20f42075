package boltstore

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddyito/caddyito/store"
)

// crash is a store that writes in steps, and what its disk holds.
type crash struct {
	*testing.T
	random *rand.Rand
	s      *Store
	path   string
	steps  int // that were acknowledged
}

// files are what is on a disk.
type files struct{ db, log, marker []byte }

func (c *crash) files() files {
	return files{c.db(), readFile(c, logPath(c.path)), readFile(c, markerPath(c.path))}
}

// db is the database, of which most is not yet in use.
func (c *crash) db() []byte {
	c.Helper()
	const enough = 2 << 20
	f, err := os.Open(c.path)
	if err != nil {
		c.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, enough))
	if err != nil {
		c.Fatal(err)
	}
	err = c.s.db.View(func(tx *bbolt.Tx) error {
		if tx.Size() > enough {
			c.Fatalf("the database has %d bytes", tx.Size())
		}
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
	return b
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// install puts files where a store is looked for.
func (f files) install(t testing.TB) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "auth.db")
	for name, b := range map[string][]byte{path: f.db, logPath(path): f.log, markerPath(path): f.marker} {
		if b == nil {
			continue
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// lives is how many steps a session lives.
const lives = 5

var crashDay = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// writeStep writes what the next step leaves, and takes away what an earlier one left.
func writeStep(tx store.WriteTx, i int) error {
	id := fmt.Sprintf("%06d", i)
	u := &store.User{Username: id, DateJoined: crashDay}
	if err := tx.PutUser(u, nil); err != nil {
		return err
	}
	hash := store.HashOf(id)
	err := errors.Join(
		tx.PutFamily(&store.Family{ID: id, ClientID: "wiki", UserID: u.ID, CreatedAt: crashDay, ExpiresAt: crashDay}),
		tx.PutToken(&store.Token{Kind: store.KindCode, Hash: hash, Family: id, CreatedAt: crashDay, ExpiresAt: crashDay}),
		tx.PutSession(&store.Session{Realm: "server", Hash: hash, Subject: id, CreatedAt: crashDay, ExpiresAt: crashDay, IdleExpiresAt: crashDay, UserAgent: strings.Repeat("x", i%700)}))
	if err != nil {
		return err
	}
	if i > 0 {
		if _, err := tx.SpendToken(store.KindCode, store.HashOf(fmt.Sprintf("%06d", i-1))); err != nil {
			return err
		}
	}
	if i >= lives {
		return tx.DeleteSession("server", store.HashOf(fmt.Sprintf("%06d", i-lives)))
	}
	return nil
}

// survives opens files and expects in them the steps that were acknowledged, and
// at most one more, whole.
func (c *crash) survives(f files, when string) {
	c.Helper()
	path := f.install(c)
	s, err := Open(path, SmallLog(1<<20))
	if err != nil {
		c.Fatalf("step %d, %s: %v", c.steps, when, err)
	}
	defer s.Close()
	err = s.Update(c.Context(), func(tx store.WriteTx) error {
		feed, err := tx.Feed()
		if err != nil {
			return err
		}
		n := int(feed.Head)
		if n < c.steps || n > c.steps+1 {
			return fmt.Errorf("%d steps are there; %d were acknowledged", n, c.steps)
		}
		for i := max(0, n-40); i <= n; i++ {
			id := fmt.Sprintf("%06d", i)
			_, errUser := tx.UserByUsername(id)
			_, errSession := tx.Session("server", store.HashOf(id))
			_, errCode := tx.Token(store.KindCode, store.HashOf(id))
			_, errSpend := tx.SpendToken(store.KindCode, store.HashOf(id))
			if i < n != (errUser == nil) {
				return fmt.Errorf("of %d steps, the user of step %d: %v", n, i, errUser)
			}
			if (i < n && i >= n-lives) != (errSession == nil) {
				return fmt.Errorf("of %d steps, the session of step %d: %v", n, i, errSession)
			}
			if (i == n-1) != (errCode == nil) || i < n-1 && !errors.Is(errSpend, store.ErrSpent) {
				return fmt.Errorf("of %d steps, the code of step %d: %v, %v", n, i, errCode, errSpend)
			}
		}
		return nil
	})
	if err != nil {
		c.Fatalf("step %d, %s: %v", c.steps, when, err)
	}
	if err := s.Close(); err != nil {
		c.Fatal(err)
	}
	if _, err := os.Stat(logPath(path)); !errors.Is(err, os.ErrNotExist) {
		c.Fatalf("step %d, %s: a log is left: %v", c.steps, when, err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		c.Fatal(err)
	}
	defer db.Close()
	_ = db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			c.Fatalf("step %d, %s: %v", c.steps, when, err)
		}
		return nil
	})
}

// partly is before with some of the sectors of after, as the power loss leaves
// them that comes before the sync. What must not be there yet is kept.
func (c *crash) partly(before, after []byte, sector, from int) []byte {
	b := append([]byte(nil), before...)
	b = append(b, make([]byte, max(0, len(after)-len(before)))...)
	all := c.random.IntN(8) == 0
	for at := from; at < len(after); at += sector {
		if end := min(at+sector, len(after)); all || c.random.IntN(2) == 0 {
			copy(b[at:end], after[at:end])
		}
	}
	return b
}

// moving is the database in the midst of being written a piece of a tree: with
// some whole commits of it, and some pages of one more.
func (c *crash) moving(db []byte, t *tree) []byte {
	path := filepath.Join(c.TempDir(), "db")
	if err := os.WriteFile(path, db, 0o600); err != nil {
		c.Fatal(err)
	}
	commit := func(n int, from *[]byte) {
		b, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
		if err != nil {
			c.Fatal(err)
		}
		defer b.Close()
		err = b.Update(func(tx *bbolt.Tx) error {
			r, i := &readTx{tx: tx}, 0
			for b, it := range t.all() {
				if i++; i > n {
					break
				}
				if it.is == kept {
					err = r.bucket(b).Put(it.key, it.value)
				} else {
					err = r.bucket(b).Delete(it.key)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			c.Fatal(err)
		}
		*from = readFile(c, path)[:len(db)]
	}
	all := 0
	for range t.all() {
		all++
	}
	var some, more []byte
	n := c.random.IntN(all)
	commit(n, &some)
	commit(n+1+c.random.IntN(all-n), &more)
	const pageSize = 4096
	return c.partly(some, more, pageSize, 2*pageSize) // the meta pages come after a sync
}

// TestPowerLoss writes, and at every step cuts the power at some moment: while a
// record is written, while the log is moved to the database, or between.
func TestPowerLoss(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := &crash{T: t, random: rand.New(rand.NewPCG(seed, 0)), path: filepath.Join(t.TempDir(), "auth.db")}
	o := SmallLog(8 << 10)
	o.LockTimeout = time.Second
	db, err := openBolt(c.path, o, false)
	if err != nil {
		t.Fatal(err)
	}
	if c.s, err = begin(db, c.path, "", o); err != nil {
		t.Fatal(err)
	}
	close(c.s.flushed) // nothing is moved but here
	defer c.s.Close()
	for c.steps < 60 {
		before := c.files()
		c.survives(before, "at rest")
		if older := c.s.memory.Load().older; older != nil {
			f := before
			f.db = c.moving(before.db, older)
			c.survives(f, "moving")
		}
		if c.s.memory.Load().older != nil && (c.s.log.at > c.s.log.size/2 || c.random.IntN(4) == 0) {
			if err := c.s.flushOlder(); err != nil {
				t.Fatal(err)
			}
			before.db = c.db()
			c.survives(before, "moved")
		}
		if err := c.s.Update(t.Context(), func(tx store.WriteTx) error { return writeStep(tx, c.steps) }); err != nil {
			t.Fatal(err)
		}
		after := c.files()
		for range 3 {
			f := before
			f.log = c.partly(before.log, after.log, 512, 0)
			c.survives(f, "in a record")
		}
		c.steps++
		c.survives(after, "after a record")
		if c.random.IntN(10) == 0 {
			c.s.turn.Lock()
			c.s.rotate()
			c.s.turn.Unlock()
		}
	}
}
