package usersync

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyito/caddyito/store"
)

const (
	batchChanges = 500
	batchBytes   = 1 << 20 // of the records, before signing
)

// Reader is what the feed is read by.
type Reader interface {
	store.FeedReader
	store.UserReader
	store.ObjectReader
}

// nextBatch is what a mirror that stands at after of the feed has to be told
// next: the latest state of what changed. Who stands at the head gets a batch
// without changes, to compare digests by. A mirror of another feed, or that
// claims to be ahead of this one (which was restored from an older copy), begins
// anew.
func nextBatch(tx Reader, schema *store.Schema, feedID string, after uint64) (*Batch, error) {
	feed, err := tx.Feed()
	if err != nil {
		return nil, fmt.Errorf("reading the feed: %w", err)
	}
	b := &Batch{Feed: feed.ID, After: after, Head: feed.Head}
	switch {
	case feedID != feed.ID:
		b.After = 0
	case after > feed.Head:
		b.After, b.Resync = 0, true
	}
	rows, err := tx.Changes(b.After, batchChanges)
	if err != nil {
		return nil, fmt.Errorf("reading the feed: %w", err)
	}
	b.Upto = b.After
	size := 0
	var text []byte
	for _, row := range rows {
		c, err := changeOf(tx, schema, row)
		if err != nil {
			return nil, fmt.Errorf("reading %s %d for sync: %w", row.Type, row.ID, err)
		}
		if text, err = appendChange(text[:0], &c); err != nil {
			return nil, fmt.Errorf("writing %s %d for sync: %w", row.Type, row.ID, err)
		}
		if size += len(text); size > batchBytes && len(b.Changes) > 0 {
			break
		}
		b.Changes = append(b.Changes, c)
		b.Upto = row.Seq
	}
	if b.Upto == b.Head {
		b.Digest = &feed.Digest
	}
	return b, nil
}

func changeOf(tx Reader, schema *store.Schema, row store.Change) (Change, error) {
	c := Change{Type: row.Type, ID: row.ID, Version: row.Seq, Deleted: row.Deleted}
	if row.Deleted {
		return c, nil
	}
	var fields store.Fields
	if row.Type == store.UserType {
		u, err := tx.User(row.ID)
		if err != nil {
			return c, damagedFeed(err)
		}
		fields = u.Record().Fields
		for name := range u.Fields {
			if !public(schema, row.Type, name) {
				delete(fields, name)
			}
		}
		for _, name := range unsent {
			delete(fields, name)
		}
	} else {
		o, err := tx.Object(store.Ref{Type: row.Type, ID: row.ID})
		if err != nil {
			return c, damagedFeed(err)
		}
		fields = o.Fields.Clone()
		for name := range o.Fields {
			if !public(schema, row.Type, name) {
				delete(fields, name)
			}
		}
	}
	if fields == nil {
		fields = store.Fields{}
	}
	c.Data = fields
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

// unsent are fields of a user that never leave the server, and are dropped by
// who receives them.
var unsent = []string{"is_staff", "is_superuser"}

// public says whether a field that the schema declares may leave the server.
// What it does not declare any more, may not.
func public(schema *store.Schema, typ, name string) bool {
	return slices.ContainsFunc(schema.Fields(typ), func(f store.Field) bool { return f.Name == name && !f.Private })
}
