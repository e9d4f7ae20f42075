package store

// Feed numbers the changes of users and objects. There is one row for each
// record that ever was, a deleted one leaving a tombstone; a change moves the
// row to the end, so reading from 0 is a full copy and reading from a seq is
// what changed since.
type Feed struct {
	// ID is random and renewed when a backup is restored: seqs of different
	// feeds cannot be compared.
	ID string
	// Head is the last seq given out; 0 before the first.
	Head uint64
	// Digest is of all rows.
	Digest Digest
}

// Change is a row of the feed: the record's latest version.
type Change struct {
	Seq     uint64 // the record's version
	Type    string // UserType or an object type
	ID      int64
	Deleted bool
}

// FeedReader reads the feed. Rows become visible in the order of their seq: a
// reader that has seen n will never later find a row below n that it has not
// been shown, unless that record has moved on.
type FeedReader interface {
	Feed() (Feed, error)
	// Changes lists up to limit rows with a seq greater than after, by seq.
	Changes(after uint64, limit int) ([]Change, error)
}
