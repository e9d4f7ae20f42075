package boltstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/caddyito/caddyito/store"
)

// Store is a store.Store in a file.
type Store struct {
	path string
	db   *bbolt.DB

	waiting atomic.Int64 // Updates that wait for turn
	turn    sync.Mutex   // guards what follows and the write transaction
	batch   *batch       // the open one, if any
	closed  bool
	broken  error // why nothing more is written

	watch    sync.Mutex // guards watchers, and is held while they are called
	watchers map[*watcher]bool
}

type watcher struct{ fn func(store.Event) }

var _ store.Store = (*Store)(nil)

// View runs fn on the state of the last commit.
func (s *Store) View(ctx context.Context, fn func(store.ReadTx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := s.db.Begin(false)
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return store.ErrClosed
	}
	if err != nil {
		return fmt.Errorf("starting to read: %w", err)
	}
	defer tx.Rollback()
	return fn(&readTx{tx: tx})
}

// Watch calls fn for the events of every commit, one commit after the other.
func (s *Store) Watch(fn func(store.Event)) (stop func()) {
	w := &watcher{fn}
	s.watch.Lock()
	defer s.watch.Unlock()
	s.watchers[w] = true
	return func() {
		s.watch.Lock()
		defer s.watch.Unlock()
		delete(s.watchers, w)
	}
}

// notify tells every watcher each event once.
func (s *Store) notify(events []store.Event) {
	if len(events) == 0 {
		return
	}
	s.watch.Lock()
	defer s.watch.Unlock()
	if len(s.watchers) == 0 {
		return
	}
	seen := make(map[store.Event]bool, len(events))
	events = slices.DeleteFunc(events, func(e store.Event) bool {
		known := seen[e]
		seen[e] = true
		return known
	})
	for w := range s.watchers {
		for _, e := range events {
			w.fn(e)
		}
	}
}

// Close commits what is under way, waits for readers and lets the file go.
func (s *Store) Close() error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.batch != nil {
		s.finish(nil)
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing the database %s: %w", s.path, err)
	}
	return nil
}
