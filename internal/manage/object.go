package manage

import (
	"context"

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
		if err := store.RemoveObject(tx, ref); err != nil {
			return err
		}
		return store.Audit(tx, m.origin(p), store.ActionObjectDelete, store.ObjectParty(o))
	})
}
