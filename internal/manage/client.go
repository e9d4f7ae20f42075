package manage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyito/caddyito/internal/registration"
	"github.com/caddyito/caddyito/store"
)

// Clients does what superusers and the operator ask of clients. It is safe for
// concurrent use.
type Clients struct {
	*Manager
	Key store.MasterKey
	// PlainHosts may be told of changes and logouts over http.
	PlainHosts []string
	// Elsewhere is an error for a client that is not of the store, and so is changed
	// elsewhere: where. May be nil.
	Elsewhere func(id string) error
}

// MaxOverlap is how long a rotated secret may stay in force.
const MaxOverlap = 90 * 24 * time.Hour

// ErrPublic says that a client has no secret.
var ErrPublic = errors.New("a public client has no secret")

// act is for those who may do everything.
func (m *Clients) act(ctx context.Context, by Actor, id string, fn func(store.WriteTx, store.AuditOrigin) error) error {
	if m.Elsewhere != nil {
		if err := m.Elsewhere(id); err != nil {
			return err
		}
	}
	return m.actOnAll(ctx, by, fn)
}

func (m *Clients) check(c *store.Client) error {
	rules := registration.Rules{Schema: m.Schema, PlainHosts: m.PlainHosts}
	if problems := rules.Check(c); len(problems) > 0 {
		return &store.InvalidError{Type: "client", Problems: problems}
	}
	return nil
}

// Create registers a client, with a secret unless it is public. It returns the
// client as it is kept; c is not changed.
func (m *Clients) Create(ctx context.Context, by Actor, c *store.Client) (made *store.Client, secret string, err error) {
	n := *c
	n.CreatedAt = m.Now()
	if err := m.check(&n); err != nil {
		return nil, "", err
	}
	if !n.Public {
		var sealed store.ClientSecret
		secret, sealed = store.NewClientSecret(m.Key, n.ID, n.CreatedAt)
		n.Secrets = []store.ClientSecret{sealed}
	}
	err = m.act(ctx, by, n.ID, func(tx store.WriteTx, by store.AuditOrigin) error {
		if _, err := tx.Client(n.ID); err == nil {
			return &store.ConflictError{Type: "client", Field: "id", Value: n.ID}
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		changes := store.AuditChanges((*store.ClientSettings)(nil), &n.ClientSettings)
		if err := store.Audit(tx, by, store.ActionClientCreate, store.PartyOfClient(&n), changes...); err != nil {
			return err
		}
		return tx.PutClient(&n)
	})
	if err != nil {
		return nil, "", err
	}
	return &n, secret, nil
}

// Change changes the settings of a client. One that registered itself cannot undo it.
func (m *Clients) Change(ctx context.Context, by Actor, id string, change func(*store.ClientSettings) error) error {
	return m.act(ctx, by, id, func(tx store.WriteTx, by store.AuditOrigin) error {
		c, err := tx.Client(id)
		if err != nil {
			return err
		}
		before := c.ClientSettings
		if err := change(&c.ClientSettings); err != nil {
			return err
		}
		if before.Public != c.Public {
			return wrongField("client", "public", store.Mistakef("cannot be changed; register the client anew"))
		}
		if err := m.check(c); err != nil {
			return err
		}
		changes := store.AuditChanges(&before, &c.ClientSettings)
		if len(changes) == 0 {
			return nil
		}
		if err := store.Audit(tx, by, store.ActionClientChange, store.PartyOfClient(c), changes...); err != nil {
			return err
		}
		if c.SelfRegistration != nil {
			c.SelfRegistration.Narrow(&before, &c.ClientSettings)
		}
		return tx.PutClient(c)
	})
}

// SetDisabled has a client be as good as unknown, or lets it in again.
func (m *Clients) SetDisabled(ctx context.Context, by Actor, id string, disabled bool) error {
	return m.act(ctx, by, id, func(tx store.WriteTx, by store.AuditOrigin) error {
		c, err := tx.Client(id)
		if err != nil || c.Disabled == disabled {
			return err
		}
		action := store.ActionClientEnable
		if c.Disabled = disabled; disabled {
			action = store.ActionClientDisable
		}
		if err := store.Audit(tx, by, action, store.PartyOfClient(c)); err != nil {
			return err
		}
		return tx.PutClient(c)
	})
}

// Rotate adds a secret and lets the others end after the overlap, so that both are
// in force while the client's config is changed. No overlap ends them at once, which
// is what one wants after a leak.
func (m *Clients) Rotate(ctx context.Context, by Actor, id string, overlap time.Duration) (c *store.Client, secret string, err error) {
	if overlap < 0 || overlap > MaxOverlap {
		return nil, "", fmt.Errorf("overlap %s: must be at most %s", overlap, MaxOverlap)
	}
	err = m.act(ctx, by, id, func(tx store.WriteTx, by store.AuditOrigin) (err error) {
		if c, err = tx.Client(id); err != nil {
			return err
		}
		if c.Public {
			return ErrPublic
		}
		now := m.Now()
		var sealed store.ClientSecret
		secret, sealed = store.NewClientSecret(m.Key, id, now)
		c.Secrets = append(retire(c.Secrets, now, overlap), sealed)
		if err := store.Audit(tx, by, store.ActionClientRotate, store.PartyOfClient(c), store.AuditChange{Field: "overlap", New: overlap.String()}); err != nil {
			return err
		}
		return tx.PutClient(c)
	})
	return c, secret, err
}

// retire ends secrets after overlap, or sooner where that was said before.
func retire(secrets []store.ClientSecret, now time.Time, overlap time.Duration) []store.ClientSecret {
	end := now.Add(overlap)
	var kept []store.ClientSecret
	for _, s := range secrets {
		if s.ExpiresAt.IsZero() || s.ExpiresAt.After(end) {
			s.ExpiresAt = end
		}
		if s.ExpiresAt.After(now) {
			kept = append(kept, s)
		}
	}
	return kept
}

// Delete deletes a client, with all it was given.
func (m *Clients) Delete(ctx context.Context, by Actor, id string) error {
	return m.act(ctx, by, id, func(tx store.WriteTx, by store.AuditOrigin) error {
		c, err := tx.Client(id)
		if err != nil {
			return err
		}
		if err := store.Audit(tx, by, store.ActionClientDelete, store.PartyOfClient(c)); err != nil {
			return err
		}
		return tx.DeleteClient(id)
	})
}

// Resync has a client sent everything anew. The pusher sees the mark and takes it
// away when the client begins. It is also for clients that are not of the store.
func (m *Clients) Resync(ctx context.Context, by Actor, id string) error {
	return m.actOnAll(ctx, by, func(tx store.WriteTx, by store.AuditOrigin) error {
		s, err := tx.SyncState(id)
		if err != nil {
			return err
		}
		s.Resync = true
		if err := store.Audit(tx, by, store.ActionSyncResync, store.AuditParty{Type: store.ClientParty, ID: id}); err != nil {
			return err
		}
		return tx.PutSyncState(s)
	})
}
