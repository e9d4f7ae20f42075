package boltstore

// Commits says how often something was committed since the file was made.
func (s *Store) Commits() int {
	tx, err := s.db.Begin(false)
	if err != nil {
		return 0
	}
	defer tx.Rollback()
	return tx.ID()
}
