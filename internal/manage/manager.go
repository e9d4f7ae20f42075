package manage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/store"
)

// Manager does what administrators ask. It is safe for concurrent use.
type Manager struct {
	Store  store.Store
	Schema *store.Schema
	// Realms are those of the gates in this process, whose sessions end with those of
	// the server. May be nil.
	Realms func() []string
	// Now is the time as stores keep it.
	Now func() time.Time
}

// act runs fn in a transaction, with what the actor may do.
func (m *Manager) act(ctx context.Context, by Actor, fn func(store.WriteTx, power) error) error {
	return m.Store.Update(ctx, func(tx store.WriteTx) error {
		p, err := powerOf(tx, by)
		if err != nil {
			return err
		}
		return fn(tx, p)
	})
}

// actOnAll is act for what takes the right to do everything.
func (m *Manager) actOnAll(ctx context.Context, by Actor, fn func(store.WriteTx, store.AuditOrigin) error) error {
	return m.act(ctx, by, func(tx store.WriteTx, p power) error {
		if !p.all {
			return ErrNotAllowed
		}
		return fn(tx, m.origin(p))
	})
}

// signOut ends the sessions of a user at the server and at the gates of this
// process, and every token, and has the clients told.
func (m *Manager) signOut(tx store.WriteTx, userID int64) error {
	families, err := tx.Families(userID)
	if err != nil {
		return err
	}
	for _, f := range families {
		if err := tx.DeleteFamily(f.ID); err != nil {
			return err
		}
	}
	subject := strconv.FormatInt(userID, 10)
	if err := store.QueueLogouts(tx, subject, func(*store.SignIn) bool { return true }, m.Now()); err != nil {
		return err
	}
	realms := []string{store.ServerRealm}
	if m.Realms != nil {
		realms = append(realms, m.Realms()...)
	}
	for _, realm := range realms {
		if _, err := tx.DeleteSessionsOf(realm, subject, store.Hash{}); err != nil {
			return err
		}
	}
	return nil
}

// endSession ends one of a user's sessions at the server by its Name, with what
// clients got through it.
func (m *Manager) endSession(tx store.WriteTx, userID int64, name string) error {
	subject := strconv.FormatInt(userID, 10)
	list, err := tx.SessionsOf(store.ServerRealm, subject)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Name() != name {
			continue
		}
		if err := tx.DeleteSession(store.ServerRealm, s.Hash); err != nil {
			return err
		}
		over := func(in *store.SignIn) bool { return in.SID == s.SID }
		if err := store.QueueLogouts(tx, subject, over, m.Now()); err != nil {
			return err
		}
		families, err := tx.Families(userID)
		if err != nil {
			return err
		}
		for _, f := range families {
			if f.SID != s.SID {
				continue
			}
			if err := tx.DeleteFamily(f.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("session: %w", store.ErrNotFound)
}
