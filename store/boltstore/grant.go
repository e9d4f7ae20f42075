package boltstore

import (
	"bytes"
	"encoding/binary"

	"github.com/caddyito/caddyito/store"
)

// A family and its tokens lie side by side in bGrant, so that what a login
// writes touches few pages. The family's key is the prefix of its tokens'.
//
// The family is kept behind the time under which bExpiry has it, the epoch of
// its client (see DeleteClient) and the client's id; the token behind that time
// and a byte that says whether it was spent. Of a spent token nothing else
// remains.
const (
	familyEpoch = 8
	familyHead  = 16
	tokenSpent  = 8
	tokenHead   = 9
)

func familyKey(id string) []byte { return part(nil, id) }

func tokenKey(family string, kind store.TokenKind, hash store.Hash) []byte {
	key := part(newKey(len(family)+len(kind)+len(hash)), family)
	return append(part(key, string(kind)), hash[:]...)
}

func lookupKey(kind store.TokenKind, hash store.Hash) []byte {
	return append(part(newKey(len(kind)+len(hash)), string(kind)), hash[:]...)
}

func familyOfUserKey(userID int64, id string) []byte { return append(idKey(userID), id...) }

// family is the value of a family that lives, nil otherwise.
func (r *readTx) family(id string) []byte {
	v := r.get(bGrant, familyKey(id))
	if v == nil {
		return nil
	}
	if clientID, _ := cut(v[familyHead:]); number(v[familyEpoch:]) != r.epoch(clientID) {
		return nil
	}
	return v
}

// familyOf decodes the value of a family.
func familyOf(id string, v []byte) (*store.Family, error) {
	clientID, rest := cut(v[familyHead:])
	return decodeFamily(id, clientID, rest)
}

func (r *readTx) Family(id string) (*store.Family, error) {
	v := r.family(id)
	if v == nil {
		return nil, store.ErrNotFound
	}
	return familyOf(id, v)
}

func (r *readTx) Families(userID int64) ([]*store.Family, error) {
	var families []*store.Family
	for _, key := range r.keys(bFamilyOfUser, idKey(userID), -1) {
		f, err := r.Family(string(key[8:]))
		if isNotFound(err) {
			continue // its client was deleted
		}
		if err != nil {
			return nil, err
		}
		families = append(families, f)
	}
	return families, nil
}

func (r *readTx) Token(kind store.TokenKind, hash store.Hash) (*store.Token, error) {
	family, v, err := r.token(kind, hash)
	if err != nil {
		return nil, err
	}
	if v[tokenSpent] != 0 {
		return nil, store.ErrNotFound
	}
	return decodeToken(kind, hash, family, v[tokenHead:])
}

// token finds a token, spent or not, whose family lives.
func (r *readTx) token(kind store.TokenKind, hash store.Hash) (family string, value []byte, err error) {
	id := r.get(bToken, lookupKey(kind, hash))
	if id == nil {
		return "", nil, store.ErrNotFound
	}
	family = string(id)
	if r.family(family) == nil {
		return "", nil, store.ErrNotFound
	}
	value = r.get(bGrant, tokenKey(family, kind, hash))
	if value == nil {
		return "", nil, store.ErrNotFound
	}
	return family, value, nil
}

func (w *writeTx) PutFamily(f *store.Family) error {
	if err := check("the id or client of a family", f.ID, f.ClientID); err != nil {
		return err
	}
	n := *f
	n.AuthTime, n.CreatedAt, n.ExpiresAt = normal(f.AuthTime), normal(f.CreatedAt), normal(f.ExpiresAt)
	key := familyKey(f.ID)
	old := w.family(f.ID)
	if old == nil {
		// What is left of a dead family of that id must not rise again.
		if err := w.deleteFamily(f.ID); err != nil {
			return err
		}
		if _, err := w.deleteTokens(key, -1); err != nil {
			return err
		}
	} else {
		was, err := familyOf(f.ID, old)
		if err != nil {
			return err
		}
		if was.UserID != f.UserID {
			if err := w.forgetFamilyOfUser(was); err != nil {
				return err
			}
			old = nil
		}
	}
	if old == nil && f.UserID != 0 {
		if err := w.put(bFamilyOfUser, familyOfUserKey(f.UserID, f.ID), present); err != nil {
			return err
		}
	}
	head, err := w.expires(expiringFamily, key, w.get(bGrant, key), micros(n.ExpiresAt))
	if err != nil {
		return err
	}
	head = binary.BigEndian.AppendUint64(head, w.epoch(f.ClientID))
	return w.put(bGrant, key, encodeFamily(part(head, f.ClientID), &n))
}

func (w *writeTx) DeleteFamily(id string) error {
	if w.family(id) == nil {
		return store.ErrNotFound
	}
	return w.deleteFamily(id)
}

// deleteFamily deletes a family, if there is one, whether it counts or not. Its
// tokens count no more, and are left to Sweep.
func (w *writeTx) deleteFamily(id string) error {
	key := familyKey(id)
	v := w.get(bGrant, key)
	if v == nil {
		return nil
	}
	f, err := familyOf(id, v)
	if err != nil {
		return err
	}
	if err := w.del(bExpiry, expiryKey(number(v), expiringFamily, key)); err != nil {
		return err
	}
	if err := w.forgetFamilyOfUser(f); err != nil {
		return err
	}
	if err := w.del(bGrant, key); err != nil {
		return err
	}
	if len(w.keys(bGrant, key, 1)) == 0 {
		return nil
	}
	return w.put(bExpiry, expiryKey(0, familyTokens, key), present)
}

func (w *writeTx) forgetFamilyOfUser(f *store.Family) error {
	if f.UserID == 0 {
		return nil
	}
	return w.del(bFamilyOfUser, familyOfUserKey(f.UserID, f.ID))
}

// deleteTokens deletes up to limit tokens of a family, all of them below 0.
func (w *writeTx) deleteTokens(family []byte, limit int) (deleted int, err error) {
	for _, key := range w.keys(bGrant, family, limit) {
		if len(key) == len(family) {
			continue
		}
		if err := w.deleteToken(key); err != nil {
			return deleted, err
		}
		deleted++
	}
	return deleted, nil
}

// deleteToken deletes a token or mark by its key in bGrant.
func (w *writeTx) deleteToken(key []byte) error {
	v := w.get(bGrant, key)
	if v == nil {
		return nil
	}
	_, lookup := cut(key)
	if err := w.del(bExpiry, expiryKey(number(v), expiringToken, key)); err != nil {
		return err
	}
	if err := w.del(bToken, bytes.Clone(lookup)); err != nil {
		return err
	}
	return w.del(bGrant, key)
}

func (w *writeTx) PutToken(t *store.Token) error {
	if err := check("the kind of a token", string(t.Kind)); err != nil {
		return err
	}
	if w.family(t.Family) == nil {
		return store.ErrNotFound
	}
	lookup := lookupKey(t.Kind, t.Hash)
	if id := w.get(bToken, lookup); id != nil {
		if w.family(string(id)) != nil {
			return &store.ConflictError{Type: "token", Field: "hash", Value: string(t.Kind)}
		}
		if err := w.deleteToken(tokenKey(string(id), t.Kind, t.Hash)); err != nil {
			return err
		}
	}
	n := *t
	n.CreatedAt, n.ExpiresAt = normal(t.CreatedAt), normal(t.ExpiresAt)
	key := tokenKey(t.Family, t.Kind, t.Hash)
	head, err := w.expires(expiringToken, key, nil, micros(n.ExpiresAt))
	if err != nil {
		return err
	}
	if err := w.put(bToken, lookup, []byte(t.Family)); err != nil {
		return err
	}
	return w.put(bGrant, key, encodeToken(append(head, 0), &n))
}

func (w *writeTx) SpendToken(kind store.TokenKind, hash store.Hash) (*store.Token, error) {
	family, v, err := w.token(kind, hash)
	if err != nil {
		return nil, err
	}
	if v[tokenSpent] != 0 {
		return nil, &store.SpentError{Family: family}
	}
	t, err := decodeToken(kind, hash, family, v[tokenHead:])
	if err != nil {
		return nil, err
	}
	mark := append(bytes.Clone(v[:tokenSpent]), 1)
	return t, w.put(bGrant, tokenKey(family, kind, hash), mark)
}

func (w *writeTx) DeleteToken(kind store.TokenKind, hash store.Hash) error {
	family, v, err := w.token(kind, hash)
	if err != nil {
		return err
	}
	if v[tokenSpent] != 0 {
		return store.ErrNotFound // the mark stays
	}
	return w.deleteToken(tokenKey(family, kind, hash))
}
