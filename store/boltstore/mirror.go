package boltstore

import (
	"bytes"

	"github.com/caddyito/caddyito/store"
)

// A mirror's records are kept under its number, which stands before its state,
// as do their digest and the highest of their versions. A mirror that was
// deleted and begins anew has another number.
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
	if err := w.addToSums(mirror, old, r); err != nil {
		return err
	}
	w.event(store.Event{Kind: store.EventMirror, Realm: mirror, Type: r.Type, ID: r.ID})
	return w.put(bMirrorRecord, key, value)
}

// addToSums counts a record in the place of what was kept of it, if anything.
func (w *writeTx) addToSums(mirror string, old []byte, r *store.Record) error {
	v := bytes.Clone(w.get(bMirror, []byte(mirror)))
	s := readSums(v)
	if old != nil {
		o, err := decodeRecord(old)
		if err != nil {
			return err
		}
		s.digest.Remove(o.Type, o.ID, o.Version, o.Deleted)
	}
	s.digest.Add(r.Type, r.ID, r.Version, r.Deleted)
	s.top = max(s.top, r.Version)
	return w.put(bMirror, []byte(mirror), append(headOf(v[:mirrorNumber], s), v[mirrorHead:]...))
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
	if err := w.put(bExpiry, expiryKey(0, mirrorRecords, n), present); err != nil {
		return err
	}
	w.event(store.Event{Kind: store.EventMirror, Realm: mirror})
	return w.del(bMirror, []byte(mirror))
}
