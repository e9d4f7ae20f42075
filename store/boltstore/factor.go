package boltstore

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/caddyito/caddyito/store"
)

func factorKey(userID int64, id string) []byte { return append(idKey(userID), id...) }

// passkeyKey claims a credential for one factor.
func passkeyKey(f *store.Factor) []byte {
	if f == nil || f.Passkey == nil {
		return nil
	}
	return f.Passkey.CredentialID
}

func (r *readTx) Factor(userID int64, id string) (*store.Factor, error) {
	return getJSON[store.Factor](r, bFactor, factorKey(userID, id), 0)
}

func (r *readTx) Factors(userID int64) ([]*store.Factor, error) {
	factors, err := list[store.Factor](r, bFactor, idKey(userID), nil, -1)
	slices.SortStableFunc(factors, func(a, b *store.Factor) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return factors, err
}

func (w *writeTx) PutFactor(f *store.Factor) error {
	if err := check("the id or kind of a factor", f.ID, string(f.Kind)); err != nil {
		return err
	}
	if (f.Kind == store.FactorPasskey) != (f.Passkey != nil && len(f.Passkey.CredentialID) > 0) {
		return fmt.Errorf("a factor is a passkey if, and only if, it has a credential")
	}
	key := factorKey(f.UserID, f.ID)
	old, err := w.Factor(f.UserID, f.ID)
	if err != nil && !isNotFound(err) {
		return err
	}
	was, is := passkeyKey(old), passkeyKey(f)
	if !bytes.Equal(was, is) {
		if is != nil && w.get(bPasskey, is) != nil {
			return &store.ConflictError{Type: "factor", Field: "credential_id", Value: fmt.Sprintf("%x", is)}
		}
		if err := w.dropPasskey(was); err != nil {
			return err
		}
		if is != nil {
			if err := w.put(bPasskey, is, key); err != nil {
				return err
			}
		}
	}
	n := *f
	n.CreatedAt, n.LastUsed = normal(f.CreatedAt), normal(f.LastUsed)
	value, err := encode(bFactor, nil, &n)
	if err != nil {
		return err
	}
	return w.put(bFactor, key, value)
}

// dropPasskey gives a credential back; nil is none.
func (w *writeTx) dropPasskey(credential []byte) error {
	if credential == nil {
		return nil
	}
	return w.del(bPasskey, credential)
}

func (w *writeTx) DeleteFactor(userID int64, id string) error {
	f, err := w.Factor(userID, id)
	if err != nil {
		return err
	}
	if err := w.dropPasskey(passkeyKey(f)); err != nil {
		return err
	}
	return w.del(bFactor, factorKey(userID, id))
}

func recoveryKey(userID int64, code store.Hash) []byte { return append(idKey(userID), code[:]...) }

func (r *readTx) RecoveryCodes(userID int64) ([]store.Hash, error) {
	var codes []store.Hash
	for _, key := range r.keys(bRecoveryCode, idKey(userID), -1) {
		codes = append(codes, store.Hash(key[8:]))
	}
	return codes, nil
}

func (w *writeTx) PutRecoveryCodes(userID int64, codes []store.Hash) error {
	for _, key := range w.keys(bRecoveryCode, idKey(userID), -1) {
		if err := w.del(bRecoveryCode, key); err != nil {
			return err
		}
	}
	for _, code := range codes {
		if err := w.put(bRecoveryCode, recoveryKey(userID, code), present); err != nil {
			return err
		}
	}
	return nil
}

func (w *writeTx) SpendRecoveryCode(userID int64, code store.Hash) error {
	key := recoveryKey(userID, code)
	if w.get(bRecoveryCode, key) == nil {
		return store.ErrNotFound
	}
	return w.del(bRecoveryCode, key)
}

// deleteFactors deletes all that a user who is deleted had.
func (w *writeTx) deleteFactors(userID int64) error {
	_, err := store.ResetFactors(w, userID)
	return err
}
