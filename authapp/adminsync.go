package authapp

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/caddyito/caddyito/store"
)

func (api *adminAPI) syncRoutes() {
	api.handle("GET /auth/sync", api.syncStatus)
	api.handle("POST /auth/sync/{client}/resync", api.resync)
}

// syncView is how far the clients' mirrors are.
type syncView struct {
	Feed    string            `json:"feed"`
	Head    uint64            `json:"head"`
	Clients []*syncClientView `json:"clients"`
}

// syncClientView is how far one is.
type syncClientView struct {
	ClientID string `json:"client_id"`
	URL      string `json:"url"`
	Seq      uint64 `json:"seq"`
	// Lag is how many changes the mirror has yet to take, at the most;
	// LagSeconds how long ago it last had everything, if there are any.
	Lag        uint64    `json:"lag"`
	LagSeconds int64     `json:"lag_seconds"`
	CurrentAt  time.Time `json:"current_at,omitzero"`
	PushedAt   time.Time `json:"pushed_at,omitzero"`
	PulledAt   time.Time `json:"pulled_at,omitzero"`
	Error      string    `json:"error,omitempty"`
	FailedAt   time.Time `json:"failed_at,omitzero"`
	// LastSuccess is the later of PushedAt and PulledAt; LastError what last went
	// wrong, also where all is well again.
	LastSuccess time.Time `json:"last_success_at,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	Parked      bool      `json:"parked"`
	Resync      bool      `json:"resync"`
}

func (a *App) syncTargets(ctx context.Context) ([]SyncTarget, error) {
	var all []SyncTarget
	for _, s := range a.servers {
		if s, ok := s.(SyncServer); ok {
			targets, err := s.SyncTargets(ctx)
			if err != nil {
				return nil, err
			}
			all = append(all, targets...)
		}
	}
	slices.SortFunc(all, func(x, y SyncTarget) int { return cmp.Compare(x.ClientID, y.ClientID) })
	return slices.CompactFunc(all, func(x, y SyncTarget) bool { return x.ClientID == y.ClientID }), nil
}

func (api *adminAPI) syncStatus(a *App, r *http.Request) (any, error) {
	return a.syncView(r.Context())
}

func (a *App) syncView(ctx context.Context) (v syncView, err error) {
	targets, err := a.syncTargets(ctx)
	if err != nil {
		return v, err
	}
	err = a.Store().View(ctx, func(tx store.ReadTx) error {
		feed, err := tx.Feed()
		if err != nil {
			return err
		}
		v = syncView{Feed: feed.ID, Head: feed.Head, Clients: []*syncClientView{}}
		for _, t := range targets {
			s, err := tx.SyncState(t.ClientID)
			if err != nil {
				return err
			}
			v.Clients = append(v.Clients, viewOfSync(t, s, feed, time.Now()))
		}
		return nil
	})
	return v, err
}

func viewOfSync(t SyncTarget, s *store.SyncState, feed store.Feed, now time.Time) *syncClientView {
	c := &syncClientView{
		ClientID: t.ClientID, URL: t.URL, PushedAt: s.PushedAt, PulledAt: s.PulledAt, CurrentAt: s.CurrentAt,
		Error: s.Error, FailedAt: s.FailedAt, Parked: s.Parked, Resync: s.Resync,
		LastError: s.LastError, LastErrorAt: s.LastErrorAt,
	}
	if s.FeedID == feed.ID { // or it holds nothing of this feed
		c.Seq = min(s.Seq, feed.Head)
	}
	c.Lag = feed.Head - c.Seq
	c.LastSuccess = s.PushedAt
	if s.PulledAt.After(s.PushedAt) {
		c.LastSuccess = s.PulledAt
	}
	if c.Lag > 0 && !s.CurrentAt.IsZero() {
		c.LagSeconds = int64(max(0, now.Sub(s.CurrentAt)) / time.Second)
	}
	return c
}

// resync has a client sent everything anew. The pusher sees the mark and takes
// it away when the client begins.
func (api *adminAPI) resync(a *App, r *http.Request) (any, error) {
	id := r.PathValue("client")
	targets, err := a.syncTargets(r.Context())
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(targets, func(t SyncTarget) bool { return t.ClientID == id }) {
		return nil, refuse(http.StatusNotFound, "there is no client %q that is told of changes; caddy auth sync status lists them", id)
	}
	return nil, a.Store().Update(r.Context(), func(tx store.WriteTx) error {
		s, err := tx.SyncState(id)
		if err != nil {
			return err
		}
		s.Resync = true
		if err := store.Audit(tx, byOperator(), store.ActionSyncResync, store.AuditParty{Type: store.ClientParty, ID: id}); err != nil {
			return err
		}
		return tx.PutSyncState(s)
	})
}
