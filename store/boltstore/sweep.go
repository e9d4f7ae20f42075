package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"github.com/caddyito/caddyito/store"
)

// bExpiry has an entry for each thing that expires, in the order of time, so
// that Sweep reads only what is due. The time of the entry stands in front of
// the thing too (its head). A thing that lives longer than it first did keeps
// its entry: when the entry is due, Sweep finds the later time and moves it.
// Things are touched often and expire once.
//
// Some are tasks, due at once: large deletions to be finished.
const (
	expiringFamily byte = iota + 1
	expiringToken
	expiringSession
	expiringTicket
	expiringMark
	familyTokens   // of a family that is gone
	clientConsents // of a client that was deleted
	mirrorRecords  // of a mirror that was deleted
	clientVisits   // of a client that was deleted
	expiringSignIn
	mirrorChanges // of a mirror that was deleted
)

func expiryKey(at uint64, kind byte, key []byte) []byte {
	k := make([]byte, 0, 9+len(key))
	return append(append(binary.BigEndian.AppendUint64(k, at), kind), key...)
}

// expires sees to it that a thing's entry is no later than end, and returns the
// head for its new value. old is its value so far, if there is one.
func (w *writeTx) expires(kind byte, key, old []byte, end uint64) (head []byte, err error) {
	if old != nil {
		at := number(old)
		if at <= end {
			return be64(at), nil
		}
		if err := w.del(bExpiry, expiryKey(at, kind, key)); err != nil {
			return nil, err
		}
	}
	return be64(end), w.put(bExpiry, expiryKey(end, kind, key), present)
}

// Sweep removes what expired before now. One call looks at no more than ten
// entries per record it may remove.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	err = s.Update(ctx, func(tx store.WriteTx) error {
		var err error
		removed, err = tx.(*writeTx).sweep(micros(now), limit)
		return err
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

func (w *writeTx) sweep(now uint64, limit int) (removed int, err error) {
	for looked := 0; removed < limit && looked < 10*limit; {
		due := w.due(now, limit-removed)
		if len(due) == 0 {
			break
		}
		looked += len(due)
		for _, entry := range due {
			if removed >= limit {
				break
			}
			n, err := w.sweepEntry(entry, now, limit-removed)
			if err != nil {
				return 0, err
			}
			removed += n
		}
	}
	return removed, nil
}

// due collects entries that are due.
func (w *writeTx) due(now uint64, limit int) (due [][]byte) {
	w.scan(bExpiry, nil, nil, func(k, _ []byte) bool {
		if number(k) >= now || len(due) >= limit {
			return false
		}
		due = append(due, bytes.Clone(k))
		return true
	})
	return due
}

func (w *writeTx) sweepEntry(entry []byte, now uint64, limit int) (removed int, err error) {
	at, kind, key := number(entry), entry[8], entry[9:]
	switch kind {
	case familyTokens:
		return w.sweepTokens(entry, key, limit)
	case clientConsents:
		return w.sweepConsents(entry, string(key), limit)
	case mirrorRecords:
		return w.sweepPrefix(bMirrorRecord, entry, key, limit)
	case mirrorChanges:
		return w.sweepPrefix(bMirrorChange, entry, key, limit)
	case clientVisits:
		return w.sweepPrefix(bVisit, entry, key, limit)
	}
	b := map[byte]bucket{
		expiringFamily: bGrant, expiringToken: bGrant,
		expiringSession: bSession, expiringTicket: bTicket, expiringMark: bMark, expiringSignIn: bSignIn,
	}[kind]
	v := w.get(b, key)
	if v == nil || number(v) != at {
		return 0, w.del(bExpiry, entry) // gone, or under another entry
	}
	switch kind {
	case expiringFamily:
		id, _ := cut(key)
		f, err := familyOf(id, v)
		if err != nil {
			return 0, err
		}
		if end := micros(f.ExpiresAt); end >= now {
			return 0, w.postpone(b, entry, v, end)
		}
		return 1, w.deleteFamily(id)
	case expiringSession:
		realm, hash := cut(key)
		s, err := decodeSession(realm, store.Hash(hash), v[sessionHead:])
		if err != nil {
			return 0, err
		}
		if end := sessionEnd(s); end >= now {
			return 0, w.postpone(b, entry, v, end)
		}
		return 1, w.deleteSession(s)
	case expiringToken:
		if v[tokenSpent] != 0 {
			return 0, w.del(bExpiry, entry) // the mark stays as long as the family
		}
		return 1, w.deleteToken(key)
	case expiringTicket:
		t, err := decode[store.Ticket](b, v[ticketHead:])
		if err != nil {
			return 0, err
		}
		if end := micros(t.ExpiresAt); end >= now {
			return 0, w.postpone(b, entry, v, end)
		}
		return 1, w.deleteTicket(key)
	default:
		if err := w.del(b, key); err != nil {
			return 0, err
		}
		return 1, w.del(bExpiry, entry)
	}
}

// postpone moves the entry of a thing that lives longer than it says.
func (w *writeTx) postpone(b bucket, entry, v []byte, end uint64) error {
	kind, key := entry[8], entry[9:]
	if err := w.put(b, key, append(be64(end), v[8:]...)); err != nil {
		return err
	}
	if err := w.put(bExpiry, expiryKey(end, kind, key), present); err != nil {
		return err
	}
	return w.del(bExpiry, entry)
}

// sweepTokens removes tokens of a family that is gone.
func (w *writeTx) sweepTokens(entry, family []byte, limit int) (removed int, err error) {
	if w.get(bGrant, family) != nil {
		return 0, w.del(bExpiry, entry) // there is a new one of that id
	}
	if removed, err = w.deleteTokens(family, limit); err != nil || removed == limit {
		return removed, err
	}
	return removed, w.del(bExpiry, entry)
}

// sweepConsents removes consents that a client had before it was deleted. They
// lie by user, so the entry's value remembers how far it came.
func (w *writeTx) sweepConsents(entry []byte, clientID string, limit int) (removed int, err error) {
	epoch := w.epoch(clientID)
	var dead [][]byte
	var stop []byte
	looked := 0
	w.scan(bConsent, nil, bytes.Clone(w.get(bExpiry, entry)), func(k, v []byte) bool {
		if looked >= 10*limit || len(dead) >= limit {
			stop = bytes.Clone(k)
			return false
		}
		looked++
		if string(k[8:]) == clientID && number(v) < epoch {
			dead = append(dead, bytes.Clone(k))
		}
		return true
	})
	for _, key := range dead {
		if err := w.del(bConsent, key); err != nil {
			return 0, err
		}
	}
	if stop == nil {
		return len(dead), w.del(bExpiry, entry)
	}
	return len(dead), w.put(bExpiry, entry, stop)
}

// sweepPrefix removes what lies under the key of something that is gone.
func (w *writeTx) sweepPrefix(b bucket, entry, prefix []byte, limit int) (removed int, err error) {
	keys := w.keys(b, prefix, limit)
	for _, key := range keys {
		if err := w.del(b, key); err != nil {
			return 0, err
		}
	}
	if len(keys) == limit {
		return limit, nil
	}
	return len(keys), w.del(bExpiry, entry)
}
