package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/caddyito/caddyito/store"
)

// The log lies newest first: keys have time and id turned round, so that reading
// forward goes back in time. bAuditOf has the same keys below each party, with the
// roles in which it was there.

const (
	auditActor byte = 1 << iota
	auditTarget
)

// auditLooked is how many records a page looks at for each that it may have.
const auditLooked = 200

func auditKey(at time.Time, id uint64) []byte {
	k := binary.BigEndian.AppendUint64(newKey(16), ^micros(at))
	return binary.BigEndian.AppendUint64(k, ^id)
}

func partyKey(p store.AuditParty) []byte {
	return part(part(newKey(len(p.Type)+len(p.ID)+24), p.Type), p.ID)
}

func auditHour(at time.Time) uint64 { return micros(at.UTC().Truncate(time.Hour)) }

func (w *writeTx) PutAudit(r *store.AuditRecord) error {
	if err := check("the action of an audit record", string(r.Action)); err != nil {
		return err
	}
	if r.Time.IsZero() {
		return errors.New("an audit record has no time")
	}
	id, err := w.next("audit")
	if err != nil {
		return err
	}
	n := *r
	n.ID, n.Time = id, normal(r.Time)
	key := auditKey(n.Time, id)
	roles := map[string]byte{}
	if n.Actor.Type != "" {
		roles[string(partyKey(n.Actor))] |= auditActor
	}
	if n.Target.Type != "" {
		roles[string(partyKey(n.Target))] |= auditTarget
	}
	for party, role := range roles {
		if err := w.put(bAuditOf, append([]byte(party), key...), []byte{role}); err != nil {
			return err
		}
	}
	count := append(be64(auditHour(n.Time)), n.Action...)
	if err := w.put(bAuditCount, count, be64(number(w.get(bAuditCount, count))+uint64(n.Times()))); err != nil {
		return err
	}
	if err := w.put(bAudit, key, encodeAudit(&n)); err != nil {
		return err
	}
	r.ID = id
	return nil
}

func (r *readTx) Audit(q *store.AuditQuery, limit int) (records []*store.AuditRecord, next store.AuditCursor, err error) {
	b, prefix, roles := bAudit, []byte(nil), byte(0)
	for _, by := range []struct {
		party store.AuditParty
		roles byte
	}{{q.Target, auditTarget}, {q.Actor, auditActor}, {q.Of, auditActor | auditTarget}} {
		if by.party.Type != "" {
			b, prefix, roles = bAuditOf, partyKey(by.party), by.roles
			break
		}
	}
	from := bytes.Clone(prefix)
	switch {
	case !q.After.IsZero():
		from = append(append(from, auditKey(q.After.Time, q.After.ID)...), 0) // behind it
	case !q.Until.IsZero():
		from = append(from, auditKey(q.Until.Add(-time.Microsecond), 1<<64-1)...)
	}
	looked, more := 0, false
	var last store.AuditCursor
	r.scan(b, prefix, from, func(k, v []byte) bool {
		key := k[len(prefix):]
		if len(records) >= limit || looked >= auditLooked*limit {
			more = true
			return false
		}
		looked++
		if b == bAuditOf {
			if v[0]&roles == 0 {
				last = auditCursor(key)
				return true
			}
			if v = r.get(bAudit, key); v == nil {
				err = fmt.Errorf("reading the audit log: %w", errEncoding)
				return false
			}
		}
		var a *store.AuditRecord
		if a, err = decodeAudit(key, v); err != nil {
			return false
		}
		if !q.Since.IsZero() && a.Time.Before(q.Since) {
			return false
		}
		last = store.AuditCursor{Time: a.Time, ID: a.ID}
		if q.Matches(a) {
			records = append(records, a)
		}
		return true
	})
	if more {
		next = last
	}
	return records, next, err
}

// auditCursor is the place of a key.
func auditCursor(key []byte) store.AuditCursor {
	return store.AuditCursor{Time: time.UnixMicro(int64(^number(key) ^ 1<<63)).UTC(), ID: ^number(key[8:])}
}

func (r *readTx) AuditCounts(from, to time.Time) (counts []store.AuditCount, err error) {
	end := micros(normal(to))
	r.scan(bAuditCount, nil, be64(auditHour(from)), func(k, v []byte) bool {
		hour := number(k)
		if hour >= end {
			return false
		}
		counts = append(counts, store.AuditCount{
			Hour: time.UnixMicro(int64(hour ^ 1<<63)).UTC(), Action: store.AuditAction(k[8:]), Count: number(v),
		})
		return true
	})
	return counts, nil
}

func (w *writeTx) PruneAudit(before time.Time, limit int) (removed int, err error) {
	var old [][]byte
	w.scan(bAudit, nil, auditKey(normal(before).Add(-time.Microsecond), 1<<64-1), func(k, _ []byte) bool {
		if len(old) >= limit {
			return false
		}
		old = append(old, bytes.Clone(k))
		return true
	})
	for _, key := range old {
		a, err := decodeAudit(key, w.get(bAudit, key))
		if err != nil {
			return 0, err
		}
		for _, p := range []store.AuditParty{a.Actor, a.Target} {
			if p.Type == "" {
				continue
			}
			if err := w.del(bAuditOf, append(partyKey(p), key...)); err != nil {
				return 0, err
			}
		}
		if err := w.del(bAudit, key); err != nil {
			return 0, err
		}
	}
	end := micros(normal(before).Add(-time.Hour))
	var hours [][]byte
	w.scan(bAuditCount, nil, nil, func(k, _ []byte) bool {
		if number(k) > end || len(hours) >= limit {
			return false
		}
		hours = append(hours, bytes.Clone(k))
		return true
	})
	for _, key := range hours {
		if err := w.del(bAuditCount, key); err != nil {
			return 0, err
		}
	}
	return len(old), nil
}
