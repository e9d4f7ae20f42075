package boltstore

import (
	"strconv"

	"github.com/caddyito/caddyito/store"
)

var (
	keyFeedID     = []byte("feed_id")
	keyFeedDigest = []byte("feed_digest")
)

func (r *readTx) Feed() (store.Feed, error) {
	return store.Feed{ID: string(r.get(bMeta, keyFeedID)), Head: r.head(), Digest: r.feedDigest()}, nil
}

func (r *readTx) feedDigest() (d store.Digest) {
	copy(d[:], r.get(bMeta, keyFeedDigest)) // nothing before the first change
	return d
}

// head is the last seq given out. Its row is always there: the record that took
// it was the last to change, and what is deleted leaves a tombstone.
func (r *readTx) head() uint64 {
	return number(r.last(bFeed))
}

func (r *readTx) Changes(after uint64, limit int) ([]store.Change, error) {
	var changes []store.Change
	if after+1 == 0 {
		return nil, nil
	}
	r.scan(bFeed, nil, be64(after+1), func(k, v []byte) bool {
		if len(changes) >= limit {
			return false
		}
		changes = append(changes, store.Change{
			Seq:     number(k),
			Deleted: v[0] == 1,
			ID:      int64(number(v[1:])),
			Type:    string(v[9:]),
		})
		return true
	})
	return changes, nil
}

// moveRow moves a record's row from the seq it had, 0 for none, to the end.
func (w *writeTx) moveRow(from uint64, n *record, deleted bool) error {
	n.version = w.head() + 1
	digest, id := w.feedDigest(), strconv.FormatInt(n.id, 10)
	if from != 0 {
		digest.Remove(n.typ, id, from, false) // a tombstone never moves
		if err := w.del(bFeed, be64(from)); err != nil {
			return err
		}
	}
	row := []byte{0}
	if deleted {
		row[0] = 1
	}
	row = append(append(row, idKey(n.id)...), n.typ...)
	digest.Add(n.typ, id, n.version, deleted)
	if err := w.put(bMeta, keyFeedDigest, digest[:]); err != nil {
		return err
	}
	w.event(store.Event{Kind: store.EventFeed})
	return w.put(bFeed, be64(n.version), row)
}

// bury deletes all that hangs on a record and leaves a tombstone.
func (w *writeTx) bury(old *record) error {
	n := &record{typ: old.typ, id: old.id}
	if err := w.moveRecord(old, n, true); err != nil {
		return err
	}
	return w.put(bGrave, refKey(store.Ref{Type: old.typ, ID: old.id}), be64(n.version))
}
