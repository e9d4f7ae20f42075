package boltstore

// Commits says how often something was committed since the file was made.
func (s *Store) Commits() int {
	s.turn.Lock()
	defer s.turn.Unlock()
	return int(s.log.seq)
}
