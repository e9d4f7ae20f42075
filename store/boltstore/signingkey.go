package boltstore

import (
	"slices"
	"strings"

	"github.com/caddyito/caddyito/store"
)

func (r *readTx) SigningKeys() ([]*store.SigningKey, error) {
	keys, err := list[store.SigningKey](r, bSigningKey, nil, nil, -1)
	slices.SortFunc(keys, func(a, b *store.SigningKey) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.KID, b.KID)
	})
	return keys, err
}

func (w *writeTx) PutSigningKey(k *store.SigningKey) error {
	if err := check("the id of a signing key", k.KID); err != nil {
		return err
	}
	n := *k
	n.CreatedAt, n.ActiveAt, n.RetiredAt = normal(k.CreatedAt), normal(k.ActiveAt), normal(k.RetiredAt)
	value, err := encode(bSigningKey, nil, &n)
	if err != nil {
		return err
	}
	w.event(store.Event{Kind: store.EventSigningKeys})
	return w.put(bSigningKey, []byte(k.KID), value)
}

func (w *writeTx) DeleteSigningKey(kid string) error {
	if w.get(bSigningKey, []byte(kid)) == nil {
		return store.ErrNotFound
	}
	w.event(store.Event{Kind: store.EventSigningKeys})
	return w.del(bSigningKey, []byte(kid))
}
