package boltstore

import "github.com/caddyito/caddyito/store"

func (r *readTx) Lease(name string) (*store.Lease, error) {
	return getJSON[store.Lease](r, bLease, []byte(name), 0)
}

func (w *writeTx) PutLease(l *store.Lease) error {
	if err := check("the name of a lease", l.Name); err != nil {
		return err
	}
	n := *l
	n.ExpiresAt = normal(l.ExpiresAt)
	value, err := encode(bLease, nil, &n)
	if err != nil {
		return err
	}
	return w.put(bLease, []byte(l.Name), value)
}

func (w *writeTx) DeleteLease(name string) error {
	if w.get(bLease, []byte(name)) == nil {
		return store.ErrNotFound
	}
	return w.del(bLease, []byte(name))
}
