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
	bSearch                         // what is searched for, id -> present (search.go)
	bGroup                          // group -> how many are in it
	bFeed                           // seq -> feedRow
	bGrave                          // type, id that was deleted -> seq
	bCredential                     // user id -> Credential
	bFactor                         // user id, id -> Factor
	bPasskey                        // credential id -> key of its Factor
	bRecoveryCode                   // user id, hash -> present
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
	bMirrorChange                   // mirror's number, type, version, id -> present
	bSyncState                      // client id -> SyncState
	bVisit                          // client id, its epoch, user id -> present
	bLease                          // name -> Lease
	bSignIn                         // subject, sid, client id -> SignIn
	bLogout                         // client id, number -> Logout
	bAudit                          // time and id, turned round -> AuditRecord
	bAuditOf                        // party, key of bAudit -> roles
	bAuditCount                     // hour, action -> count
	bExpiry                         // time, kind, key -> present, or where to go on
	bucketCount
)

var bucketNames = [bucketCount]string{
	"meta", "counter", "user", "object", "unique", "reference", "superuser", "search", "group", "feed", "grave", "credential", "factor", "passkey", "recovery_code",
	"client", "epoch", "grant", "token", "family_of_user", "ticket", "mark", "session", "session_of_subject",
	"session_of_sid", "consent", "signing_key", "mirror", "mirror_record", "mirror_change", "sync_state", "visit", "lease", "sign_in", "logout", "audit", "audit_of", "audit_count", "expiry",
}

// present is the value of an index entry.
var present = []byte{1}

// maxKey is the longest key. Nothing of ours comes near; what strangers chose
// (a foreign sub, a jti) is refused here rather than by bbolt.
const maxKey = 4096

// maxValue is the largest value. Nothing of ours comes near either.
const maxValue = 1 << 30

// readTx is a transaction that reads: the file as it was at one moment, and over
// it what is not yet in the file (see memory.go). The slices bbolt hands out die
// with the transaction, so nothing of them is passed on.
type readTx struct {
	tx      *bbolt.Tx
	above   [2]*tree // the newer one first; nil where there is none
	buckets [bucketCount]*bbolt.Bucket
}

func (r *readTx) bucket(b bucket) *bbolt.Bucket {
	if r.buckets[b] == nil {
		r.buckets[b] = r.tx.Bucket([]byte(bucketNames[b]))
		if b == bUser || b == bFeed || b == bCredential || b == bMirrorChange {
			// Their keys grow: a full page is not written to again.
			r.buckets[b].FillPercent = 0.9
		}
	}
	return r.buckets[b]
}

// get returns nil if there is no such key. The value must not be kept, nor changed.
func (r *readTx) get(b bucket, key []byte) []byte {
	if it := r.known(b, key); it != nil {
		return it.value
	}
	return r.bucket(b).Get(key)
}

// known is what memory has of a key, nil if nothing.
func (r *readTx) known(b bucket, key []byte) *item {
	for _, t := range r.above {
		if t != nil && t[b] != nil {
			if it := t.find(b, key); it != nil {
				return it
			}
		}
	}
	return nil
}

// scan calls fn for the keys with a prefix, from the first that is at least
// from, until fn says stop. fn must not write.
func (r *readTx) scan(b bucket, prefix, from []byte, fn func(k, v []byte) (more bool)) {
	if bytes.Compare(from, prefix) < 0 {
		from = prefix
	}
	var above []*cursor
	for _, t := range r.above {
		if t != nil && t[b] != nil {
			above = append(above, t.from(b, from))
		}
	}
	c := r.bucket(b).Cursor()
	k, v := c.Seek(from)
	for {
		// The least key, and the newest that is known of it.
		key, value, is := k, v, kept
		for _, a := range slices.Backward(above) {
			if a.at != nil && (key == nil || bytes.Compare(a.at.key, key) <= 0) {
				key, value, is = a.at.key, a.at.value, a.at.is
			}
		}
		if key == nil || !bytes.HasPrefix(key, prefix) || is == kept && !fn(key, value) {
			return
		}
		for _, a := range above {
			if a.at != nil && bytes.Equal(a.at.key, key) {
				a.next()
			}
		}
		if k != nil && (len(above) == 0 || bytes.Equal(k, key)) {
			k, v = c.Next()
		}
	}
}

// last is the last key of a bucket, nil if there is none.
func (r *readTx) last(b bucket) (top []byte) {
	for i, t := range r.above {
		if t == nil {
			continue
		}
		for it := range t.backward(b) {
			if bytes.Compare(it.key, top) <= 0 {
				break
			}
			if it.is == kept && (i == 0 || r.known(b, it.key) == it) {
				top = it.key
				break
			}
		}
	}
	c := r.bucket(b).Cursor()
	for k, _ := c.Last(); bytes.Compare(k, top) > 0; k, _ = c.Prev() {
		if r.known(b, k) == nil {
			return k
		}
	}
	return top
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
// other (see commit.go). What it writes goes to a tree of its own, which nobody
// sees before it is in the log, and is listed for the log.
type writeTx struct {
	readTx
	recent tree // above[0]
	edit   uint64
	writes []write

	// Of the closure under way:
	start  int // of its writes
	events []store.Event
}

// write is what was written, and what was known before.
type write struct {
	bucket bucket
	*item
	old *item
}

// begin readies w for the next closure.
func (w *writeTx) begin() { w.start, w.events = len(w.writes), nil }

// undo takes back what the closure wrote.
func (w *writeTx) undo() {
	for _, wr := range slices.Backward(w.writes[w.start:]) {
		old := wr.old
		if old == nil {
			old = &item{key: wr.key, is: unknown}
		}
		w.recent.set(wr.bucket, old, w.edit)
	}
	clear(w.writes[w.start:])
	w.writes = w.writes[:w.start]
}

// alone is what was written and nothing else.
func (w *writeTx) alone() *tree {
	t := new(tree)
	for _, wr := range w.writes {
		t.set(wr.bucket, wr.item, w.edit)
	}
	return t
}

// put writes. It copies both slices.
func (w *writeTx) put(b bucket, key, value []byte) error {
	return w.set(b, kept, key, value)
}

// del deletes; a key that is not there is fine.
func (w *writeTx) del(b bucket, key []byte) error { return w.set(b, gone, key, nil) }

func (w *writeTx) set(b bucket, is itemKind, key, value []byte) error {
	// Whatever bbolt would refuse is refused now, not when it is written there.
	if len(key) == 0 || len(key) > maxKey {
		return fmt.Errorf("writing a %s: its name has %d bytes, not 1 to %d", bucketNames[b], len(key), maxKey)
	}
	if len(value) > maxValue {
		return fmt.Errorf("writing a %s: it has %d bytes, more than %d", bucketNames[b], len(value), maxValue)
	}
	both := append(append(make([]byte, 0, len(key)+len(value)), key...), value...)
	it := &item{key: both[:len(key):len(key)], is: is}
	if is == kept {
		it.value = both[len(key):]
	}
	w.writes = append(w.writes, write{b, it, w.recent.set(b, it, w.edit)})
	return nil
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

// list decodes up to limit values, no limit below 0, of the keys with a prefix that
// are at least from.
func list[T any](r *readTx, b bucket, prefix, from []byte, limit int) (values []*T, err error) {
	r.scan(b, prefix, from, func(_, v []byte) bool {
		if limit >= 0 && len(values) >= limit {
			return false
		}
		var t *T
		if t, err = decode[T](b, v); err != nil {
			return false
		}
		values = append(values, t)
		return true
	})
	return values, err
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
