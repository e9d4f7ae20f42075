package store

import (
	"errors"
	"strconv"
	"time"
)

// Record is a user or object as it travels and as a mirror keeps it. Fields of
// a user hold the built-in ones too, by their JSON names.
type Record struct {
	Type string `json:"type"`
	// ID is the integer ID in decimal, or a foreign issuer's sub.
	ID string `json:"id"`
	// Version orders the versions of one record; 0 for a foreign issuer's,
	// which has none.
	Version uint64 `json:"version"`
	Deleted bool   `json:"deleted,omitempty"`
	Fields  Fields `json:"fields,omitempty"`
}

// MirrorState is where a mirror stands in its server's feed.
type MirrorState struct {
	FeedID string    `json:"feed_id,omitempty"` // "" before the first batch
	View   string    `json:"view,omitempty"`    // which part of the feed it is told of
	Seq    uint64    `json:"seq"`
	At     time.Time `json:"at,omitzero"` // of the last batch
	// IssuedAt is when the server made the newest batch, by its clock.
	IssuedAt time.Time `json:"issued_at,omitzero"`

	// Digest is of all records, tombstones included, and Top the highest version
	// of any. The store keeps them; what is put is ignored.
	Digest Digest `json:"-"`
	Top    uint64 `json:"-"`
}

// MirrorReader reads the mirrors of the gates that share this store. A mirror
// is named by its gate.
type MirrorReader interface {
	// MirrorState is zero for a mirror that never was written.
	MirrorState(mirror string) (MirrorState, error)
	// MirrorRecord finds tombstones too.
	MirrorRecord(mirror, typ, id string) (*Record, error)
	// MirrorRecords lists up to limit records of a type with an ID greater than
	// after (as strings), by ID, tombstones included.
	MirrorRecords(mirror, typ, after string, limit int) ([]*Record, error)
	// MirrorChanges lists up to limit records of a type with a Version greater
	// than after, by version, tombstones included; never those with version 0. It
	// costs what it returns, however many records there are. Records of one feed
	// have no version in common, so a page may begin after the last version of the
	// one before.
	MirrorChanges(mirror, typ string, after uint64, limit int) ([]*Record, error)
}

// MirrorWriter writes mirrors.
type MirrorWriter interface {
	PutMirrorState(mirror string, s MirrorState) error
	// PutMirrorRecord creates or replaces, whatever the versions; ApplyRecord
	// minds them.
	PutMirrorRecord(mirror string, r *Record) error
	// DeleteMirror forgets a mirror's records and state, not its sessions.
	DeleteMirror(mirror string) error
	// ReplaceMirror gives a mirror the records and state of another, by, which
	// is no more. What the mirror had goes as with DeleteMirror. ErrNotFound if
	// by never was written. It costs the same however many records there are.
	ReplaceMirror(mirror, by string) error
}

// ForgetMirror deletes a mirror and ends the sessions of everyone in it. It is
// for a mirror whose server is not the one that it was (rebuilt, or restored
// from a backup: its feed has another ID): there, the same id may be another
// person's.
func ForgetMirror(tx interface {
	MirrorReader
	MirrorWriter
	SessionWriter
}, mirror string) error {
	const page = 1000
	for after := ""; ; {
		users, err := tx.MirrorRecords(mirror, UserType, after, page)
		if err != nil {
			return err
		}
		for _, u := range users {
			if _, err := tx.DeleteSessionsOf(mirror, u.ID, Hash{}); err != nil {
				return err
			}
			after = u.ID
		}
		if len(users) < page {
			return tx.DeleteMirror(mirror)
		}
	}
}

// ApplyRecord writes r into the mirror if it is newer than what is there, and
// says whether it was. Records with version 0 always are.
func ApplyRecord(tx interface {
	MirrorReader
	MirrorWriter
}, mirror string, r *Record) (applied bool, err error) {
	old, err := tx.MirrorRecord(mirror, r.Type, r.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	if err == nil && r.Version != 0 && r.Version <= old.Version {
		return false, nil
	}
	return true, tx.PutMirrorRecord(mirror, r)
}

// Record is the user as a mirror keeps it.
func (u *User) Record() *Record {
	f := u.Fields.Clone()
	if f == nil {
		f = Fields{}
	}
	set := func(name, v string) {
		if v != "" {
			f[name] = v
		}
	}
	set("username", u.Username)
	set("email", u.Email)
	set("first_name", u.FirstName)
	set("last_name", u.LastName)
	f["email_verified"] = u.EmailVerified
	f["groups"] = append([]string{}, u.Groups...)
	f["is_active"] = u.IsActive
	f["is_staff"] = u.IsStaff
	f["is_superuser"] = u.IsSuperuser
	f["date_joined"] = u.DateJoined.UTC().Format(time.RFC3339Nano)
	if !u.LastLogin.IsZero() {
		f["last_login"] = u.LastLogin.UTC().Format(time.RFC3339Nano)
	}
	return &Record{Type: UserType, ID: strconv.FormatInt(u.ID, 10), Version: u.Version, Fields: f}
}

// Record is the object as a mirror keeps it.
func (o *Object) Record() *Record {
	return &Record{Type: o.Type, ID: strconv.FormatInt(o.ID, 10), Version: o.Version, Fields: o.Fields.Clone()}
}
