package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// editStore works on the database of a Caddy that is stopped.
func (c *caddy) editStore(fn func(store.Store) error) {
	c.t.Helper()
	s, err := boltstore.Open(filepath.Join(c.dataDir(), "caddyito", "auth.db"), boltstore.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	defer s.Close()
	if err := fn(s); err != nil {
		c.t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		c.t.Fatal(err)
	}
}

// change writes users until n changes were made: it makes those who are not
// there yet, and changes the others.
func change(s store.Store, users, n int) error {
	const page = 5000
	for from := 0; from < n; from += page {
		err := s.Update(context.Background(), func(tx store.WriteTx) error {
			for i := from; i < min(from+page, n); i++ {
				name := fmt.Sprint("crowd", i%users)
				u, err := tx.UserByUsername(name)
				if err != nil {
					u = &store.User{Username: name, IsActive: true, DateJoined: time.Now(), Fields: store.Fields{"company": store.Ref{Type: "company", ID: 1}}}
				}
				u.FirstName = fmt.Sprint("Change ", i)
				if err := tx.PutUser(u, nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sameAs waits until both sides hold the same, by the digest of all records,
// and stops both to look.
func (b *boxes) sameAs(limit time.Duration) {
	t := b.serverCaddy.t
	t.Helper()
	waitFor(t, limit, b.settled)
	b.gateCaddy.stop()
	b.serverCaddy.stop()
	var feed store.Feed
	b.serverCaddy.editStore(func(s store.Store) error {
		return s.View(context.Background(), func(tx store.ReadTx) (err error) {
			feed, err = tx.Feed()
			return err
		})
	})
	b.gateCaddy.editStore(func(s store.Store) error {
		return s.View(context.Background(), func(tx store.ReadTx) error {
			m, err := tx.MirrorState(authapp.Realm("wiki", b.server))
			if err == nil && (m.FeedID != feed.ID || m.Seq != feed.Head || m.Digest != feed.Digest) {
				t.Errorf("the gate holds %+v, the server %+v", m, feed)
			}
			return err
		})
	})
}

// A gate that is down while 100,000 changes pass has them soon after.
func TestSyncManyMissed(t *testing.T) {
	t.Parallel()
	b := startBoxes(t)
	waitFor(t, time.Minute, b.settled)
	b.gateCaddy.stop()
	b.serverCaddy.stop()
	b.serverCaddy.editStore(func(s store.Store) error { return change(s, 30_000, 100_000) })
	b.serverCaddy.start(b.serverFile)
	b.gateCaddy.start(b.gateFile)
	b.sameAs(time.Minute)
}

// Either side is killed again and again in the midst of being filled, at random
// moments.
func TestSyncKilledInMidBatch(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	b := startBoxes(t)
	b.gateCaddy.stop()
	b.serverCaddy.stop()
	b.serverCaddy.editStore(func(s store.Store) error { return change(s, 40_000, 40_000) })
	b.serverCaddy.start(b.serverFile)
	b.gateCaddy.start(b.gateFile)
	broken := 0
	for i := range 6 {
		time.Sleep(time.Duration(r.Int64N(int64(400 * time.Millisecond)))) // the moment is what varies
		if b.settled() != nil {
			broken++
		}
		side, file := b.gateCaddy, b.gateFile
		if i%2 == 1 {
			side, file = b.serverCaddy, b.serverFile
		}
		side.kill()
		side.start(file)
	}
	t.Logf("%d of 6 kills came before all was there", broken)
	b.sameAs(time.Minute)
	for _, c := range []*caddy{b.serverCaddy, b.gateCaddy} {
		if log := c.log.String(); strings.Contains(log, "filled anew: it lost") {
			t.Errorf("a crash made a mirror begin anew:\n%s", log)
		}
	}
}

// What an operator sees of a gate that is down, refuses, and is well again.
func TestSyncStatusTells(t *testing.T) {
	t.Parallel()
	b := startBoxes(t)
	waitFor(t, time.Minute, b.settled)
	status := func(want ...string) {
		t.Helper()
		waitFor(t, time.Minute, func() error {
			s := b.serverCaddy.auth("", "sync", "status")
			for _, w := range want {
				if !strings.Contains(s, w) {
					return fmt.Errorf("the status does not say %q:\n%s", w, s)
				}
			}
			return nil
		})
	}
	logged := func(c *caddy, want string) {
		t.Helper()
		waitFor(t, time.Minute, func() error {
			if !strings.Contains(c.log.String(), want) {
				return fmt.Errorf("the log does not say %q", want)
			}
			return nil
		})
	}
	b.gateCaddy.stop()
	b.serverCaddy.auth("", "user", "set", "bob", "first_name=Bobby")
	status("wiki", "failing", "refused", "1, ")
	logged(b.serverCaddy, "cannot reach a client")

	b.gateCaddy.start(b.gateWith(strings.Repeat("another", 6)))
	status("parked", "different client secrets")
	logged(b.serverCaddy, "parked until")
	b.gateCaddy.stop()
	b.gateCaddy.start(b.gateFile)
	// Which error was the last depends on whether it was tried while nobody was
	// there; that one stays in sight is seen below.
	status("follows")
	logged(b.serverCaddy, "takes changes again")

	out := b.serverCaddy.auth("", "sync", "resync", "wiki", "--wait")
	if !strings.Contains(out, "100%") {
		t.Errorf("resync --wait shows %q", out)
	}
	logged(b.serverCaddy, "as was asked for")
	logged(b.serverCaddy, "the mirror of a client is complete")
	v := b.serverCaddy.authJSON("", "sync", "resync", "wiki", "--wait")
	if v["client_id"] != "wiki" || v["lag"] != 0.0 || v["resync"] != false || v["last_success_at"] == nil || v["last_error"] == nil {
		t.Errorf("resync --wait --json says %v", v)
	}
	if m := b.serverCaddy.metrics(); m[`caddy_auth_sync_failures_total{client="wiki"}`] < 2 || m[`caddy_auth_sync_parked{client="wiki"}`] != 0 {
		t.Errorf("the metrics: %v", m)
	}
}
