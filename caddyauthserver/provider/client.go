package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// client is a registered client with its secrets in the clear.
type client struct {
	store.Client
	secrets []string
}

// errUnknownClient says that there is no such client, or that it is disabled.
var errUnknownClient = errors.New("unknown client")

// findClient looks in the config, then in the store.
func (p *Provider) findClient(ctx context.Context, id string) (*client, error) {
	if c, ok := p.staticClient(id); ok {
		return c, disabledIsUnknown(c)
	}
	var c *client
	err := p.Store.View(ctx, func(tx store.ReadTx) (err error) {
		c, err = p.clientIn(tx, id)
		return err
	})
	return c, err
}

// clientIn is findClient within a transaction.
func (p *Provider) clientIn(tx store.ClientReader, id string) (*client, error) {
	if c, ok := p.staticClient(id); ok {
		return c, disabledIsUnknown(c)
	}
	if store.CheckClientID(id) != nil {
		return nil, errUnknownClient
	}
	sc, err := tx.Client(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errUnknownClient
	}
	if err != nil {
		return nil, fmt.Errorf("reading client: %w", err)
	}
	c := &client{Client: *sc}
	if err := disabledIsUnknown(c); err != nil {
		return nil, err
	}
	now := p.now()
	for _, s := range sc.Secrets {
		if !s.ExpiresAt.IsZero() && !now.Before(s.ExpiresAt) {
			continue
		}
		b, err := p.MasterKey.Open(store.ClientSecretPurpose(sc.ID), s.Sealed)
		if err != nil {
			return nil, fmt.Errorf("secret of client %s: %w", sc.ID, err)
		}
		c.secrets = append(c.secrets, string(b))
	}
	return c, nil
}

// view is what a client is told of users and objects.
func (p *Provider) view(c *client) *usersync.View {
	return usersync.NewView(p.Schema, c.ID, c.Sync, c.Fields)
}

// allClients are those of the config, the gates of this process, and those of the
// store, without the disabled ones.
func (p *Provider) allClients(ctx context.Context) ([]*client, error) {
	var configured, registered []*client
	if p.StaticClients != nil {
		for _, sc := range p.StaticClients() {
			if !sc.Disabled {
				configured = append(configured, &client{Client: sc.Client, secrets: []string{sc.Secret}})
			}
		}
	}
	err := p.Store.View(ctx, func(tx store.ReadTx) error {
		registered = nil
		return eachClient(tx, func(sc *store.Client) {
			if _, static := p.staticClient(sc.ID); static {
				return
			}
			c, err := p.clientIn(tx, sc.ID)
			switch {
			case errors.Is(err, errUnknownClient): // disabled
			case err != nil:
				// The others shall not suffer.
				p.Logger.Error("cannot read a client, so that it is left out", "client_id", sc.ID, "error", err)
			default:
				registered = append(registered, c)
			}
		})
	})
	return append(configured, registered...), err
}

// eachClient calls fn for every client of the store.
func eachClient(tx store.ClientReader, fn func(*store.Client)) error {
	const page = 100
	for after := ""; ; {
		stored, err := tx.Clients(after, page)
		if err != nil {
			return err
		}
		for _, c := range stored {
			after = c.ID
			fn(c)
		}
		if len(stored) < page {
			return nil
		}
	}
}

func (p *Provider) staticClient(id string) (*client, bool) {
	if p.StaticClient == nil || id == "" {
		return nil, false
	}
	sc, ok := p.StaticClient(id)
	if !ok {
		return nil, false
	}
	return &client{Client: sc.Client, secrets: []string{sc.Secret}}, true
}

func disabledIsUnknown(c *client) error {
	if c.Disabled {
		return errUnknownClient
	}
	return nil
}

// accessLifetime and refreshLifetime are those of the client's tokens.
func (p *Provider) accessLifetime(c *client) time.Duration {
	return cmp.Or(time.Duration(c.AccessTokenLifetime), p.AccessTokenLifetime)
}

func (p *Provider) refreshLifetime(c *client) time.Duration {
	return cmp.Or(time.Duration(c.RefreshTokenLifetime), p.RefreshTokenLifetime)
}

// displayName is what people see.
func (c *client) displayName() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// mayAsk says whether the client may ask for scope.
func (c *client) mayAsk(scope string) bool {
	return len(c.Scopes) == 0 && !store.IsAPIScope(scope) || slices.Contains(c.Scopes, scope)
}

// liveFamily is the family with its user and client, if it still lives: within
// its time, the user active, the client known and open to the user. Otherwise
// store.ErrNotFound. Where the client acts for itself the user is nil.
func (p *Provider) liveFamily(tx store.ReadTx, id string, now time.Time) (*store.Family, *store.User, *client, error) {
	f, err := tx.Family(id)
	if err != nil {
		return nil, nil, nil, err
	}
	if !now.Before(f.ExpiresAt) {
		return nil, nil, nil, store.ErrNotFound
	}
	var u *store.User
	if f.UserID != 0 {
		if u, err = activeUser(tx, f.UserID); err != nil {
			return nil, nil, nil, err
		}
	}
	c, err := p.clientIn(tx, f.ClientID)
	switch {
	case errors.Is(err, errUnknownClient),
		err == nil && u != nil && !c.Admits(u),
		err == nil && u == nil && !c.MayUse(store.GrantClientCredentials):
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, nil, nil, err
	}
	return f, u, c, nil
}

// activeUser is the user, or store.ErrNotFound if there is none or is disabled.
func activeUser(tx store.UserReader, id int64) (*store.User, error) {
	u, err := tx.User(id)
	if err == nil && !u.IsActive {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return u, nil
}
