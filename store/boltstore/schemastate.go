package boltstore

import "github.com/caddyito/caddyito/store"

var keySchema = []byte("schema")

func (r *readTx) SchemaState() (*store.SchemaState, error) {
	return getJSON[store.SchemaState](r, bMeta, keySchema, 0)
}

func (w *writeTx) PutSchemaState(s *store.SchemaState) error {
	value, err := encode(bMeta, nil, s)
	if err != nil {
		return err
	}
	return w.put(bMeta, keySchema, value)
}
