package manage

import (
	"errors"
	"fmt"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// Actor is who does something, and from where.
type Actor struct {
	// UserID is theirs; 0 is the operator of the machine, who may do everything.
	UserID int64
	// IP and UserAgent are the browser's; empty for the operator.
	IP, UserAgent string
}

// ErrNotAllowed says that the one who acts may not do it.
var ErrNotAllowed = errors.New("not allowed")

// ErrSelf says that nobody does that to themselves: disable or delete their account,
// or give up being a superuser. So there always is one left.
var ErrSelf = lang.Err("nobody can do that to their own account")

// power is what an actor may do, as of the transaction in which it was looked up.
type power struct {
	by  Actor
	all bool // superuser or operator
	who *store.User
}

// powerOf looks at who acts. ErrNotAllowed unless they administer.
func powerOf(tx store.UserReader, by Actor) (power, error) {
	if by.UserID == 0 {
		return power{by: by, all: true}, nil
	}
	u, err := tx.User(by.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return power{}, ErrNotAllowed
	}
	if err != nil {
		return power{}, fmt.Errorf("reading who acts: %w", err)
	}
	if !u.IsActive || !u.IsStaff && !u.IsSuperuser {
		return power{}, ErrNotAllowed
	}
	return power{by, u.IsSuperuser, u}, nil
}

// May says whether somebody may change another: superusers anybody, staff those who
// are neither staff nor superusers.
func May(by, u *store.User) bool {
	return by.IsSuperuser || by.IsStaff && !u.IsStaff && !u.IsSuperuser
}

// touch says whether u may be changed, as they are or as they are to be.
func (p power) touch(u *store.User) error {
	if p.all || May(p.who, u) {
		return nil
	}
	return ErrNotAllowed
}

// change says whether before may become after.
func (p power) change(before, after *store.User) error {
	if err := errors.Join(p.touch(before), p.touch(after)); err != nil {
		return ErrNotAllowed
	}
	if p.who != nil && p.who.ID == before.ID && (before.IsActive && !after.IsActive || before.IsSuperuser && !after.IsSuperuser) {
		return ErrSelf
	}
	return nil
}

// others is ErrSelf where u is who acts.
func (p power) others(u *store.User) error {
	if p.who != nil && p.who.ID == u.ID {
		return ErrSelf
	}
	return nil
}
