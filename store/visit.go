package store

// A visit is that a user has signed in at a client: that the client got a code
// for them. It is remembered for every client, and tells whom one may know that
// has SyncGranted. It outlives the user, whose ID is never given again, so that
// the client can be told that they are no more.

// VisitReader reads visits.
type VisitReader interface {
	// Visited says whether the user ever signed in at the client.
	Visited(clientID string, userID int64) (bool, error)
}

// VisitWriter writes visits.
type VisitWriter interface {
	// PutVisit remembers one; again is fine. DeleteClient forgets those of the
	// client, also where another gets its ID.
	PutVisit(clientID string, userID int64) error
}

// Visit remembers that u signed in at c. Where c may know those who did, u
// changes by the first time: it takes a new version, so that its row of the feed
// comes before c.
func Visit(tx interface {
	SchemaReader
	UserWriter
	VisitReader
	VisitWriter
}, s *Schema, c *Client, u *User) error {
	known, err := tx.Visited(c.ID, u.ID)
	if err != nil || known {
		return err
	}
	if err := tx.PutVisit(c.ID, u.ID); err != nil {
		return err
	}
	if c.Sync != SyncGranted {
		return nil
	}
	return KeepUser(tx, s, u)
}
