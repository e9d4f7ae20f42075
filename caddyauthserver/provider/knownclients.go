package provider

import (
	"context"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/caddyito/caddyito/store"
)

// Every request of a client, and every token, leads to a client of the store. To
// decode it and to decrypt its secrets each time cost a tenth of a code exchange, so
// those that were asked for lately are kept as they are, and all are forgotten when
// the store says that any of them changed: before the change is acknowledged.

// knownClients are those. What is put into one that was forgotten meanwhile is
// never seen.
type knownClients = lru.Cache[string, *storedClient]

// maxKnownClients is how many are kept; the least recently used go first.
const maxKnownClients = 1024

// storedClient is a client as it is in the store, with its secrets in the clear. It
// never changes.
type storedClient struct {
	client  store.Client
	secrets []openedSecret
}

type openedSecret struct {
	text      string
	expiresAt time.Time // zero: it does not
}

// knowClients begins to keep clients.
func (p *Provider) knowClients() *follower[*knownClients] {
	return follow(p.Store, store.EventClients, func(context.Context) (*knownClients, error) {
		return lru.New[string, *storedClient](maxKnownClients)
	})
}

// openClient decrypts the secrets of a client.
func (p *Provider) openClient(sc *store.Client) (*storedClient, error) {
	s := &storedClient{client: *sc}
	for _, secret := range sc.Secrets {
		b, err := p.MasterKey.Open(store.ClientSecretPurpose(sc.ID), secret.Sealed)
		if err != nil {
			return nil, fmt.Errorf("secret of client %s: %w", sc.ID, err)
		}
		s.secrets = append(s.secrets, openedSecret{string(b), secret.ExpiresAt})
	}
	return s, nil
}

// at is the client as it is at that time, or errUnknownClient if it is disabled.
func (s *storedClient) at(now time.Time) (*client, error) {
	c := &client{Client: s.client}
	for _, secret := range s.secrets {
		if secret.expiresAt.IsZero() || now.Before(secret.expiresAt) {
			c.secrets = append(c.secrets, secret.text)
		}
	}
	return c, disabledIsUnknown(c)
}
