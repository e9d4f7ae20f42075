package usersync

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/store"
)

// pollTime is how long a pull waits for a change.
const pollTime = 25 * time.Second

// ServePull answers a client, which the caller has authenticated by that secret,
// with the next batch after ?feed=&view=&after=. If there is nothing new it waits for
// something, and in the end sends a batch without changes.
func (s *Server) ServePull(w http.ResponseWriter, r *http.Request, c Client, secret string) {
	at, err := pullQuery(r.URL.RawQuery)
	if err != nil {
		Answer(w, http.StatusBadRequest, map[string]string{"err": codeInvalid, "description": err.Error()})
		return
	}
	body, err := s.pull(r.Context(), c, secret, at)
	if no, ok := errors.AsType[*RefusedError](err); ok {
		status := http.StatusForbidden
		if no.Code == codeKey {
			status = http.StatusUnauthorized
			w.Header().Set("WWW-Authenticate", `Basic realm="`+s.cfg.Issuer+`"`)
		}
		Answer(w, status, map[string]string{"err": no.Code, "description": no.Description})
		return
	}
	if err != nil {
		if r.Context().Err() == nil {
			s.cfg.Log.Error("cannot answer a client that asks for changes", "client_id", c.ID, "error", err)
		}
		w.Header().Set("Retry-After", "5")
		Answer(w, http.StatusServiceUnavailable, map[string]string{"err": codeInvalid, "description": "not available right now"})
		return
	}
	w.Header().Set("Content-Type", ContentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	w.Write(body)
}

func (s *Server) pull(ctx context.Context, c Client, secret string, at Position) ([]byte, error) {
	key, err := Key(secret, s.cfg.Issuer)
	if err != nil {
		return nil, refused(codeForbidden, "%v", err)
	}
	view := s.view(c)
	clients := s.clients.next()
	resync, err := s.noted(ctx, c.ID, secret, view, at)
	if err != nil {
		return nil, err
	}
	s.heard(c.ID)
	patience := time.NewTimer(pollTime)
	defer patience.Stop()
	for waited := false; ; {
		changed := s.changed.next()
		var b *Batch
		counted := s.countedFor(c.ID)
		err := s.cfg.Store.View(ctx, func(tx store.ReadTx) error {
			// Much may have happened since it showed its secret.
			now, err := s.inForce(tx, c.ID, secret)
			if err != nil {
				return err
			}
			if !c.same(now) {
				c, view = now, s.view(now)
			}
			if resync {
				b, err = anewBatch(tx, view, at)
				return err
			}
			if !waited { // what goes out now has changes, and no digest to add up
				b, err = nextBatch(tx, view, at)
				return err
			}
			b, err = counted.nextBatch(tx, view, at)
			return err
		})
		if err != nil {
			return nil, err
		}
		if at == (Position{b.Feed, b.View, b.Head}) {
			s.pulled.end(s.cfg.Log, c.ID, s.cfg.Now())
		}
		b.Issuer, b.Audience, b.Resync = s.cfg.Issuer, c.ID, b.Resync || resync
		if waited || at.Feed != b.Feed || at.View != b.View || b.Resync || b.Head > at.Upto {
			s.meters.of(c.ID).told(len(b.Changes))
			s.pulled.took(c.ID, len(b.Changes))
			if resync {
				s.heard(c.ID) // who is pushed to as well says there when it has everything
			}
			return Sign(b, key, s.cfg.Now())
		}
		select {
		case <-changed:
		case <-clients: // it may be that this one is to be sent everything anew
			clients = s.clients.next()
			if resync, err = s.noted(ctx, c.ID, secret, view, at); err != nil {
				return nil, err
			}
		case <-patience.C:
			waited = true
		case <-s.closing:
			waited = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// anewBatch is the next one for a client that is to be sent everything anew: first it
// has the mirror begin anew, and holds nothing. Who then asks from there has heard it.
func anewBatch(tx Reader, v *View, at Position) (*Batch, error) {
	if at.Upto == 0 {
		return nextBatch(tx, v, Position{})
	}
	feed, err := tx.Feed()
	if err != nil {
		return nil, fmt.Errorf("reading the feed: %w", err)
	}
	return &Batch{Feed: feed.ID, View: v.ID(), Head: feed.Head}, nil
}

// inForce is the client as it is now, or says that the secret is none of its own any
// more.
func (s *Server) inForce(tx store.ClientReader, clientID, secret string) (Client, error) {
	c, ok, err := s.cfg.Client(tx, clientID)
	if err != nil {
		return c, fmt.Errorf("reading a client: %w", err)
	}
	if !ok || !slices.Contains(c.Secrets, secret) {
		return c, refused(codeKey, "the client or its secret is not in force any more")
	}
	return c, nil
}

// noted notes that the client asked, and thereby where it stands. One that
// stays there is noted now and then. It says whether the client is to be sent
// everything anew, until it asks from the beginning: an answer may be lost.
func (s *Server) noted(ctx context.Context, clientID, secret string, v *View, at Position) (resync bool, err error) {
	now := s.cfg.Now()
	var known *store.SyncState
	err = s.cfg.Store.View(ctx, func(tx store.ReadTx) (err error) {
		known, err = tx.SyncState(clientID)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("reading where a client stands: %w", err)
	}
	if known.Resync && at.Upto != 0 {
		return true, nil
	}
	if !known.Resync && known.FeedID == at.Feed && known.View == at.View && known.Seq == at.Upto && now.Sub(known.PulledAt).Abs() < heartbeat {
		return false, nil
	}
	var head uint64
	err = s.cfg.Store.Update(ctx, func(tx store.WriteTx) error {
		if _, err := s.inForce(tx, clientID, secret); err != nil {
			return err
		}
		st, err := tx.SyncState(clientID)
		if err != nil {
			return err
		}
		feed, err := tx.Feed()
		if err != nil {
			return err
		}
		head = feed.Head
		if at == (Position{feed.ID, v.ID(), feed.Head}) || st.CurrentAt.IsZero() {
			st.CurrentAt = now
		}
		resync = st.Resync
		st.FeedID, st.View, st.Seq, st.PulledAt, st.Resync = at.Feed, at.View, at.Upto, now, resync && at.Upto != 0
		return tx.PutSyncState(st)
	})
	if err != nil {
		return false, fmt.Errorf("noting where a client stands: %w", err)
	}
	if resync && at.Upto == 0 {
		s.pulled.begin(s.cfg.Log, clientID, now, head)
	}
	return resync, nil
}

// pullQuery reads ?feed=&view=&after=, each once at the most.
func pullQuery(raw string) (Position, error) {
	q, err := url.ParseQuery(raw)
	if err != nil || len(raw) > 1000 || len(q["feed"]) > 1 || len(q["view"]) > 1 || len(q["after"]) > 1 {
		return Position{}, errors.New("ask with ?feed=<feed>&view=<view>&after=<seq>")
	}
	p := Position{Feed: q.Get("feed"), View: q.Get("view")}
	if text := q.Get("after"); text != "" {
		if p.Upto, err = strconv.ParseUint(text, 10, 64); err != nil {
			return Position{}, errors.New("after is a number: the seq the mirror has reached")
		}
	}
	return p, nil
}
