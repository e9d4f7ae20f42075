package boltstore

import (
	"slices"
	"time"

	"github.com/caddyito/caddyito/store"
)

// A session is kept behind the time under which bExpiry has it.
const sessionHead = 8

func sessionKey(realm string, hash store.Hash) []byte {
	return append(part(newKey(len(realm)+len(hash)), realm), hash[:]...)
}

func subjectKey(s *store.Session) []byte { return sessionIndexKey(s, s.Subject) }

func sidKey(s *store.Session) []byte { return sessionIndexKey(s, s.SID) }

func sessionIndexKey(s *store.Session, name string) []byte {
	return append(part(part(newKey(len(s.Realm)+len(name)+len(s.Hash)), s.Realm), name), s.Hash[:]...)
}

func sessionEnd(s *store.Session) uint64 {
	return min(micros(s.IdleExpiresAt), micros(s.ExpiresAt))
}

func (r *readTx) Session(realm string, hash store.Hash) (*store.Session, error) {
	s, _, err := r.session(realm, hash)
	return s, err
}

// session finds a session and its value.
func (r *readTx) session(realm string, hash store.Hash) (s *store.Session, v []byte, err error) {
	v = r.get(bSession, sessionKey(realm, hash))
	if v == nil {
		return nil, nil, store.ErrNotFound
	}
	s, err = decodeSession(realm, hash, v[sessionHead:])
	return s, v, err
}

func (r *readTx) SessionsOf(realm, subject string) ([]*store.Session, error) {
	return r.sessions(bSessionOfSubject, realm, subject)
}

func (r *readTx) SessionsBySID(realm, sid string) ([]*store.Session, error) {
	return r.sessions(bSessionOfSID, realm, sid)
}

func (r *readTx) sessions(index bucket, realm, name string) ([]*store.Session, error) {
	prefix := part(part(nil, realm), name)
	var sessions []*store.Session
	for _, key := range r.keys(index, prefix, -1) {
		s, err := r.Session(realm, store.Hash(key[len(prefix):]))
		if err != nil {
			return nil, err
		}
		sessions = append(sessions, s)
	}
	slices.SortStableFunc(sessions, func(a, b *store.Session) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return sessions, nil
}

func (r *readTx) CountSessions(realm string, limit int) (n int, err error) {
	r.scan(bSession, part(nil, realm), nil, func(_, _ []byte) bool {
		if n >= limit {
			return false
		}
		n++
		return true
	})
	return n, nil
}

func (w *writeTx) PutSession(s *store.Session) error {
	if err := check("the realm or subject of a session", s.Realm, s.Subject); err != nil {
		return err
	}
	if s.SID != "" {
		if err := check("the sid of a session", s.SID); err != nil {
			return err
		}
	}
	n := *s
	n.CreatedAt, n.AuthTime, n.LastSeen = normal(s.CreatedAt), normal(s.AuthTime), normal(s.LastSeen)
	n.FactorTime = normal(s.FactorTime)
	n.IdleExpiresAt, n.ExpiresAt = normal(s.IdleExpiresAt), normal(s.ExpiresAt)
	old, v, err := w.session(s.Realm, s.Hash)
	if isNotFound(err) {
		old = &store.Session{}
	} else if err != nil {
		return err
	}
	if old.Subject != n.Subject {
		if old.Subject != "" {
			if err := w.del(bSessionOfSubject, subjectKey(old)); err != nil {
				return err
			}
		}
		if err := w.put(bSessionOfSubject, subjectKey(&n), present); err != nil {
			return err
		}
	}
	if old.SID != n.SID {
		if old.SID != "" {
			if err := w.del(bSessionOfSID, sidKey(old)); err != nil {
				return err
			}
		}
		if n.SID != "" {
			if err := w.put(bSessionOfSID, sidKey(&n), present); err != nil {
				return err
			}
		}
	}
	return w.putSession(&n, v)
}

// putSession writes a session whose value so far is old.
func (w *writeTx) putSession(s *store.Session, old []byte) error {
	key := sessionKey(s.Realm, s.Hash)
	head, err := w.expires(expiringSession, key, old, sessionEnd(s))
	if err != nil {
		return err
	}
	w.event(store.Event{Kind: store.EventSession, Realm: s.Realm, Hash: s.Hash})
	return w.put(bSession, key, encodeSession(head, s))
}

func (w *writeTx) TouchSession(realm string, hash store.Hash, lastSeen, idleExpiresAt time.Time) error {
	s, v, err := w.session(realm, hash)
	if err != nil {
		return err
	}
	lastSeen, idleExpiresAt = normal(lastSeen), normal(idleExpiresAt)
	if !lastSeen.After(s.LastSeen) && !idleExpiresAt.After(s.IdleExpiresAt) {
		return nil
	}
	if lastSeen.After(s.LastSeen) {
		s.LastSeen = lastSeen
	}
	if idleExpiresAt.After(s.IdleExpiresAt) {
		s.IdleExpiresAt = idleExpiresAt
	}
	return w.putSession(s, v)
}

func (w *writeTx) DeleteSession(realm string, hash store.Hash) error {
	s, err := w.Session(realm, hash)
	if err != nil {
		return err
	}
	return w.deleteSession(s)
}

func (w *writeTx) deleteSession(s *store.Session) error {
	key := sessionKey(s.Realm, s.Hash)
	if err := w.del(bExpiry, expiryKey(number(w.get(bSession, key)), expiringSession, key)); err != nil {
		return err
	}
	if err := w.del(bSessionOfSubject, subjectKey(s)); err != nil {
		return err
	}
	if s.SID != "" {
		if err := w.del(bSessionOfSID, sidKey(s)); err != nil {
			return err
		}
	}
	w.event(store.Event{Kind: store.EventSession, Realm: s.Realm, Hash: s.Hash})
	return w.del(bSession, key)
}

func (w *writeTx) DeleteSessionsOf(realm, subject string, keep store.Hash) (int, error) {
	sessions, err := w.SessionsOf(realm, subject)
	if err != nil {
		return 0, err
	}
	deleted := 0
	for _, s := range sessions {
		if s.Hash == keep {
			continue
		}
		if err := w.deleteSession(s); err != nil {
			return 0, err
		}
		deleted++
	}
	return deleted, nil
}
