package boltstore

import "github.com/caddyito/caddyito/store"

var (
	keyFormat = []byte("format")
	keyMeta   = []byte("installation")
	keyLog    = []byte("log") // of the database itself, not of its log
)

func (r *readTx) Meta() (store.Meta, error) {
	m, err := getJSON[store.Meta](r, bMeta, keyMeta, 0)
	if err != nil {
		return store.Meta{}, err
	}
	return *m, nil
}

func (w *writeTx) PutMeta(m store.Meta) error {
	value, err := encode(bMeta, nil, &m)
	if err != nil {
		return err
	}
	return w.put(bMeta, keyMeta, value)
}
