package manage

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/caddyito/caddyito/store"
)

// CreateObject writes a new object and returns it as it is kept; o is not changed.
func (m *Manager) CreateObject(ctx context.Context, by Actor, o *store.Object) (made *store.Object, err error) {
	err = m.act(ctx, by, func(tx store.WriteTx, p power) error {
		made = &store.Object{Type: o.Type, Fields: o.Fields.Clone()}
		return m.createObject(tx, p, made)
	})
	return made, err
}

func (m *Manager) createObject(tx store.WriteTx, p power, o *store.Object) error {
	if err := store.SaveObject(tx, m.Schema, o); err != nil {
		return err
	}
	return store.Audit(tx, m.origin(p), store.ActionObjectCreate, store.ObjectParty(o), store.AuditChanges((*store.Object)(nil), o)...)
}

// ChangeObject changes an object and returns it as it is kept.
func (m *Manager) ChangeObject(ctx context.Context, by Actor, ref store.Ref, change func(*store.Object) error) (o *store.Object, err error) {
	err = m.act(ctx, by, func(tx store.WriteTx, p power) error {
		if o, err = tx.Object(ref); err != nil {
			return err
		}
		return m.changeObject(tx, p, o, change)
	})
	return o, err
}

func (m *Manager) changeObject(tx store.WriteTx, p power, o *store.Object, change func(*store.Object) error) error {
	before := &store.Object{Fields: o.Fields.Clone()}
	o.Fields = m.Schema.Renew(o.Type, o.Fields)
	if err := change(o); err != nil {
		return err
	}
	if err := store.SaveObject(tx, m.Schema, o); err != nil {
		return err
	}
	changes := store.AuditChanges(before, o)
	if len(changes) == 0 {
		return nil
	}
	return store.Audit(tx, m.origin(p), store.ActionObjectChange, store.ObjectParty(o), changes...)
}

// DeleteObject deletes an object. A *store.ReferencedError says who refers to it.
func (m *Manager) DeleteObject(ctx context.Context, by Actor, ref store.Ref) error {
	return m.act(ctx, by, func(tx store.WriteTx, p power) error {
		o, err := tx.Object(ref)
		if err != nil {
			return err
		}
		return m.deleteObject(tx, p, o)
	})
}

func (m *Manager) deleteObject(tx store.WriteTx, p power, o *store.Object) error {
	if err := store.RemoveObject(tx, store.Ref{Type: o.Type, ID: o.ID}); err != nil {
		return err
	}
	return store.Audit(tx, m.origin(p), store.ActionObjectDelete, store.ObjectParty(o))
}

// StillNeeded is an object that was not deleted, since others refer to it.
type StillNeeded struct {
	Name string
	// By are the names of the first of them; More: there are others.
	By   []string
	More bool
}

// DeleteObjects deletes those of many to which nothing refers, and says how many are
// gone, and which are not. What they refer to among themselves is in nobody's way: what
// refers is tried first, which mostly is newer, and what was needed is tried once more.
func (m *Manager) DeleteObjects(ctx context.Context, by Actor, refs []store.Ref) (gone int, needed []StillNeeded, err error) {
	left := slices.Clone(refs)
	slices.SortFunc(left, func(a, b store.Ref) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(b.ID, a.ID)) })
	left = slices.Compact(left)
	for range 2 {
		tried := left
		left, needed = nil, nil
		for _, ref := range tried {
			var still *StillNeeded
			err := m.act(ctx, by, func(tx store.WriteTx, p power) error {
				still = nil
				o, err := tx.Object(ref)
				if err != nil {
					return err
				}
				err = m.deleteObject(tx, p, o)
				if e, ok := errors.AsType[*store.ReferencedError](err); ok {
					still, err = m.stillNeeded(tx, o, e)
				}
				return err
			})
			switch {
			case err != nil && !errors.Is(err, store.ErrNotFound):
				return gone, needed, err
			case still != nil:
				left, needed = append(left, ref), append(needed, *still)
			default:
				gone++
			}
		}
	}
	return gone, needed, nil
}

// stillNeeded names who refers to o.
func (m *Manager) stillNeeded(tx store.ReadTx, o *store.Object, e *store.ReferencedError) (*StillNeeded, error) {
	n := &StillNeeded{Name: Label(m.Schema, o), More: e.Count > len(e.By)}
	for _, r := range e.By {
		name, err := ReferrerName(tx, m.Schema, r)
		if err != nil {
			return nil, err
		}
		n.By = append(n.By, name)
	}
	return n, nil
}
