package gate

import (
	"context"
	"net/http"

	"github.com/caddyito/caddyito/usersync"
)

// The mirror is filled by sign-ins (callback.go), and by a server of ours, which
// tells the gate of every change. Caches follow the store's events (session.go),
// so what comes this way holds from the next request on.

func (g *Gate) newReceiver() *usersync.Receiver {
	return &usersync.Receiver{
		Mirror: &usersync.Mirror{
			Name:     g.cfg.Name,
			Store:    g.cfg.Store,
			Issuer:   g.cfg.Issuer,
			ClientID: g.cfg.ClientID,
			Secret:   g.cfg.ClientSecret,
			Now:      g.cfg.Now,
			OnDelete: g.cfg.OnDelete,
			Ended:    &g.meter.sessionsEnded,
		},
		Log: g.log,
	}
}

// ServeSync is /oidc/sync: a batch of changes from the server. Its signature
// says who sends it, so it asks for no session.
func (g *Gate) ServeSync(w http.ResponseWriter, r *http.Request) { g.receiver.ServeHTTP(w, r) }

// StartSync begins, once ready is closed, to ask the server for what the mirror
// missed. It does nothing for a gate whose secret cannot sign batches.
func (g *Gate) StartSync(ready <-chan struct{}) {
	if len(g.cfg.ClientSecret) < usersync.MinSecret {
		return
	}
	p := &usersync.Puller{
		Receiver: g.receiver,
		Endpoint: func() (string, error) {
			is, err := g.issuer.get()
			if err != nil {
				return "", err
			}
			return is.sync, nil
		},
		Transport: g.cfg.Transport,
		Log:       g.log,
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	g.stopPull = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		select {
		case <-ready:
			p.Run(ctx)
		case <-ctx.Done():
		}
	}()
}
