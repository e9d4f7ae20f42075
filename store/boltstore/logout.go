package boltstore

import (
	"bytes"

	"github.com/caddyito/caddyito/store"
)

// A sign-in is kept behind the time under which bExpiry has it, which is all that
// sweeping it looks at, and the client's epoch.
const (
	signInEpoch = 8
	signInHead  = 16
)

func signInKey(subject, sid, clientID string) []byte {
	return part(part(part(newKey(len(subject)+len(sid)+len(clientID)), subject), sid), clientID)
}

func (r *readTx) SignIns(subject string) (signIns []*store.SignIn, err error) {
	r.scan(bSignIn, part(nil, subject), nil, func(k, v []byte) bool {
		var s *store.SignIn
		if s, err = decode[store.SignIn](bSignIn, v[signInHead:]); err != nil {
			return false
		}
		if number(v[signInEpoch:]) == r.epoch(s.ClientID) {
			signIns = append(signIns, s)
		}
		return true
	})
	return signIns, err
}

func (w *writeTx) PutSignIn(s *store.SignIn) error {
	if err := check("a part of a sign-in", s.Subject, s.SID, s.ClientID, s.Issuer); err != nil {
		return err
	}
	n := *s
	n.ExpiresAt = normal(s.ExpiresAt)
	key := signInKey(s.Subject, s.SID, s.ClientID)
	old := bytes.Clone(w.get(bSignIn, key))
	end := micros(n.ExpiresAt)
	if old != nil && number(old) != end {
		if err := w.del(bExpiry, expiryKey(number(old), expiringSignIn, key)); err != nil {
			return err
		}
		old = nil
	}
	head, err := w.expires(expiringSignIn, key, old, end)
	if err != nil {
		return err
	}
	value, err := encode(bSignIn, append(head, be64(w.epoch(s.ClientID))...), &n)
	if err != nil {
		return err
	}
	return w.put(bSignIn, key, value)
}

func (w *writeTx) DeleteSignIn(subject, sid, clientID string) error {
	key := signInKey(subject, sid, clientID)
	v := w.get(bSignIn, key)
	if v == nil {
		return store.ErrNotFound
	}
	if err := w.del(bExpiry, expiryKey(number(v), expiringSignIn, key)); err != nil {
		return err
	}
	return w.del(bSignIn, key)
}

func logoutKey(clientID string, id uint64) []byte {
	return append(part(newKey(len(clientID)+8), clientID), be64(id)...)
}

func (r *readTx) LogoutClients() (ids []string, err error) {
	var from []byte
	for more := true; more; {
		more = false
		r.scan(bLogout, nil, from, func(k, _ []byte) bool {
			id, _ := cut(k)
			ids = append(ids, id)
			from, more = append(logoutKey(id, 1<<64-1), 0), true // behind the client's last
			return false
		})
	}
	return ids, nil
}

func (r *readTx) Logouts(clientID string, after uint64, limit int) ([]*store.Logout, error) {
	return list[store.Logout](r, bLogout, part(nil, clientID), append(logoutKey(clientID, after), 0), max(limit, 0))
}

func (w *writeTx) PutLogout(l *store.Logout) error {
	if err := check("a part of a logout", l.ClientID, l.Issuer, l.Subject, l.SID); err != nil {
		return err
	}
	n := *l
	n.CreatedAt, n.NextAt = normal(l.CreatedAt), normal(l.NextAt)
	if n.ID == 0 {
		id, err := w.next("logout")
		if err != nil {
			return err
		}
		n.ID = id
	}
	value, err := encode(bLogout, nil, &n)
	if err != nil {
		return err
	}
	if err := w.put(bLogout, logoutKey(n.ClientID, n.ID), value); err != nil {
		return err
	}
	w.event(store.Event{Kind: store.EventLogouts})
	l.ID = n.ID
	return nil
}

func (w *writeTx) DeleteLogout(clientID string, id uint64) error {
	key := logoutKey(clientID, id)
	if w.get(bLogout, key) == nil {
		return store.ErrNotFound
	}
	return w.del(bLogout, key)
}

// deleteLogouts deletes those of a client.
func (w *writeTx) deleteLogouts(clientID string) error {
	for _, key := range w.keys(bLogout, part(nil, clientID), -1) {
		if err := w.del(bLogout, key); err != nil {
			return err
		}
	}
	return nil
}
