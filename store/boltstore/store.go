package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"github.com/caddyito/caddyito/store"
)

// Store is a store.Store in a file.
type Store struct {
	path string
	db   *bbolt.DB

	log   *wal   // guarded by turn
	logID string // the log's

	waiting atomic.Int64 // Updates that wait for turn
	turn    sync.Mutex   // guards what follows and the log
	batch   *batch       // the open one, if any
	edit    uint64       // of the last batch
	closed  bool

	memory   atomic.Pointer[memory]
	changing sync.Mutex // is held while another memory is put there, after turn and flushing
	flushing sync.Mutex // guards writing to db, after turn
	failure  atomic.Pointer[error]

	full    chan struct{} // a half of the log is
	stop    chan struct{} // closed to end flushInBackground
	flushed chan struct{} // closed when it has ended

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
	tx, m, err := s.snapshot()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return fn(&readTx{tx: tx, above: [...]*tree{m.recent, m.older}})
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

// Close commits what is under way, moves the log to the database, waits for
// readers and lets the file go.
func (s *Store) Close() error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.batch != nil {
		s.finish()
	}
	close(s.stop)
	s.turn.Unlock() // for the one that flushes, which may be waiting for it
	<-s.flushed
	s.turn.Lock()
	err := s.endLog()
	if err != nil {
		err = fmt.Errorf("closing the database: %w; the last writes are in %s, and are moved when it is opened again", err, logPath(s.path))
	}
	if e := s.db.Close(); e != nil {
		err = errors.Join(err, fmt.Errorf("closing the database %s: %w", s.path, e))
	}
	return err
}

// endLog moves all that is in the log to the database, and removes it.
func (s *Store) endLog() error {
	err := s.moveAll()
	if err == nil {
		err = s.guard(func() error {
			return flush(s.db, new(tree), logMark{Log: s.logID, Seq: s.log.seq}, flushWrites)
		})
	}
	if e := s.log.file.Close(); err != nil || e != nil {
		return errors.Join(err, e)
	}
	return os.Remove(logPath(s.path))
}
