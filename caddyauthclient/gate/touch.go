package gate

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/caddyito/caddyito/store"
)

const (
	touchBatch = 1000             // sessions in one transaction
	touchDelay = 10 * time.Second // from the first touch to the write
)

// touches are the sessions whose use is still to be written. A request writes
// nothing: it notes the use here if the note in the store is old, and the notes
// of all are written together a little later.
type touches struct {
	every  instant // seconds that the store's note may be old
	idle   time.Duration
	realm  string
	store  store.Store
	logger *slog.Logger
	limit  int

	flushing sync.Mutex // one flush at a time; before mu

	mu      sync.Mutex // guards all below
	pending map[store.Hash]instant
	timer   *time.Timer
	closed  bool
}

func newTouches(c *Config) *touches {
	return &touches{
		every:   instant(min(c.SessionIdle/10, 5*time.Minute) / time.Second),
		idle:    c.SessionIdle,
		realm:   c.Name,
		store:   c.Store,
		logger:  c.Logger,
		limit:   c.CacheSize,
		pending: map[store.Hash]instant{},
	}
}

// add notes that s was used now. Of requests at the same time, one notes it.
func (t *touches) add(s *session, seen, now instant) {
	if !s.seen.CompareAndSwap(uint32(seen), uint32(now)) {
		return
	}
	s.idle.Store(uint32(now.add(t.idle)))
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.pending) >= t.limit {
		s.seen.Store(uint32(seen)) // so that it is tried again
		return
	}
	t.pending[s.hash] = now
	if t.timer == nil {
		t.timer = time.AfterFunc(touchDelay, t.flush)
	}
}

// flush writes what is pending.
func (t *touches) flush() {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	t.mu.Lock()
	pending := t.pending
	t.pending = make(map[store.Hash]instant)
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	t.mu.Unlock()

	batch := make(map[store.Hash]instant, min(len(pending), touchBatch))
	for hash, seen := range pending {
		batch[hash] = seen
		if len(batch) == touchBatch {
			t.write(batch)
			clear(batch)
		}
	}
	t.write(batch)
}

func (t *touches) write(batch map[store.Hash]instant) {
	if len(batch) == 0 {
		return
	}
	err := t.store.Update(context.Background(), func(tx store.WriteTx) error {
		for hash, seen := range batch {
			last := seen.time()
			err := tx.TouchSession(t.realm, hash, last, last.Add(t.idle))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		// Nobody is signed out at once for this; the next use tries again.
		t.logger.Error("cannot write when sessions were last used; they may end too early",
			"sessions", len(batch), "error", err)
	}
}

// close writes what is pending and takes no more.
func (t *touches) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.flush()
}
