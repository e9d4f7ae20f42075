package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// What clients of format djangito ask for besides what every client does. That
// package builds its URLs itself: the prefix must be /o.

// djangitoProfile is the user as such a client reads one.
func (p *Provider) djangitoProfile(tx store.ObjectReader, b bearer) (json.RawMessage, error) {
	return usersync.DjangitoUser(tx, p.view(b.client), b.user, b.client.AdminFlags)
}

// adminURL tells such a client, as it starts, to which path to send people who
// want to change their password. It puts the server's origin before it.
func (p *Provider) adminURL(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"url": p.path("password")})
}

// cameFrom is the client of format djangito from whose site the person was sent
// here, and where to return to, if it registered that: such a client shows no ID
// token at logout, so it is believed for the Referer, which no page of another
// site can forge.
func (p *Provider) cameFrom(ctx context.Context, r *http.Request) (*client, string, error) {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host == "" {
		return nil, "", nil
	}
	clients, err := p.allClients(ctx)
	if err != nil {
		return nil, "", err
	}
	here := func(uri string) bool { return originOf(uri) == originOf(r.Referer()) }
	for _, c := range clients {
		if c.Format != store.FormatDjangito || !slices.ContainsFunc(c.RedirectURIs, here) {
			continue
		}
		if at := slices.IndexFunc(c.PostLogoutRedirectURIs, here); at >= 0 {
			return c, c.PostLogoutRedirectURIs[at], nil
		}
		return c, "", nil
	}
	return nil, "", nil
}
