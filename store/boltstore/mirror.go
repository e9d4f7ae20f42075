package boltstore

import (
	"bytes"

	"github.com/caddyito/caddyito/store"
)

// A mirror's records are kept under its number, which stands before its state,
// as do their digest and the highest of their versions, and lists them by version
// in another bucket. A mirror that was deleted and begins anew has another number.
const (
	mirrorNumber = 8
	mirrorHead   = mirrorNumber + len(store.Digest{}) + 8
)

// sums are what is kept of a mirror's records as a whole.
type sums struct {
	digest store.Digest
	top    uint64
}

func readSums(v []byte) (s sums) {
	copy(s.digest[:], v[mirrorNumber:])
	s.top = number(v[mirrorHead-8:])
	return s
}

func headOf(number []byte, s sums) []byte {
	return append(append(bytes.Clone(number), s.digest[:]...), be64(s.top)...)
}

func recordKey(number []byte, typ, id string) []byte {
	return append(part(bytes.Clone(number), typ), id...)
}

// mirror is the number of a mirror, nil if it never was written.
func (r *readTx) mirror(name string) []byte {
	v := r.get(bMirror, []byte(name))
	if v == nil {
		return nil
	}
	return v[:mirrorNumber:mirrorNumber]
}

func (r *readTx) MirrorState(mirror string) (store.MirrorState, error) {
	s, err := getJSON[store.MirrorState](r, bMirror, []byte(mirror), mirrorHead)
	if isNotFound(err) {
		return store.MirrorState{}, nil
	}
	if err != nil {
		return store.MirrorState{}, err
	}
	kept := readSums(r.get(bMirror, []byte(mirror)))
	s.Digest, s.Top = kept.digest, kept.top
	return *s, nil
}

func (r *readTx) MirrorRecord(mirror, typ, id string) (*store.Record, error) {
	n := r.mirror(mirror)
	if n == nil {
		return nil, store.ErrNotFound
	}
	v := r.get(bMirrorRecord, recordKey(n, typ, id))
	if v == nil {
		return nil, store.ErrNotFound
	}
	return decodeRecord(v)
}

func (r *readTx) MirrorRecords(mirror, typ, after string, limit int) (records []*store.Record, err error) {
	n := r.mirror(mirror)
	if n == nil {
		return nil, nil
	}
	r.scan(bMirrorRecord, recordKey(n, typ, ""), append(recordKey(n, typ, after), 0), func(_, v []byte) bool {
		if len(records) >= limit {
			return false
		}
		var rec *store.Record
		if rec, err = decodeRecord(v); err != nil {
			return false
		}
		records = append(records, rec)
		return true
	})
	return records, err
}

func (r *readTx) MirrorChanges(mirror, typ string, after uint64, limit int) (records []*store.Record, err error) {
	n := r.mirror(mirror)
	if n == nil || after+1 == 0 {
		return nil, nil
	}
	prefix := part(bytes.Clone(n), typ)
	r.scan(bMirrorChange, prefix, append(bytes.Clone(prefix), be64(after+1)...), func(k, _ []byte) bool {
		if len(records) >= limit {
			return false
		}
		var rec *store.Record
		if rec, err = decodeRecord(r.get(bMirrorRecord, recordKey(n, typ, string(k[len(prefix)+8:])))); err != nil {
			return false
		}
		records = append(records, rec)
		return true
	})
	return records, err
}

func (w *writeTx) PutMirrorState(mirror string, s store.MirrorState) error {
	n, err := w.openMirror(mirror)
	if err != nil {
		return err
	}
	s.At, s.IssuedAt = normal(s.At), normal(s.IssuedAt)
	value, err := encode(bMirror, headOf(n, readSums(w.get(bMirror, []byte(mirror)))), &s)
	if err != nil {
		return err
	}
	return w.put(bMirror, []byte(mirror), value)
}

// openMirror is the number of a mirror, a new one if there is none.
func (w *writeTx) openMirror(name string) ([]byte, error) {
	if n := w.mirror(name); n != nil {
		return n, nil
	}
	if err := check("the name of a mirror", name); err != nil {
		return nil, err
	}
	n, err := w.next(" mirror") // no type of object begins with a space
	if err != nil {
		return nil, err
	}
	value, err := encode(bMirror, headOf(be64(n), sums{}), &store.MirrorState{})
	if err != nil {
		return nil, err
	}
	return be64(n), w.put(bMirror, []byte(name), value)
}

func (w *writeTx) PutMirrorRecord(mirror string, r *store.Record) error {
	if err := check("the type or id of a record", r.Type, r.ID); err != nil {
		return err
	}
	n, err := w.openMirror(mirror)
	if err != nil {
		return err
	}
	key := recordKey(n, r.Type, r.ID)
	value, err := encodeRecord(r)
	if err != nil {
		return err
	}
	old := w.get(bMirrorRecord, key)
	// Every login writes the user again; mostly nothing changed.
	if bytes.Equal(old, value) {
		return nil
	}
	var was *store.Record
	if old != nil {
		if was, err = decodeRecord(old); err != nil {
			return err
		}
	}
	if err := w.addToSums(mirror, was, r); err != nil {
		return err
	}
	if err := w.moveMirrorRow(n, was, r); err != nil {
		return err
	}
	w.event(store.Event{Kind: store.EventMirror, Realm: mirror, Type: r.Type, ID: r.ID})
	return w.put(bMirrorRecord, key, value)
}

// addToSums counts a record in the place of what was kept of it, if anything.
func (w *writeTx) addToSums(mirror string, was, r *store.Record) error {
	v := bytes.Clone(w.get(bMirror, []byte(mirror)))
	s := readSums(v)
	if was != nil {
		s.digest.Remove(was.Type, was.ID, was.Version, was.Deleted)
	}
	s.digest.Add(r.Type, r.ID, r.Version, r.Deleted)
	s.top = max(s.top, r.Version)
	return w.put(bMirror, []byte(mirror), append(headOf(v[:mirrorNumber], s), v[mirrorHead:]...))
}

// changeKey is the row of a record among the changes of its type.
func changeKey(number []byte, r *store.Record) []byte {
	return append(append(part(bytes.Clone(number), r.Type), be64(r.Version)...), r.ID...)
}

// moveMirrorRow moves a record's row to where its version is, from where it was,
// if it was anywhere. A foreign issuer's records have no version, and no row.
func (w *writeTx) moveMirrorRow(number []byte, was, r *store.Record) error {
	if was != nil && was.Version != 0 && was.Version != r.Version {
		if err := w.del(bMirrorChange, changeKey(number, was)); err != nil {
			return err
		}
	}
	if r.Version == 0 || was != nil && was.Version == r.Version {
		return nil
	}
	return w.put(bMirrorChange, changeKey(number, r), present)
}

func (w *writeTx) ReplaceMirror(mirror, by string) error {
	v := bytes.Clone(w.get(bMirror, []byte(by)))
	if v == nil {
		return store.ErrNotFound
	}
	if err := w.DeleteMirror(mirror); err != nil {
		return err
	}
	w.event(store.Event{Kind: store.EventMirror, Realm: by})
	w.event(store.Event{Kind: store.EventMirror, Realm: mirror})
	if err := w.del(bMirror, []byte(by)); err != nil {
		return err
	}
	return w.put(bMirror, []byte(mirror), v)
}

func (w *writeTx) DeleteMirror(mirror string) error {
	n := bytes.Clone(w.mirror(mirror))
	if n == nil {
		return nil
	}
	for _, task := range []byte{mirrorRecords, mirrorChanges} {
		if err := w.put(bExpiry, expiryKey(0, task, n), present); err != nil {
			return err
		}
	}
	w.event(store.Event{Kind: store.EventMirror, Realm: mirror})
	return w.del(bMirror, []byte(mirror))
}
