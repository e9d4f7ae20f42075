package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/caddyito/caddyito/store"
)

// A commit costs two waits for the disk, whether it carries one Update or a
// hundred. So those who come while a commit is under way share the next:
//
//	turn: A runs, commits -----------| B C D run, one commit -----| ...
//	      B, C, D come and wait      ^ nobody waits for a timer
//
// Each runs its function in its own goroutine when it has the turn, on the one
// transaction that is open, and passes the turn on; who finds nobody behind
// commits for all. A function that fails is taken back by the journal, and the
// others do not notice.

// maxBatch is how many Updates share a commit at most. It bounds how long the
// first of them waits.
const maxBatch = 256

// batch is a transaction and those who wait for its commit.
type batch struct {
	tx     *writeTx
	n      int
	events []store.Event
	done   chan struct{} // closed after the commit
	err    error         // of the commit; set before done is closed
}

// Update runs fn and returns once it is on the disk, together with what others
// wrote meanwhile.
func (s *Store) Update(ctx context.Context, fn func(store.WriteTx) error) error {
	s.waiting.Add(1)
	s.turn.Lock()
	s.waiting.Add(-1)
	b, err := s.join(ctx, fn)
	if b == nil {
		return err
	}
	<-b.done
	if b.err != nil {
		// Even an error of fn may rest on what others wrote and now is not.
		return b.err
	}
	return err
}

// join runs fn in the open batch, has the batch committed if nobody else will,
// and gives up the turn. It returns no batch if there is nothing to wait for.
func (s *Store) join(ctx context.Context, fn func(store.WriteTx) error) (*batch, error) {
	defer s.turn.Unlock()
	defer s.pass() // also when fn panics or ends its goroutine
	switch err := ctx.Err(); {
	case s.closed:
		return nil, store.ErrClosed
	case s.broken != nil:
		return nil, s.broken
	case err != nil:
		return nil, err
	}
	if s.batch == nil {
		tx, err := s.db.Begin(true)
		if err != nil {
			return nil, fmt.Errorf("starting to write: %w", err)
		}
		s.batch = &batch{tx: &writeTx{readTx: readTx{tx: tx}}, done: make(chan struct{})}
	}
	b := s.batch
	return b, s.run(b, fn)
}

// run calls fn and takes back what it wrote unless it succeeds.
func (s *Store) run(b *batch, fn func(store.WriteTx) error) (err error) {
	b.n++
	w := b.tx
	w.begin()
	succeeded := false
	defer func() {
		if succeeded {
			b.events = append(b.events, w.events...)
		} else if undo := w.undo(s.db); undo != nil {
			s.broken = undo
			s.finish(undo)
		}
	}()
	err = fn(w)
	succeeded = err == nil
	return err
}

// pass commits if nobody waits who could.
func (s *Store) pass() {
	if s.batch == nil {
		return
	}
	if s.batch.n < maxBatch {
		if s.waiting.Load() == 0 {
			// Those whom the last commit woke are about to come back.
			runtime.Gosched()
		}
		if s.waiting.Load() > 0 {
			return
		}
	}
	s.finish(nil)
}

// finish ends the open batch: with a commit, or without one because of err.
func (s *Store) finish(err error) {
	b := s.batch
	s.batch = nil
	defer close(b.done)
	switch {
	case err != nil || !b.tx.dirty:
		b.err = errors.Join(err, rollback(b.tx.tx))
	default:
		b.err = s.commit(b.tx.tx)
	}
	if b.err == nil {
		s.notify(b.events)
	} else {
		s.notify([]store.Event{{Kind: store.EventAll}})
	}
}

// commit returns once the transaction is on the disk.
func (s *Store) commit(tx *bbolt.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the database %s is damaged, restore it from a backup: %v", s.path, p)
			s.broken = err
			_ = rollback(tx)
		}
	}()
	err = tx.Commit()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("writing to the database %s: %w", s.path, err)
	if harmless(err) {
		return err
	}
	s.broken = fmt.Errorf("%w; nothing more is written until a restart, check the disk first", err)
	return s.broken
}

// harmless says whether a commit that failed left the file as it was, as it does
// when there was no space to write or to grow. After a failed sync nobody knows
// what is on the disk: the system may have dropped what it could not write, and
// the next sync would not tell.
func harmless(err error) bool {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Op == "write"
	}
	// bbolt makes text of the error of Truncate.
	return strings.Contains(err.Error(), "file resize error: ")
}

// rollback is tx.Rollback for a transaction in any state.
func rollback(tx *bbolt.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("rolling back: %v", p)
		}
	}()
	return tx.Rollback()
}
