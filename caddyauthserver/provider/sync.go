package provider

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

func (p *Provider) newSync() *usersync.Server {
	return usersync.NewServer(usersync.Config{
		Store:     p.Store,
		Issuer:    p.Issuer,
		Schema:    p.Schema,
		Clients:   p.SyncClients,
		Client:    p.syncClientIn,
		Transport: p.SyncTransport,
		Log:       p.Logger,
		Now:       p.Now,
	})
}

// StartSync begins to tell clients of changes once ready is closed.
func (p *Provider) StartSync(ready <-chan struct{}) { p.sync.Start(ready) }

// EndPolls ends requests that wait for a change, so that a shutdown need not.
func (p *Provider) EndPolls() { p.sync.EndPolls() }

// servePull is /o/sync: a gate asks for what it missed. It shows its secret by
// Basic authentication; tokens of whichever kind buy nothing here.
func (p *Provider) servePull(w http.ResponseWriter, r *http.Request) {
	cred, err := clientCredentials(r.Header["Authorization"], nil) // no form: only Basic is left
	if err != nil {
		p.oauthError(w, p.invalidClient())
		return
	}
	c, err := p.authenticateClient(r, nil)
	if err != nil {
		p.oauthFailure(w, r, "authenticating client", err)
		return
	}
	if !mayPull(c) {
		p.oauthError(w, &oauthError{
			status: http.StatusForbidden, code: "unauthorized_client",
			description: "sync is off for this client, or it is not taken for a gate",
		})
		return
	}
	p.sync.ServePull(w, r, syncClient(c), cred.secret)
}

func mayPull(c *client) bool { return c.SyncTarget() != "" && c.Format == "" }

// syncClientIn is a client as it is now, if it may ask for changes.
func (p *Provider) syncClientIn(tx store.ClientReader, id string) (usersync.Client, bool, error) {
	c, err := p.clientIn(tx, id)
	if errors.Is(err, errUnknownClient) {
		return usersync.Client{}, false, nil
	}
	if err != nil {
		return usersync.Client{}, false, err
	}
	return syncClient(c), mayPull(c), nil
}

// SyncClients lists the clients that are told of changes: those of the config,
// the gates of this process, and those of the store.
func (p *Provider) SyncClients(ctx context.Context) ([]usersync.Client, error) {
	clients, err := p.allClients(ctx)
	var told []usersync.Client
	for _, c := range clients {
		told = appendSync(told, c)
	}
	return told, err
}

// appendSync appends c if it is told of changes.
func appendSync(list []usersync.Client, c *client) []usersync.Client {
	if !toldOfChanges(c) {
		return list
	}
	return append(list, syncClient(c))
}

func toldOfChanges(c *client) bool { return c.SyncTarget() != "" && len(c.secrets) > 0 }

func syncClient(c *client) usersync.Client {
	secrets := slices.Clone(c.secrets)
	slices.Reverse(secrets) // the newest first
	return usersync.Client{
		ID: c.ID, URL: c.SyncTarget(), Secrets: secrets, Sync: c.Sync, Fields: c.Fields,
		Format: c.Format, AdminFlags: c.AdminFlags,
	}
}
