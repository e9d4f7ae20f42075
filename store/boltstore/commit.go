package boltstore

import (
	"context"
	"fmt"
	"runtime"

	"github.com/caddyito/caddyito/internal/pace"
	"github.com/caddyito/caddyito/store"
)

// A commit is a record in the log. It costs one wait for the disk, whether it
// carries one Update or a hundred. So those who come while a commit is under way
// share the next:
//
//	turn: A runs, commits -----------| B C D run, one commit -----| ...
//	      B, C, D come and wait      ^ nobody waits for a timer
//
// Each runs its function in its own goroutine when it has the turn, on the one
// transaction that is open, and passes the turn on; who finds nobody behind
// commits for all. A function that fails is taken back, and the others do not
// notice.

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
	case s.broken() != nil:
		return nil, s.broken()
	case err != nil:
		return nil, err
	}
	if s.batch == nil {
		tx, m, err := s.snapshot()
		if err != nil {
			return nil, err
		}
		s.edit++
		w := &writeTx{readTx: readTx{tx: tx}, recent: *m.recent, edit: s.edit}
		w.above = [...]*tree{&w.recent, m.older}
		s.batch = &batch{tx: w, done: make(chan struct{})}
	}
	b := s.batch
	return b, b.run(fn)
}

// run calls fn and takes back what it wrote unless it succeeds.
func (b *batch) run(fn func(store.WriteTx) error) (err error) {
	b.n++
	b.tx.begin()
	succeeded := false
	defer func() {
		if succeeded {
			b.events = append(b.events, b.tx.events...)
		} else {
			b.tx.undo()
		}
	}()
	err = fn(b.tx)
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
	s.finish()
}

// finish commits the open batch.
func (s *Store) finish() {
	b := s.batch
	s.batch = nil
	defer close(b.done)
	// Whoever waits for readers to end must not wait for this one.
	b.err = rollback(b.tx.tx)
	if b.err == nil && len(b.tx.writes) > 0 {
		b.err = s.commit(b.tx)
	}
	if b.err == nil {
		s.notify(b.events)
	} else {
		s.notify([]store.Event{{Kind: store.EventAll}})
	}
}

// commit returns once what w wrote is on the disk, and has it be seen.
func (s *Store) commit(w *writeTx) error {
	record := s.log.encode(w.writes)
	if int64(len(record)) > s.log.size {
		return s.commitLarge(w)
	}
	recent := &w.recent
	if !s.log.fits(record) {
		if err := s.makeRoom(); err != nil {
			return err
		}
		recent = w.alone()
	}
	if err := s.log.add(record); err != nil {
		err = fmt.Errorf("writing to the log of the database %s: %w", s.path, err)
		if harmless(err) {
			return err
		}
		return s.giveUp(err)
	}
	s.remember(func(m *memory) { m.recent = recent })
	return nil
}

// makeRoom begins the other half of the log, once that is moved to the database.
func (s *Store) makeRoom() error {
	if err := s.flushOlder(); err != nil {
		return err
	}
	if s.rotate() {
		pace.Wake(s.full)
	}
	return s.broken()
}

// commitLarge writes to the database at once what has no room in the log, after
// all that was written before.
func (s *Store) commitLarge(w *writeTx) error {
	if err := s.moveAll(); err != nil {
		return err
	}
	// It takes a seq, of which the log has no record: beside a database from before
	// it, what comes after it in the log does not pass for the next.
	mark := logMark{Log: s.logID, Seq: s.log.seq + 1, Open: true}
	s.flushing.Lock()
	defer s.flushing.Unlock()
	if err := s.guard(func() error { return flush(s.db, w.alone(), mark, len(w.writes)) }); err != nil {
		return err
	}
	s.log.seq++
	s.remember(func(m *memory) { m.era++ })
	return nil
}
