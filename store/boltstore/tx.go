package boltstore

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.etcd.io/bbolt"

	"github.com/caddyito/caddyito/store"
)

// bucket is one of the top-level buckets.
type bucket uint8

const (
	bMeta             bucket = iota // what is there once
	bCounter                        // type -> the highest ID ever given
	bUser                           // id -> userValue
	bObject                         // type, id -> objectValue
	bUnique                         // type, field, value -> id
	bReference                      // target, referrer -> present
	bSuperuser                      // id of an active superuser -> present
	bFeed                           // seq -> feedRow
	bGrave                          // type, id that was deleted -> seq
	bCredential                     // user id -> Credential
	bClient                         // id -> Client
	bEpoch                          // client id -> how often it was deleted
	bGrant                          // family -> Family; family, kind, hash -> Token
	bToken                          // kind, hash -> family
	bFamilyOfUser                   // user id, family -> present
	bTicket                         // kind, hash -> Ticket
	bMark                           // kind, id -> expiry
	bSession                        // realm, hash -> Session
	bSessionOfSubject               // realm, subject, hash -> present
	bSessionOfSID                   // realm, sid, hash -> present
	bConsent                        // user id, client id -> Consent
	bSigningKey                     // kid -> SigningKey
	bMirror                         // name -> number, Digest, Top, MirrorState
	bMirrorRecord                   // mirror's number, type, id -> Record
	bSyncState                      // client id -> SyncState
	bVisit                          // client id, its epoch, user id -> present
	bLease                          // name -> Lease
	bExpiry                         // time, kind, key -> present, or where to go on
	bucketCount
)

var bucketNames = [bucketCount]string{
	"meta", "counter", "user", "object", "unique", "reference", "superuser", "feed", "grave", "credential",
	"client", "epoch", "grant", "token", "family_of_user", "ticket", "mark", "session", "session_of_subject",
	"session_of_sid", "consent", "signing_key", "mirror", "mirror_record", "sync_state", "visit", "lease", "expiry",
}

// present is the value of an index entry.
var present = []byte{1}

// maxKey is the longest key. Nothing of ours comes near; what strangers chose
// (a foreign sub, a jti) is refused here rather than by bbolt.
const maxKey = 4096

// readTx is a transaction that reads. The slices bbolt hands out die with the
// transaction, so nothing of them is passed on.
type readTx struct {
	tx      *bbolt.Tx
	buckets [bucketCount]*bbolt.Bucket
}

func (r *readTx) bucket(b bucket) *bbolt.Bucket {
	if r.buckets[b] == nil {
		r.buckets[b] = r.tx.Bucket([]byte(bucketNames[b]))
		if b == bUser || b == bFeed || b == bCredential {
			// Their keys grow: a full page is not written to again.
			r.buckets[b].FillPercent = 0.9
		}
	}
	return r.buckets[b]
}

// get returns nil if there is no such key. The value must not be kept.
func (r *readTx) get(b bucket, key []byte) []byte { return r.bucket(b).Get(key) }

// scan calls fn for the keys with a prefix, from the first that is at least
// from, until fn says stop. fn must not write.
func (r *readTx) scan(b bucket, prefix, from []byte, fn func(k, v []byte) (more bool)) {
	c := r.bucket(b).Cursor()
	if bytes.Compare(from, prefix) < 0 {
		from = prefix
	}
	for k, v := c.Seek(from); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if !fn(k, v) {
			return
		}
	}
}

// keys collects up to limit keys with a prefix; no limit below 0.
func (r *readTx) keys(b bucket, prefix []byte, limit int) [][]byte {
	var keys [][]byte
	r.scan(b, prefix, nil, func(k, _ []byte) bool {
		if limit >= 0 && len(keys) >= limit {
			return false
		}
		keys = append(keys, bytes.Clone(k))
		return true
	})
	return keys
}

// writeTx is a transaction that reads and writes, lent to one closure after the
// other (see commit.go).
type writeTx struct {
	readTx
	dirty bool // somebody wrote something

	// Of the closure under way:
	wrote     bool
	journaled bool   // others wrote before it: it must be possible to take back
	journal   []past // what it overwrote
	events    []store.Event

	// inBolt is true while bbolt writes. After a panic from there nobody knows
	// what the transaction holds.
	inBolt bool
}

// past is what a closure overwrote. old is nil where there was nothing.
type past struct {
	bucket   bucket
	key, old []byte
}

// begin readies w for the next closure.
func (w *writeTx) begin() {
	w.wrote, w.journaled = false, w.dirty
	w.journal, w.events = w.journal[:0], nil
}

// undo takes back what the closure wrote. bbolt has no savepoints: where nobody
// wrote before, the transaction is begun anew, otherwise the journal is replayed
// backwards. After an error w is of no use.
func (w *writeTx) undo(db *bbolt.DB) error {
	switch {
	case w.inBolt:
		return errors.New("bbolt failed in the midst of a write: the database may be damaged")
	case !w.wrote:
		return nil
	case !w.journaled:
		if err := w.tx.Rollback(); err != nil {
			return fmt.Errorf("rolling back: %w", err)
		}
		tx, err := db.Begin(true)
		if err != nil {
			return fmt.Errorf("starting to write: %w", err)
		}
		w.readTx, w.dirty = readTx{tx: tx}, false
		return nil
	}
	for _, p := range slices.Backward(w.journal) {
		var err error
		if p.old == nil {
			err = w.bucket(p.bucket).Delete(p.key)
		} else {
			err = w.bucket(p.bucket).Put(p.key, p.old)
		}
		if err != nil {
			return fmt.Errorf("taking back a write to %s: %w", bucketNames[p.bucket], err)
		}
	}
	return nil
}

// put writes. Neither slice may be changed afterwards.
func (w *writeTx) put(b bucket, key, value []byte) error {
	return w.replace(b, key, w.before(b, key), value)
}

// add is put for a key that is known to be new: it saves a search.
func (w *writeTx) add(b bucket, key, value []byte) error { return w.replace(b, key, nil, value) }

// replace is put for a key whose value is known to be old.
func (w *writeTx) replace(b bucket, key, old, value []byte) error {
	if len(key) > maxKey {
		return fmt.Errorf("writing a %s: its name has %d bytes, more than %d", bucketNames[b], len(key), maxKey)
	}
	w.dirty, w.wrote = true, true
	if w.journaled {
		w.journal = append(w.journal, past{b, key, old})
	}
	w.inBolt = true
	err := w.bucket(b).Put(key, value)
	w.inBolt = false
	if err != nil {
		return fmt.Errorf("writing a %s: %w", bucketNames[b], err)
	}
	return nil
}

// del deletes; a key that is not there is fine.
func (w *writeTx) del(b bucket, key []byte) error {
	old := w.before(b, key)
	if w.journaled && old == nil {
		return nil
	}
	w.dirty, w.wrote = true, true
	if w.journaled {
		w.journal = append(w.journal, past{b, key, old})
	}
	w.inBolt = true
	err := w.bucket(b).Delete(key)
	w.inBolt = false
	if err != nil {
		return fmt.Errorf("deleting a %s: %w", bucketNames[b], err)
	}
	return nil
}

// before is the value that a write is about to change, if it may have to be taken
// back.
func (w *writeTx) before(b bucket, key []byte) []byte {
	if !w.journaled {
		return nil
	}
	return w.get(b, key)
}

func (w *writeTx) event(e store.Event) { w.events = append(w.events, e) }

// next gives the next number of a counter.
func (w *writeTx) next(counter string) (uint64, error) {
	n := number(w.get(bCounter, []byte(counter))) + 1
	return n, w.put(bCounter, []byte(counter), be64(n))
}

// getJSON decodes the value of a key, behind a head of that many bytes.
func getJSON[T any](r *readTx, b bucket, key []byte, head int) (*T, error) {
	v := r.get(b, key)
	if v == nil {
		return nil, store.ErrNotFound
	}
	return decode[T](b, v[head:])
}

func decode[T any](b bucket, v []byte) (*T, error) {
	t := new(T)
	if err := json.Unmarshal(v, t); err != nil {
		return nil, fmt.Errorf("reading a %s: %w", bucketNames[b], err)
	}
	return t, nil
}

// encode appends v as JSON to head.
func encode(b bucket, head []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("writing a %s: %w", bucketNames[b], err)
	}
	return append(head, text...), nil
}

func be64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// number reads what be64 wrote; 0 for nothing.
func number(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func idKey(id int64) []byte { return be64(uint64(id)) }

// newKey has room for a key of parts of that length in all.
func newKey(n int) []byte { return make([]byte, 0, n+8) }

// part appends s with its length in front.
func part(key []byte, s string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}

// cut takes off what part appended.
func cut(key []byte) (s string, rest []byte) {
	n, size := binary.Uvarint(key)
	return string(key[size : size+int(n)]), key[size+int(n):]
}

// check refuses what JSON, or another kind of store, could not keep unchanged.
func check(what string, names ...string) error {
	for _, s := range names {
		if s == "" {
			return fmt.Errorf("%s is empty", what)
		}
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return fmt.Errorf("%s %q is not text", what, s)
		}
	}
	return nil
}

// normal is t as it is kept.
func normal(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// micros is t in the form that sorts.
func micros(t time.Time) uint64 { return uint64(t.UnixMicro()) ^ 1<<63 }

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
