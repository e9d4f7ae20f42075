package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/caddyito/caddyito/internal/lease"
	"github.com/caddyito/caddyito/internal/pace"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Back-channel logout (OpenID Connect Back-Channel Logout 1.0): a client that got
// a code for a session is remembered with it (store.SignIn). The transaction that
// ends the session queues a store.Logout for each, and the notifier posts them,
// until the client took them or a day has passed.

const (
	// logoutPatience is how long a client is tried to be told.
	logoutPatience = 24 * time.Hour
	// maxRefusals is how often a client may say that a token is wrong, before it is
	// believed.
	maxRefusals = 5
	logoutPage  = 100
	// logoutLook is how often the queue is looked at, besides whenever it changes.
	logoutLook = time.Minute
)

// noteSignIn remembers that a client is told of a session, so that it is told of
// its end.
func (p *Provider) noteSignIn(tx store.LogoutWriter, c *client, s *store.Session) error {
	if c.LogoutTarget() == "" && c.FrontchannelLogoutURI == "" {
		return nil
	}
	err := tx.PutSignIn(&store.SignIn{
		Subject: s.Subject, SID: s.SID, ClientID: c.ID, Issuer: p.Issuer,
		ExpiresAt: p.now().Add(p.SessionAbsolute),
	})
	if err != nil {
		return fmt.Errorf("noting who is told of the session: %w", err)
	}
	return nil
}

// notifier tells clients that sessions are over. Each has a courier of its own,
// so that one who does not answer delays no other.
type notifier struct {
	p         *Provider
	http      *http.Client
	woken     chan struct{}
	stopWatch func()
	cancel    context.CancelFunc // nil before StartLogouts
	running   sync.WaitGroup
}

func newNotifier(p *Provider) *notifier {
	n := &notifier{p: p, woken: make(chan struct{}, 1), http: &http.Client{
		Transport:     p.SyncTransport,
		Timeout:       usersync.CallTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	n.stopWatch = p.Store.Watch(func(e store.Event) {
		switch e.Kind {
		case store.EventAll, store.EventLogouts, store.EventClients:
			pace.Wake(n.woken)
		}
	})
	return n
}

// StartLogouts begins to tell clients of logouts once ready is closed.
func (p *Provider) StartLogouts(ready <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	p.logouts.cancel = cancel
	p.logouts.running.Go(func() {
		select {
		case <-ready:
			k := lease.Keeper{Store: p.Store, Name: "logouts " + p.Issuer, Log: p.Logger, Now: p.Now}
			k.Run(ctx, p.logouts.run)
		case <-ctx.Done():
		}
	})
}

func (n *notifier) close() {
	if n.cancel != nil {
		n.cancel()
	}
	n.running.Wait()
	n.stopWatch()
}

// run has a courier for every client that was queued for, and wakes them all when
// the queue changes.
func (n *notifier) run(ctx context.Context) {
	var under sync.WaitGroup
	defer under.Wait()
	couriers := map[string]*courier{}
	for ctx.Err() == nil {
		var ids []string
		err := n.p.Store.View(ctx, func(tx store.ReadTx) (err error) {
			ids, err = tx.LogoutClients()
			return err
		})
		if err != nil && ctx.Err() == nil {
			n.p.Logger.Error("cannot read which clients are to be told of logouts; trying again", "error", err)
		}
		for _, id := range ids {
			if couriers[id] == nil {
				c := &courier{n: n, clientID: id, woken: make(chan struct{}, 1)}
				couriers[id] = c
				under.Go(func() { c.run(ctx) })
			}
		}
		for _, c := range couriers {
			pace.Wake(c.woken)
		}
		pace.Wait(ctx, logoutLook, n.woken)
	}
}

// courier tells one client, one logout after the other.
type courier struct {
	n        *notifier
	clientID string
	woken    chan struct{}
	failed   int // failures in a row
}

func (c *courier) run(ctx context.Context) {
	log := c.n.p.Logger.With("client_id", c.clientID)
	for ctx.Err() == nil {
		next, err := c.deliver(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			c.failed++
			if c.failed == 1 {
				log.Warn("cannot tell a client of a logout; trying again, with growing pauses, for a day", "error", err)
			}
			pace.Wait(ctx, pace.Backoff(c.failed), nil) // more to tell does not make it answer
			continue
		case c.failed > 0:
			log.Info("a client is told of logouts again", "failures", c.failed)
			c.failed = 0
		}
		pace.Wait(ctx, next, c.woken)
	}
}

// deliver tells the client all that is due, and says when to look again. An error
// is of the road or of our side: what is queued stays.
func (c *courier) deliver(ctx context.Context) (next time.Duration, err error) {
	next = logoutLook
	for after := uint64(0); ; {
		var page []*store.Logout
		err := c.n.p.Store.View(ctx, func(tx store.ReadTx) (err error) {
			page, err = tx.Logouts(c.clientID, after, logoutPage)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("reading logouts: %w", err)
		}
		for _, l := range page {
			after = l.ID
			if l.Issuer != c.n.p.Issuer {
				continue // another server's of this store
			}
			if until := l.NextAt.Sub(c.n.p.now()); until > 0 {
				next = min(next, until)
				continue
			}
			if err := c.tell(ctx, l); err != nil {
				return 0, err
			}
		}
		if len(page) < logoutPage {
			return next, nil
		}
	}
}

// tell posts one logout and takes it out of the queue.
func (c *courier) tell(ctx context.Context, l *store.Logout) error {
	p := c.n.p
	log := p.Logger.With("client_id", l.ClientID, "user_id", l.Subject)
	if p.now().Sub(l.CreatedAt) >= logoutPatience {
		log.Error("a client was not told of a logout for a day; that is given up, and the person may still be signed in there", "since", l.CreatedAt)
		return c.done(ctx, l)
	}
	client, err := p.findClient(ctx, l.ClientID)
	if errors.Is(err, errUnknownClient) || err == nil && client.LogoutTarget() == "" {
		return c.done(ctx, l) // it is not to be told any more
	}
	if err != nil {
		return err
	}
	status, err := c.post(ctx, client, l)
	if err != nil {
		p.meter.failedLogouts.Add(1)
		return err
	}
	if status != http.StatusBadRequest {
		p.meter.logouts.Add(1)
		return c.done(ctx, l)
	}
	// Section 2.8: the token is wrong, or the sign-out failed there.
	p.meter.failedLogouts.Add(1)
	refused := *l
	refused.Refused++
	if refused.Refused >= maxRefusals {
		log.Error("a client refuses a logout again and again; that is given up, and the person may still be signed in there", "url", client.LogoutTarget())
		return c.done(ctx, l)
	}
	pause := pace.Backoff(refused.Refused + 2)
	log.Warn("a client refuses a logout; trying again", "url", client.LogoutTarget(), "refused", refused.Refused, "pause", pause)
	refused.NextAt = p.now().Add(pause)
	return c.write(ctx, func(tx store.WriteTx) error { return tx.PutLogout(&refused) })
}

func (c *courier) done(ctx context.Context, l *store.Logout) error {
	return c.write(ctx, func(tx store.WriteTx) error {
		if err := tx.DeleteLogout(l.ClientID, l.ID); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return nil // the client was deleted
	})
}

func (c *courier) write(ctx context.Context, fn func(store.WriteTx) error) error {
	if err := c.n.p.Store.Update(ctx, fn); err != nil {
		return fmt.Errorf("noting what became of a logout: %w", err)
	}
	return nil
}

// post is section 2.5. It returns 200, 204 or 400; any other answer is an error.
func (c *courier) post(ctx context.Context, to *client, l *store.Logout) (status int, err error) {
	target := to.LogoutTarget()
	token, err := c.n.p.signLogoutToken(ctx, to, l)
	if err != nil {
		return 0, fmt.Errorf("signing a logout token: %w", err)
	}
	form := url.Values{"logout_token": {token}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, fmt.Errorf("the back-channel logout URL is wrong: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.n.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) // so that the connection can serve again
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNoContent, http.StatusBadRequest:
		return resp.StatusCode, nil
	}
	return 0, fmt.Errorf("%s answers %d %s", target, resp.StatusCode, http.StatusText(resp.StatusCode))
}
