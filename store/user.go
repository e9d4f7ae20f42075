package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// UserType is the type name of users among records and in the feed.
const UserType = "user"

// User is a person.
type User struct {
	// ID is a positive integer, given once and never again.
	ID int64 `json:"id"`
	// Version is the seq of the feed that the last change took.
	Version uint64 `json:"version"`

	// Username is unique, ignoring case. 1 to 150 characters: letters, digits
	// and @ . + - _ in Unicode form NFKC (callers normalise).
	Username string `json:"username"`
	// Email is unique, ignoring case, or empty.
	Email         string `json:"email,omitempty"`
	EmailVerified bool   `json:"email_verified,omitempty"`
	FirstName     string `json:"first_name,omitempty"`
	LastName      string `json:"last_name,omitempty"`
	// Language is the one the person chose for pages and mail, as a tag (BCP 47);
	// empty: whatever their browser asks for.
	Language string `json:"language,omitempty"`
	// Groups are sorted and without duplicates.
	Groups []string `json:"groups,omitempty"`

	// IsActive false means disabled: may not sign in, and every session ends.
	IsActive bool `json:"is_active"`
	// IsStaff may administer users who are neither staff nor superusers.
	IsStaff bool `json:"is_staff,omitempty"`
	// IsSuperuser may do everything.
	IsSuperuser bool `json:"is_superuser,omitempty"`

	DateJoined time.Time `json:"date_joined"`
	// LastLogin is zero before the first.
	LastLogin time.Time `json:"last_login,omitzero"`

	// Fields are what the schema adds: {"company": Ref{"company", 7}}.
	Fields Fields `json:"fields,omitempty"`
}

// Name is what to call the person: first and last name, or else the username.
func (u *User) Name() string {
	if name := strings.TrimSpace(u.FirstName + " " + u.LastName); name != "" {
		return name
	}
	return u.Username
}

// Clone returns a copy that shares nothing with u.
func (u *User) Clone() *User {
	c := *u
	c.Groups = slices.Clone(u.Groups)
	c.Fields = u.Fields.Clone()
	return &c
}

// CanonicalName is the form in which usernames and e-mail addresses are
// compared: without surrounding space and case.
func CanonicalName(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// UserReader reads users.
type UserReader interface {
	User(id int64) (*User, error)
	// UserByUsername and UserByEmail compare by CanonicalName.
	UserByUsername(username string) (*User, error)
	UserByEmail(email string) (*User, error)
	// Users lists up to limit users with an ID greater than after, by ID.
	Users(after int64, limit int) ([]*User, error)
	// HasSuperuser says whether any active user is a superuser. It costs the
	// same however many users there are.
	HasSuperuser() (bool, error)
}

// UserWriter writes users. Callers outside tests use SaveUser, which knows the
// schema.
type UserWriter interface {
	// PutUser creates u (ID 0: the next free one is set in u; another ID that
	// is not taken is kept, and never given again) or replaces the user with
	// that ID. It gives the record the next seq of the feed, which it sets as
	// u.Version, and moves the record's row of the feed there. unique names the
	// entries of u.Fields that no two users may share, unless absent or empty. A *ConflictError names
	// username, email, or the field.
	PutUser(u *User, unique []string) error
	// DeleteUser deletes the user, the credential, the factors, the consents and
	// the families of tokens, and leaves a tombstone in the feed under the next
	// seq. ErrNotFound if there is none. The ID is never given again.
	DeleteUser(id int64) error
}

// SaveUser validates u against s, checks that what it refers to exists and that
// nobody else signs in by its names (CheckNames), and writes it. An *InvalidError
// names every field that is wrong.
func SaveUser(tx interface {
	ObjectReader
	SchemaReader
	UserReader
	UserWriter
}, s *Schema, u *User) error {
	if err := s.CheckUser(u); err != nil {
		return err
	}
	if err := checkRefs(tx, UserType, u.Fields); err != nil {
		return err
	}
	if err := CheckNames(tx, u); err != nil {
		return err
	}
	return KeepUser(tx, s, u)
}

// CheckNames returns a *ConflictError if u would have the e-mail address of another
// user for a username, or another's username for an e-mail address: people sign in by
// either, and one would keep the other out.
func CheckNames(tx UserReader, u *User) error {
	for _, c := range []struct {
		field, name string
		find        func(string) (*User, error)
	}{
		{"username", u.Username, tx.UserByEmail},
		{"email", u.Email, tx.UserByUsername},
	} {
		if !strings.Contains(c.name, "@") {
			continue // no address is without
		}
		other, err := c.find(c.name)
		switch {
		case err == nil && other.ID != u.ID:
			return &ConflictError{Type: UserType, Field: c.field, Value: c.name}
		case err != nil && !errors.Is(err, ErrNotFound):
			return fmt.Errorf("reading user: %w", err)
		}
	}
	return nil
}

// KeepUser writes a user who was read and of whom no field of the schema
// changed: so who signs in, or is disabled, is not held up by what the schema
// came to ask for since.
func KeepUser(tx interface {
	SchemaReader
	UserWriter
}, s *Schema, u *User) error {
	unique, err := uniqueFields(tx, s, UserType)
	if err != nil {
		return err
	}
	return tx.PutUser(u, unique)
}
