package usersync

import (
	"errors"
	"fmt"

	"github.com/caddyito/caddyito/store"
)

// OnDelete says what stays in a mirror of a user whom the server deletes, for an
// app that reads the mirror and has things that are theirs. Whichever it is, the
// record is a tombstone: nobody signs in as it, and its sessions are ended.
type OnDelete string

const (
	// KeepDeleted leaves their fields as they were.
	KeepDeleted OnDelete = "keep"
	// DisableDeleted leaves their fields, with is_active false. It is what ""
	// means.
	DisableDeleted OnDelete = "disable"
	// RemoveDeleted leaves nothing but their id.
	RemoveDeleted OnDelete = "remove"
)

// Check says what is wrong with o.
func (o OnDelete) Check() error {
	switch o {
	case "", KeepDeleted, DisableDeleted, RemoveDeleted:
		return nil
	}
	return fmt.Errorf("on_delete is 'keep', 'disable' or 'remove', not '%s'", string(o))
}

// remains are the fields that stay of a user who is deleted. In a mirror that is
// filled anew they come from the one that it is to replace: the server has no
// more than the tombstone. But what came of another feed may be of another
// person, and another view may not show the same fields.
func (m *Mirror) remains(tx store.MirrorReader, at standing, id string) (store.Fields, error) {
	if m.OnDelete == RemoveDeleted {
		return nil, nil
	}
	old, err := tx.MirrorRecord(at.name, store.UserType, id)
	if errors.Is(err, store.ErrNotFound) && at.name != m.Name {
		s, err := tx.MirrorState(m.Name)
		if err != nil {
			return nil, err
		}
		if s.FeedID != at.state.FeedID || s.View != at.state.View {
			return nil, nil
		}
		old, err = tx.MirrorRecord(m.Name, store.UserType, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		return m.remainsOf(old, err)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return m.remainsOf(old, err)
}

func (m *Mirror) remainsOf(old *store.Record, err error) (store.Fields, error) {
	if err != nil || len(old.Fields) == 0 {
		return nil, err
	}
	if m.OnDelete != KeepDeleted {
		old.Fields["is_active"] = false
	}
	return old.Fields, nil
}
