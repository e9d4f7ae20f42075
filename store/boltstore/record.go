package boltstore

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"

	"github.com/caddyito/caddyito/store"
)

// record is what users and objects have in common.
type record struct {
	typ     string
	id      int64
	version uint64
	claims  []claim
	refs    [][]byte // keys of bReference
	finds   [][]byte // keys of bSearch
	groups  []string
}

// claim is a value that no other record of the type may have. It is kept in
// bUnique as long as the record that made it.
type claim struct {
	key          []byte
	field, value string
}

// maxUniqueInKey is the longest value that stands in the key of its claim, in bytes.
const maxUniqueInKey = 200

func newClaim(typ, field, value string) claim {
	key := part(part(nil, typ), field)
	if len(value) <= maxUniqueInKey {
		key = append(append(key, '='), value...)
	} else {
		sum := sha256.Sum256([]byte(value))
		key = append(append(key, '#'), sum[:]...)
	}
	return claim{key, field, value}
}

func fieldClaims(typ string, f store.Fields, unique []string) []claim {
	var claims []claim
	for _, name := range unique {
		if text := f.Text(name); text != "" {
			claims = append(claims, newClaim(typ, name, text))
		}
	}
	return claims
}

func fieldRefs(typ string, id int64, f store.Fields) [][]byte {
	var refs [][]byte
	for name, v := range f {
		if ref, ok := v.(store.Ref); ok {
			refs = append(refs, append(part(part(refKey(ref), typ), name), idKey(id)...))
		}
	}
	return refs
}

// refKey is the key of an object, and the prefix of what refers to it.
func refKey(ref store.Ref) []byte { return append(part(nil, ref.Type), idKey(ref.ID)...) }

// claimID finds the ID of a new record: the next one, or the one that the caller
// names if it never was given.
func (w *writeTx) claimID(typ string, id int64) (int64, error) {
	top := int64(number(w.get(bCounter, []byte(typ))))
	switch {
	case id < 0:
		return 0, fmt.Errorf("%s: the id %d is not positive", typ, id)
	case id == 0:
		id = top + 1
	case w.get(bGrave, refKey(store.Ref{Type: typ, ID: id})) != nil:
		return 0, &store.ConflictError{Type: typ, Field: "id", Value: strconv.FormatInt(id, 10)}
	}
	return id, nil
}

// checkClaims says which value another record has.
func (r *readTx) checkClaims(n *record) error {
	for _, c := range n.claims {
		if owner := r.get(bUnique, c.key); owner != nil && int64(number(owner)) != n.id {
			return &store.ConflictError{Type: n.typ, Field: c.field, Value: c.value}
		}
	}
	return nil
}

// moveRecord writes all that hangs on a record when old becomes n: indexes, and
// its row of the feed, whose seq becomes n.version. old is nil for a new record,
// and deleted says that n is to be a tombstone. It writes only what differs.
func (w *writeTx) moveRecord(old, n *record, deleted bool) error {
	if old == nil {
		old = &record{}
		if top := number(w.get(bCounter, []byte(n.typ))); uint64(n.id) > top {
			if err := w.put(bCounter, []byte(n.typ), be64(uint64(n.id))); err != nil {
				return err
			}
		}
	}
	for _, c := range old.claims {
		if !slices.ContainsFunc(n.claims, func(d claim) bool { return bytes.Equal(c.key, d.key) }) {
			if err := w.del(bUnique, c.key); err != nil {
				return err
			}
		}
	}
	for _, c := range n.claims {
		if !slices.ContainsFunc(old.claims, func(d claim) bool { return bytes.Equal(c.key, d.key) }) {
			if err := w.put(bUnique, c.key, idKey(n.id)); err != nil {
				return err
			}
		}
	}
	for _, ref := range old.refs {
		if !slices.ContainsFunc(n.refs, func(r []byte) bool { return bytes.Equal(r, ref) }) {
			if err := w.del(bReference, ref); err != nil {
				return err
			}
		}
	}
	for _, ref := range n.refs {
		if !slices.ContainsFunc(old.refs, func(r []byte) bool { return bytes.Equal(r, ref) }) {
			if err := w.put(bReference, ref, present); err != nil {
				return err
			}
		}
	}
	if err := w.moveFinds(old, n); err != nil {
		return err
	}
	return w.moveRow(old.version, n, deleted)
}
