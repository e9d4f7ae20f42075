package boltstore

import "github.com/caddyito/caddyito/store"

func (r *readTx) Credential(userID int64) (*store.Credential, error) {
	return getJSON[store.Credential](r, bCredential, idKey(userID), 0)
}

func (w *writeTx) PutCredential(c *store.Credential) error {
	n := *c
	n.PasswordChangedAt = normal(c.PasswordChangedAt)
	value, err := encode(bCredential, nil, &n)
	if err != nil {
		return err
	}
	return w.put(bCredential, idKey(c.UserID), value)
}
