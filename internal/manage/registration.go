package manage

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/caddyito/caddyito/internal/registration"
	"github.com/caddyito/caddyito/store"
)

// Registrations does what superusers and the operator ask of the tokens by which
// software registers itself as a client. It is safe for concurrent use.
type Registrations struct {
	*Manager
	// PlainHosts may be told of changes and logouts over http.
	PlainHosts []string
}

// PendingRegistration is a token that was not used yet. The token itself is nowhere.
type PendingRegistration struct {
	// ID tells it from others.
	ID string `json:"id"`
	store.Invitation
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

func pendingOf(t *store.Ticket) (*PendingRegistration, error) {
	i, err := store.InvitationOf(t)
	if err != nil {
		return nil, err
	}
	return &PendingRegistration{ID: t.Name(), Invitation: *i, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt}, nil
}

// Create makes a token that is good once, for that long.
func (m *Registrations) Create(ctx context.Context, by Actor, i *store.Invitation, lifetime time.Duration) (made *PendingRegistration, token string, err error) {
	rules := registration.Rules{Schema: m.Schema, PlainHosts: m.PlainHosts}
	problems := rules.CheckInvitation(i)
	if lifetime <= 0 || lifetime > store.MaxInvitationLifetime {
		problems = append(problems, store.ProblemOf("expires", store.Mistakef("must be a time of at most 90d, as in 24h")))
	}
	if len(problems) > 0 {
		return nil, "", &store.InvalidError{Type: "registration", Problems: problems}
	}
	data, err := json.Marshal(i)
	if err != nil {
		return nil, "", fmt.Errorf("writing what the token is good for: %w", err)
	}
	token, now := store.NewSecret(), m.Now()
	t := &store.Ticket{Kind: store.InvitationKind, Hash: store.HashOf(token), Data: string(data), CreatedAt: now, ExpiresAt: now.Add(lifetime)}
	err = m.actOnAll(ctx, by, func(tx store.WriteTx, by store.AuditOrigin) error {
		changes := append(store.AuditChanges((*store.Invitation)(nil), i),
			store.AuditChange{Field: "registration", New: t.Name()},
			store.AuditChange{Field: "expires_at", New: t.ExpiresAt.Format(time.RFC3339)})
		if err := store.Audit(tx, by, store.ActionRegistrationMake, store.AuditParty{}, changes...); err != nil {
			return err
		}
		return tx.PutTicket(t)
	})
	if err != nil {
		return nil, "", err
	}
	made, err = pendingOf(t)
	return made, token, err
}

// registrationPage is how many tickets are read at once.
const registrationPage = 100

// List has up to limit of those that can be used, after the one with that ID, or from
// the first, and says whether there are more.
func (m *Registrations) List(tx store.TicketReader, after string, limit int) (list []*PendingRegistration, more bool, err error) {
	last, ok := registrationHash(after)
	for i := 8; ok && i < len(last); i++ { // the hash itself is not known
		last[i] = 0xff
	}
	for {
		tickets, err := tx.Tickets(store.InvitationKind, last, registrationPage)
		if err != nil || len(tickets) == 0 {
			return list, false, err
		}
		for _, t := range tickets {
			if last = t.Hash; !m.Now().Before(t.ExpiresAt) {
				continue
			}
			if len(list) == limit {
				return list, true, nil
			}
			r, err := pendingOf(t)
			if err != nil {
				return nil, false, err
			}
			list = append(list, r)
		}
	}
}

// registrationHash is the least that a token of that ID can have.
func registrationHash(id string) (h store.Hash, ok bool) {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != 8 {
		return h, false
	}
	copy(h[:], b)
	return h, true
}

// Revoke ends a token that was not used. store.ErrNotFound if there is none, any more.
func (m *Registrations) Revoke(ctx context.Context, by Actor, id string) error {
	return m.actOnAll(ctx, by, func(tx store.WriteTx, by store.AuditOrigin) error {
		from, ok := registrationHash(id)
		if !ok {
			return fmt.Errorf("token %.40q: %w", id, store.ErrNotFound)
		}
		found, err := tx.Tickets(store.InvitationKind, from, 1)
		if err != nil {
			return err
		}
		if len(found) == 0 || found[0].Name() != id {
			return fmt.Errorf("token %s: %w", id, store.ErrNotFound)
		}
		t, err := tx.SpendTicket(store.InvitationKind, found[0].Hash)
		if err != nil {
			return err
		}
		i, err := store.InvitationOf(t)
		if err != nil {
			return err
		}
		changes := append(store.AuditChanges(i, (*store.Invitation)(nil)), store.AuditChange{Field: "registration", Old: id})
		return store.Audit(tx, by, store.ActionRegistrationEnd, store.AuditParty{}, changes...)
	})
}

// RevokeAll ends all that were not used.
func (m *Registrations) RevokeAll(ctx context.Context, by Actor) error {
	return m.actOnAll(ctx, by, func(tx store.WriteTx, by store.AuditOrigin) error {
		if err := store.Audit(tx, by, store.ActionRegistrationEnd, store.AuditParty{}); err != nil {
			return err
		}
		return tx.DeleteTickets(store.InvitationKind)
	})
}
