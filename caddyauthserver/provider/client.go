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

// findClient looks in the config, then among the clients that are known, then in the
// store. What it returns is shared, and must not be changed.
func (p *Provider) findClient(ctx context.Context, id string) (*client, error) {
	if c, ok := p.staticClient(id); ok {
		return c, disabledIsUnknown(c)
	}
	known, err := p.known.get(ctx)
	if err != nil {
		return nil, err
	}
	if s, ok := known.Get(id); ok {
		return s.at(p.now())
	}
	// Only what was committed is kept, so it is read here and not in a transaction
	// that may come to nothing.
	var s *storedClient
	err = p.Store.View(ctx, func(tx store.ReadTx) (err error) {
		s, err = p.readClient(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	known.Add(id, s)
	return s.at(p.now())
}

// clientIn is findClient within a transaction. It sees what that wrote.
func (p *Provider) clientIn(tx store.ClientReader, id string) (*client, error) {
	if c, ok := p.staticClient(id); ok {
		return c, disabledIsUnknown(c)
	}
	s, err := p.readClient(tx, id)
	if err != nil {
		return nil, err
	}
	return s.at(p.now())
}

// knownClient is clientIn for a transaction that does not write clients.
func (p *Provider) knownClient(tx store.ClientReader, id string) (*client, error) {
	if c, ok := p.staticClient(id); ok {
		return c, disabledIsUnknown(c)
	}
	known, err := p.known.get(context.Background()) // makes at most an empty one
	if err != nil {
		return nil, err
	}
	if s, ok := known.Get(id); ok {
		return s.at(p.now())
	}
	s, err := p.readClient(tx, id)
	if err != nil {
		return nil, err
	}
	return s.at(p.now())
}

func (p *Provider) readClient(tx store.ClientReader, id string) (*storedClient, error) {
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
	return p.openClient(sc)
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
	c, err := p.knownClient(tx, f.ClientID)
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
