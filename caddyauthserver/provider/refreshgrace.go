package provider

import (
	"fmt"
	"net/url"
	"time"

	"github.com/caddyito/caddyito/store"
)

// An answer can get lost on its way, or a client can ask twice at once, and then
// an honest client shows a refresh token that was spent. For a short time it gets
// the same successor again. Nothing is kept in the clear for that: the successor
// is derived from the token that it replaces. That the successor has not been used
// says that nobody else goes on from here; once it was, or later, reuse is theft
// (RFC 9700 section 4.14.2).

// successor is the refresh token that replaces another: 256 bits that nobody can
// make without the master key.
func (p *Provider) successor(refresh string) string {
	if p.RefreshGrace <= 0 {
		return store.NewSecret()
	}
	return p.derivedSuccessor(refresh)
}

func (p *Provider) derivedSuccessor(refresh string) string {
	return macOf(&p.successorKey, refresh)
}

// refreshAgain is what client c is given for a refresh token that was just spent:
// its successor again, with an access token. store.ErrNotFound says that there is
// no excuse.
func (p *Provider) refreshAgain(tx store.WriteTx, c *client, refresh, family string, form url.Values, now time.Time) (*bought, error) {
	if p.RefreshGrace <= 0 {
		return nil, store.ErrNotFound
	}
	next := p.derivedSuccessor(refresh)
	t, err := tx.Token(store.KindRefresh, store.HashOf(next))
	if err != nil {
		return nil, err
	}
	f, u, _, err := p.liveFamily(tx, family, now)
	if err != nil {
		return nil, err
	}
	// The successor was made when the token was spent.
	if f.ClientID != c.ID || t.Family != f.ID || !now.Before(t.CreatedAt.Add(p.RefreshGrace)) || !now.Before(t.ExpiresAt) {
		return nil, store.ErrNotFound
	}
	scopes, resources, oe := p.narrowedRequest(c, f, form)
	if oe != nil {
		return nil, oe
	}
	access, err := p.putAccess(tx, c, f, scopes, resources, now)
	if err != nil {
		return nil, fmt.Errorf("giving a successor again: %w", err)
	}
	return &bought{issued: issued{access, next}, scopes: scopes, resources: resources, family: f, client: c, user: u}, nil
}
