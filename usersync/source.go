package usersync

import (
	"errors"
	"fmt"

	"github.com/caddyito/caddyito/store"
)

const (
	batchChanges = 500
	batchBytes   = 1 << 20 // of the records, before signing
	batchRows    = 20_000  // of the feed that are looked at for one
)

// Reader is what the feed is read by.
type Reader interface {
	store.FeedReader
	store.UserReader
	store.ObjectReader
	store.VisitReader
}

// nextBatch is what a mirror that stands there has to be told next: the latest
// state of what changed. Who stands at the head gets a batch without changes, to
// compare digests by. A mirror of another feed or view, or that claims to be
// ahead of this one (which was restored from an older copy), begins anew.
func nextBatch(tx Reader, v *View, at Position) (*Batch, error) {
	feed, err := tx.Feed()
	if err != nil {
		return nil, fmt.Errorf("reading the feed: %w", err)
	}
	b := &Batch{Feed: feed.ID, View: v.ID(), After: at.Upto, Head: feed.Head}
	switch {
	case at.Feed != b.Feed || at.View != b.View:
		b.After = 0
	case at.Upto > feed.Head:
		b.After, b.Resync = 0, true
	}
	b.Upto = b.After
	// Of a view that is not whole much may pass before there is something to tell.
	for looked := 0; b.Upto < b.Head && len(b.Changes) < batchChanges && looked < batchRows; looked += batchChanges {
		rows, err := tx.Changes(b.Upto, batchChanges-len(b.Changes))
		if err != nil {
			return nil, fmt.Errorf("reading the feed: %w", err)
		}
		full, err := b.add(tx, v, rows)
		if err != nil {
			return nil, err
		}
		if full || len(rows) == 0 {
			break
		}
	}
	if b.Upto == b.Head && v.whole() {
		b.Digest = &feed.Digest
	}
	return b, nil
}

// add puts what the client is told of rows into the batch, and says whether there
// was room for less than all.
func (b *Batch) add(tx Reader, v *View, rows []store.Change) (full bool, err error) {
	for _, row := range rows {
		told, err := v.tells(tx, row)
		if err != nil {
			return false, fmt.Errorf("reading who visited %s: %w", v.visitedAt, err)
		}
		if !told {
			b.Upto = row.Seq
			continue
		}
		c, err := changeOf(tx, v, row)
		if err != nil {
			return false, fmt.Errorf("reading %s %d for sync: %w", row.Type, row.ID, err)
		}
		text := b.text
		if len(b.Changes) > 0 {
			text = append(text, ',')
		}
		if text, err = appendChange(text, &c); err != nil {
			return false, fmt.Errorf("writing %s %d for sync: %w", row.Type, row.ID, err)
		}
		if len(text) > batchBytes && len(b.Changes) > 0 {
			return true, nil
		}
		b.text = text
		b.Changes = append(b.Changes, c)
		b.Upto = row.Seq
	}
	return false, nil
}

func changeOf(tx Reader, v *View, row store.Change) (Change, error) {
	c := Change{Type: row.Type, ID: row.ID, Version: row.Seq, Deleted: row.Deleted}
	if row.Deleted {
		return c, nil
	}
	if row.Type == store.UserType {
		u, err := tx.User(row.ID)
		if err != nil {
			return c, damagedFeed(err)
		}
		c.Data = v.User(u)
		return c, nil
	}
	o, err := tx.Object(store.Ref{Type: row.Type, ID: row.ID})
	if err != nil {
		return c, damagedFeed(err)
	}
	c.Data = v.Object(o)
	return c, nil
}

// damagedFeed: the feed has a row of a record that is not there. ErrNotFound of
// it must not be taken for that of something else.
func damagedFeed(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errors.New("the feed has it, but it is not there: the database is damaged")
	}
	return err
}
