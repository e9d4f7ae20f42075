package provider

import (
	"context"
	"net/url"

	"github.com/caddyito/caddyito/store"
)

// clientCredentials gives a client an access token for itself (RFC 6749 section
// 4.4). It stands for no person: there is neither ID token nor refresh token, and
// the scopes are those of APIs.
func (p *Provider) clientCredentials(ctx context.Context, c *client, form url.Values) (*bought, error) {
	scopes, oe := ownScopes(c, form.Get("scope"))
	if oe != nil {
		return nil, oe
	}
	resources, oe := p.grantableResources(c, form["resource"])
	if oe != nil {
		return nil, oe
	}
	now := p.now()
	f := &store.Family{
		ID: store.NewSecret(), ClientID: c.ID, Scopes: scopes, Resources: resources,
		CreatedAt: now, ExpiresAt: now.Add(p.accessLifetime(c)),
	}
	b := &bought{scopes: scopes, resources: resources, family: f, client: c}
	err := p.Store.Update(ctx, func(tx store.WriteTx) (err error) {
		if err := tx.PutFamily(f); err != nil {
			return err
		}
		b.access, err = p.putAccess(tx, c, f, scopes, resources, now)
		return err
	})
	return b, err
}
