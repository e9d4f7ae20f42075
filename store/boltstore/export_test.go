package boltstore

import "time"

// Commits says how often something was committed since the log was made.
func (s *Store) Commits() int {
	s.turn.Lock()
	defer s.turn.Unlock()
	return int(s.log.seq)
}

// SmallLog has a log with halves of that size, which are moved to the database
// when they are full and at no other time.
func SmallLog(half int64) Options { return Options{logHalf: half, flushEvery: 24 * time.Hour} }
