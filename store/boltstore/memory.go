package boltstore

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/caddyito/caddyito/store"
)

// memory is what is in the log and not yet in the file. A memory never changes;
// another takes its place.
type memory struct {
	recent   *tree  // what is written now
	older    *tree  // what is being moved to the file; nil if nothing is
	olderSeq uint64 // of the last record of older

	// era changes whenever older does, and when the file was written without it.
	era uint64
}

// remember puts another memory in the place of the present one.
func (s *Store) remember(change func(m *memory)) {
	s.changing.Lock()
	defer s.changing.Unlock()
	m := *s.memory.Load()
	change(&m)
	s.memory.Store(&m)
}

// snapshot is a transaction of the file and the memory that belongs over it.
//
// The file changes while older is moved there, piece by piece, and nowhere else.
// As long as older covers it, all pieces of it look the same. So the two belong
// together if older was neither set nor dropped between the one and the other. What
// is too large for the log changes the file at once, and nothing covers it: who
// began to read before it must not see over that what came after it.
func (s *Store) snapshot() (*bbolt.Tx, *memory, error) {
	for {
		era := s.memory.Load().era
		tx, err := s.db.Begin(false)
		if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
			return nil, nil, store.ErrClosed
		}
		if err != nil {
			return nil, nil, fmt.Errorf("starting to read: %w", err)
		}
		if m := s.memory.Load(); m.era == era {
			return tx, m, nil
		}
		if err := tx.Rollback(); err != nil {
			return nil, nil, fmt.Errorf("starting to read: %w", err)
		}
	}
}
