package authapp

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

func (api *adminAPI) syncRoutes() {
	api.handle("GET /auth/sync", api.syncStatus)
	api.handle("GET /auth/overview", api.showOverview)
	api.handle("POST /auth/sync/{client}/resync", api.resync)
}

func (a *App) syncTargets(ctx context.Context) ([]usersync.Target, error) {
	var all []usersync.Target
	for _, s := range a.servers {
		if s, ok := s.(SyncServer); ok {
			targets, err := s.SyncTargets(ctx)
			if err != nil {
				return nil, err
			}
			all = append(all, targets...)
		}
	}
	slices.SortFunc(all, func(x, y usersync.Target) int { return cmp.Compare(x.ClientID, y.ClientID) })
	return slices.CompactFunc(all, func(x, y usersync.Target) bool { return x.ClientID == y.ClientID }), nil
}

func (api *adminAPI) syncStatus(a *App, r *http.Request) (any, error) {
	return a.syncView(r.Context())
}

func (a *App) syncView(ctx context.Context) (v *usersync.Status, err error) {
	targets, err := a.syncTargets(ctx)
	if err != nil {
		return nil, err
	}
	err = a.Store().View(ctx, func(tx store.ReadTx) (err error) {
		v, err = usersync.ReadStatus(tx, targets, time.Now())
		return err
	})
	return v, err
}

// resync has a client sent everything anew. The pusher sees the mark and takes
// it away when the client begins.
func (api *adminAPI) resync(a *App, r *http.Request) (any, error) {
	id := r.PathValue("client")
	targets, err := a.syncTargets(r.Context())
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(targets, func(t usersync.Target) bool { return t.ClientID == id }) {
		return nil, refuse(http.StatusNotFound, "there is no client %q that is told of changes; caddy auth sync status lists them", id)
	}
	return nil, a.clients().Resync(r.Context(), manage.Actor{}, id)
}
