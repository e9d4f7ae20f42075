package lease

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
	"github.com/caddyito/caddyito/store/storetest"
)

// house is a store and how many work at the same time, in a bubble in which time
// passes as quickly as nobody has anything to do.
type house struct {
	t       *testing.T
	store   *storetest.Faulty
	running sync.WaitGroup
	working atomic.Int64
}

func inHouse(t *testing.T, test func(h *house)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := boltstore.Open(filepath.Join(t.TempDir(), "auth.db"), boltstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		h := &house{t: t, store: storetest.Fail(s)}
		test(h)
		h.running.Wait()
	})
}

// keep has somebody work whenever they have the lease, until end.
func (h *house) keep() (end func()) {
	ctx, end := context.WithCancel(h.t.Context())
	k := &Keeper{Store: h.store, Name: "push", Log: slog.New(slog.DiscardHandler), Now: time.Now}
	h.running.Go(func() {
		k.Run(ctx, func(ctx context.Context) {
			if n := h.working.Add(1); n > 1 {
				h.t.Errorf("%d work at the same time", n)
			}
			<-ctx.Done()
			h.working.Add(-1)
		})
	})
	return end
}

func (h *house) want(working int64, after time.Duration) {
	h.t.Helper()
	time.Sleep(after)
	synctest.Wait()
	if n := h.working.Load(); n != working {
		h.t.Errorf("%d work; want %d", n, working)
	}
}

// take gives the lease to another process.
func (h *house) take(holder string, d time.Duration) {
	h.t.Helper()
	if err := h.store.Update(h.t.Context(), func(tx store.WriteTx) error {
		return tx.PutLease(&store.Lease{Name: "push", Holder: holder, ExpiresAt: time.Now().Add(d)})
	}); err != nil {
		h.t.Fatal(err)
	}
}

// Who ends gives the lease to whoever waits, at once.
func TestHandOver(t *testing.T) {
	inHouse(t, func(h *house) {
		first := h.keep()
		h.want(1, time.Second)
		second := h.keep()
		h.want(1, time.Hour)
		first()
		h.want(1, 2*look)
		second()
		h.want(0, 0)
	})
}

// Who dies with the lease is followed when it has run out.
func TestDeadHolder(t *testing.T) {
	inHouse(t, func(h *house) {
		h.take("dead", ttl)
		end := h.keep()
		h.want(0, ttl-time.Second)
		h.want(1, 2*time.Second)
		end()
	})
}

// Who cannot renew it has stopped when it runs out, for then another may begin.
func TestCannotRenew(t *testing.T) {
	inHouse(t, func(h *house) {
		end := h.keep()
		h.want(1, time.Second)
		h.store.Always(storetest.NotDone)
		h.want(1, renew) // it still is theirs
		h.want(0, ttl-renew)
		h.store.Heal()
		h.want(1, 2*pause)
		end()
	})
}

// Who finds that another has it stops with the next look.
func TestTakenAway(t *testing.T) {
	inHouse(t, func(h *house) {
		end := h.keep()
		h.want(1, time.Second)
		h.take("another", time.Hour)
		h.want(0, renew)
		h.want(1, time.Hour)
		end()
	})
}
