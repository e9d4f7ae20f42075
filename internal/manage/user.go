package manage

import (
	"context"
	"errors"

	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

// Finder finds whom something is done to, in the transaction that does it.
type Finder func(store.UserReader) (*store.User, error)

// ByID finds the user with that ID.
func ByID(id int64) Finder {
	return func(tx store.UserReader) (*store.User, error) { return tx.User(id) }
}

// CreateUser writes a new user, who has no password yet if hash is "". It returns
// them as they are kept; u is not changed.
func (m *Manager) CreateUser(ctx context.Context, by Actor, u *store.User, hash string) (made *store.User, err error) {
	err = m.act(ctx, by, func(tx store.WriteTx, p power) error {
		made = u.Clone()
		return m.createUser(tx, p, made, hash)
	})
	return made, err
}

func (m *Manager) createUser(tx store.WriteTx, p power, u *store.User, hash string) error {
	u.ID, u.Username = 0, password.NormalUsername(u.Username)
	if u.DateJoined.IsZero() {
		u.DateJoined = m.Now()
	}
	if err := p.touch(u); err != nil {
		return err
	}
	if err := store.SaveUser(tx, m.Schema, u); err != nil {
		return err
	}
	if err := m.audit(tx, p, store.ActionUserCreate, u, store.AuditChanges((*store.User)(nil), u)...); err != nil || hash == "" {
		return err
	}
	return tx.PutCredential(&store.Credential{UserID: u.ID, PasswordHash: hash, PasswordChangedAt: m.Now()})
}

// ChangeUser changes a user. Who is no longer active, or gets rights from somebody
// else, is signed out. It returns them as they are kept.
func (m *Manager) ChangeUser(ctx context.Context, by Actor, find Finder, change func(*store.User) error) (u *store.User, err error) {
	err = m.act(ctx, by, func(tx store.WriteTx, p power) error {
		if u, err = find(tx); err != nil {
			return err
		}
		return m.changeUser(tx, p, u, change)
	})
	return u, err
}

func (m *Manager) changeUser(tx store.WriteTx, p power, u *store.User, change func(*store.User) error) error {
	before := u.Clone()
	u.Fields = m.Schema.Renew(store.UserType, u.Fields)
	if err := change(u); err != nil {
		return err
	}
	u.Username = password.NormalUsername(u.Username)
	if err := p.change(before, u); err != nil {
		return err
	}
	if err := store.SaveUser(tx, m.Schema, u); err != nil {
		return err
	}
	if err := m.auditChange(tx, p, before, u); err != nil {
		return err
	}
	raised := u.IsStaff && !before.IsStaff || u.IsSuperuser && !before.IsSuperuser
	if raised {
		if err := m.endLinks(tx, u.ID); err != nil {
			return err
		}
	}
	// Whoever of the staff signed in as a person, by a link say, would be in as one
	// with rights. Who raises themselves had more before.
	if u.IsActive && (!raised || p.others(u) != nil) {
		return nil
	}
	return m.signOut(tx, u.ID)
}

// endLinks ends the links by which a user may choose a password: whoever made one
// for a person would have it for one with rights. They count as long as the password
// was not changed (provider/reset.go).
func (m *Manager) endLinks(tx store.WriteTx, userID int64) error {
	c, err := tx.Credential(userID)
	if errors.Is(err, store.ErrNotFound) {
		c, err = &store.Credential{UserID: userID}, nil
	}
	if err != nil {
		return err
	}
	c.PasswordChangedAt = m.Now()
	return tx.PutCredential(c)
}

// SetActive disables or enables a user, whatever the schema came to ask of them
// since. Who is disabled is signed out.
func (m *Manager) SetActive(ctx context.Context, by Actor, find Finder, active bool) (u *store.User, err error) {
	err = m.act(ctx, by, func(tx store.WriteTx, p power) error {
		if u, err = find(tx); err != nil {
			return err
		}
		before := u.Clone()
		u.IsActive = active
		if err := p.change(before, u); err != nil {
			return err
		}
		if err := store.KeepUser(tx, m.Schema, u); err != nil {
			return err
		}
		if err := m.auditChange(tx, p, before, u); err != nil || active {
			return err
		}
		return m.signOut(tx, u.ID)
	})
	return u, err
}

// DeleteUser deletes a user for good.
func (m *Manager) DeleteUser(ctx context.Context, by Actor, find Finder) error {
	return m.onUser(ctx, by, find, func(tx store.WriteTx, p power, u *store.User) error {
		if err := p.others(u); err != nil {
			return err
		}
		if err := m.signOut(tx, u.ID); err != nil {
			return err
		}
		if err := m.audit(tx, p, store.ActionUserDelete, u); err != nil {
			return err
		}
		return tx.DeleteUser(u.ID)
	})
}

// SetPassword gives a user a password and ends every session: whoever knew the old
// one may hold some. It returns them, to be told.
func (m *Manager) SetPassword(ctx context.Context, by Actor, find Finder, hash string) (whose *store.User, err error) {
	err = m.onUser(ctx, by, find, func(tx store.WriteTx, p power, u *store.User) error {
		whose = u
		if err := tx.PutCredential(&store.Credential{UserID: u.ID, PasswordHash: hash, PasswordChangedAt: m.Now()}); err != nil {
			return err
		}
		if err := m.audit(tx, p, store.ActionPasswordSet, u); err != nil {
			return err
		}
		return m.signOut(tx, u.ID)
	})
	return whose, err
}

// SignOut ends every session and token of a user, also those for while they are
// away.
func (m *Manager) SignOut(ctx context.Context, by Actor, find Finder) error {
	return m.onUser(ctx, by, find, func(tx store.WriteTx, p power, u *store.User) error {
		if err := m.audit(tx, p, store.ActionSessionEndAll, u); err != nil {
			return err
		}
		return m.signOut(tx, u.ID)
	})
}

// EndSession ends the session of that Name.
func (m *Manager) EndSession(ctx context.Context, by Actor, find Finder, name string) error {
	return m.onUser(ctx, by, find, func(tx store.WriteTx, p power, u *store.User) error {
		if err := m.audit(tx, p, store.ActionSessionEnd, u, store.AuditChange{Field: "session", Old: name}); err != nil {
			return err
		}
		return m.endSession(tx, u.ID, name)
	})
}

// EndAccess takes back what a user gave a client. ErrNotFound if that is nothing.
func (m *Manager) EndAccess(ctx context.Context, by Actor, find Finder, clientID string) error {
	return m.onUser(ctx, by, find, func(tx store.WriteTx, p power, u *store.User) error {
		if err := m.audit(tx, p, store.ActionConsentRevoke, u, store.AuditChange{Field: "client", Old: clientID}); err != nil {
			return err
		}
		return store.EndAccess(tx, u.ID, clientID, m.Now())
	})
}

// ResetFactors takes away the second factors and recovery codes of a user, who then
// signs in by password alone, and signs them out. It returns them, to be told, and how
// many factors there were.
func (m *Manager) ResetFactors(ctx context.Context, by Actor, find Finder) (whose *store.User, had int, err error) {
	err = m.onUser(ctx, by, find, func(tx store.WriteTx, p power, u *store.User) (err error) {
		whose = u
		if had, err = store.ResetFactors(tx, u.ID); err != nil {
			return err
		}
		if err := m.audit(tx, p, store.ActionFactorReset, u); err != nil {
			return err
		}
		return m.signOut(tx, u.ID)
	})
	return whose, had, err
}

// Check says whether a user is there and may be changed, for a page to show.
func (m *Manager) Check(ctx context.Context, by Actor, find Finder) (u *store.User, err error) {
	err = m.Store.View(ctx, func(tx store.ReadTx) error {
		u, err = m.CheckIn(tx, by, find)
		return err
	})
	return u, err
}

// CheckIn is Check in the transaction of what is done outside of this package: a link
// that is made, say. What a transaction before found may be no longer so.
func (m *Manager) CheckIn(tx store.UserReader, by Actor, find Finder) (*store.User, error) {
	p, err := powerOf(tx, by)
	if err != nil {
		return nil, err
	}
	u, err := find(tx)
	if err != nil {
		return nil, err
	}
	return u, p.touch(u)
}

// onUser runs fn for a user who may be changed.
func (m *Manager) onUser(ctx context.Context, by Actor, find Finder, fn func(store.WriteTx, power, *store.User) error) error {
	return m.act(ctx, by, func(tx store.WriteTx, p power) error {
		u, err := find(tx)
		if err != nil {
			return err
		}
		if err := p.touch(u); err != nil {
			return err
		}
		return fn(tx, p, u)
	})
}
