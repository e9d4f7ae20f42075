package boltstore

import (
	"fmt"

	"github.com/caddyito/caddyito/store"
)

// userValue is a user as kept. Unique are the fields whose values it claimed:
// the schema may name others by the time the claims are given back.
type userValue struct {
	store.User
	Unique []string
}

func (v *userValue) record() *record {
	n := &record{typ: store.UserType, id: v.ID, version: v.Version}
	n.claims = append(n.claims, newClaim(n.typ, "username", store.CanonicalName(v.Username)))
	if email := store.CanonicalName(v.Email); email != "" {
		n.claims = append(n.claims, newClaim(n.typ, "email", email))
	}
	n.claims = append(n.claims, fieldClaims(n.typ, v.Fields, v.Unique)...)
	n.refs = fieldRefs(n.typ, v.ID, v.Fields)
	n.finds, n.groups = userFinds(&v.User), distinct(v.Groups)
	return n
}

func (v *userValue) rules() bool { return v.IsActive && v.IsSuperuser }

func (r *readTx) User(id int64) (*store.User, error) {
	u, err := r.user(idKey(id))
	if err != nil {
		return nil, err
	}
	return &u.User, nil
}

func (r *readTx) user(key []byte) (*userValue, error) {
	v := r.get(bUser, key)
	if v == nil {
		return nil, store.ErrNotFound
	}
	return decodeUser(v)
}

func (r *readTx) UserByUsername(username string) (*store.User, error) {
	return r.userBy("username", username)
}

func (r *readTx) UserByEmail(email string) (*store.User, error) {
	return r.userBy("email", email)
}

func (r *readTx) userBy(field, value string) (*store.User, error) {
	id := r.get(bUnique, newClaim(store.UserType, field, store.CanonicalName(value)).key)
	if id == nil {
		return nil, store.ErrNotFound
	}
	return r.User(int64(number(id)))
}

func (r *readTx) Users(after int64, limit int) (users []*store.User, err error) {
	r.scan(bUser, nil, idKey(max(after, 0)+1), func(_, v []byte) bool {
		if len(users) >= limit {
			return false
		}
		var u *userValue
		if u, err = decodeUser(v); err != nil {
			return false
		}
		users = append(users, &u.User)
		return true
	})
	return users, err
}

func (r *readTx) HasSuperuser() (bool, error) {
	return len(r.keys(bSuperuser, nil, 1)) > 0, nil
}

func (w *writeTx) PutUser(u *store.User, unique []string) error {
	if store.CanonicalName(u.Username) == "" {
		return fmt.Errorf("user: the username is empty")
	}
	n := userValue{User: *u, Unique: unique}
	n.DateJoined, n.LastLogin = normal(u.DateJoined), normal(u.LastLogin)
	var old userValue
	var oldRecord *record
	if u.ID > 0 {
		v, err := w.user(idKey(u.ID))
		if err == nil {
			old, oldRecord = *v, v.record()
		} else if !isNotFound(err) {
			return err
		}
	}
	if oldRecord == nil {
		var err error
		if n.ID, err = w.claimID(store.UserType, u.ID); err != nil {
			return err
		}
	}
	record := n.record()
	if err := w.checkClaims(record); err != nil {
		return err
	}
	if err := w.moveRecord(oldRecord, record, false); err != nil {
		return err
	}
	if err := w.markSuperuser(n.ID, old.rules(), n.rules()); err != nil {
		return err
	}
	n.Version = record.version
	value, err := encodeUser(&n)
	if err != nil {
		return err
	}
	if err := w.put(bUser, idKey(n.ID), value); err != nil {
		return err
	}
	u.ID, u.Version = n.ID, n.Version
	return nil
}

func (w *writeTx) markSuperuser(id int64, was, is bool) error {
	switch {
	case is && !was:
		return w.put(bSuperuser, idKey(id), present)
	case was && !is:
		return w.del(bSuperuser, idKey(id))
	}
	return nil
}

func (w *writeTx) DeleteUser(id int64) error {
	v, err := w.user(idKey(id))
	if err != nil {
		return err
	}
	for _, key := range w.keys(bConsent, idKey(id), -1) {
		if err := w.del(bConsent, key); err != nil {
			return err
		}
	}
	for _, key := range w.keys(bFamilyOfUser, idKey(id), -1) {
		if err := w.deleteFamily(string(key[8:])); err != nil {
			return err
		}
	}
	if err := w.del(bCredential, idKey(id)); err != nil {
		return err
	}
	if err := w.deleteFactors(id); err != nil {
		return err
	}
	if err := w.markSuperuser(id, v.rules(), false); err != nil {
		return err
	}
	if err := w.bury(v.record()); err != nil {
		return err
	}
	return w.del(bUser, idKey(id))
}
