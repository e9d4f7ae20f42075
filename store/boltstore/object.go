package boltstore

import (
	"fmt"

	"github.com/caddyito/caddyito/store"
)

// objectValue is an object as kept; see userValue.
type objectValue struct {
	store.Object
	Unique []string
}

func (v *objectValue) record() *record {
	return &record{
		typ: v.Type, id: v.ID, version: v.Version,
		claims: fieldClaims(v.Type, v.Fields, v.Unique),
		refs:   fieldRefs(v.Type, v.ID, v.Fields),
		finds:  objectFinds(&v.Object),
	}
}

func (r *readTx) Object(ref store.Ref) (*store.Object, error) {
	o, err := r.object(ref)
	if err != nil {
		return nil, err
	}
	return &o.Object, nil
}

func (r *readTx) object(ref store.Ref) (*objectValue, error) {
	v := r.get(bObject, refKey(ref))
	if v == nil {
		return nil, store.ErrNotFound
	}
	return decodeObject(v)
}

func (r *readTx) Objects(typ string, after int64, limit int) (objects []*store.Object, err error) {
	prefix := part(nil, typ)
	r.scan(bObject, prefix, refKey(store.Ref{Type: typ, ID: max(after, 0) + 1}), func(_, v []byte) bool {
		if len(objects) >= limit {
			return false
		}
		var o *objectValue
		if o, err = decodeObject(v); err != nil {
			return false
		}
		objects = append(objects, &o.Object)
		return true
	})
	return objects, err
}

func (r *readTx) Referrers(ref store.Ref, limit int) ([]store.Referrer, error) {
	var by []store.Referrer
	prefix := refKey(ref)
	r.scan(bReference, prefix, nil, func(k, _ []byte) bool {
		if len(by) >= limit {
			return false
		}
		typ, rest := cut(k[len(prefix):])
		field, rest := cut(rest)
		by = append(by, store.Referrer{Type: typ, ID: int64(number(rest)), Field: field})
		return true
	})
	return by, nil
}

func (w *writeTx) PutObject(o *store.Object, unique []string) error {
	if err := check("the type of an object", o.Type); err != nil {
		return err
	}
	if o.Type == store.UserType {
		return fmt.Errorf("an object cannot have the type %q", o.Type)
	}
	n := objectValue{Object: *o, Unique: unique}
	var oldRecord *record
	if o.ID > 0 {
		v, err := w.object(store.Ref{Type: o.Type, ID: o.ID})
		if err == nil {
			oldRecord = v.record()
		} else if !isNotFound(err) {
			return err
		}
	}
	if oldRecord == nil {
		var err error
		if n.ID, err = w.claimID(o.Type, o.ID); err != nil {
			return err
		}
	}
	record := n.record()
	if err := w.checkClaims(record); err != nil {
		return err
	}
	if err := w.moveRecord(oldRecord, record, false); err != nil {
		return err
	}
	n.Version = record.version
	value, err := encodeObject(&n)
	if err != nil {
		return err
	}
	if err := w.put(bObject, refKey(store.Ref{Type: n.Type, ID: n.ID}), value); err != nil {
		return err
	}
	o.ID, o.Version = n.ID, n.Version
	return nil
}

func (w *writeTx) DeleteObject(ref store.Ref) error {
	v, err := w.object(ref)
	if err != nil {
		return err
	}
	if err := w.bury(v.record()); err != nil {
		return err
	}
	return w.del(bObject, refKey(ref))
}
