package admin

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// syncScript has the page show what changes without being loaded again.
//
//go:embed sync.js
var syncScript string

// syncPage is how far the clients' mirrors are.
type syncPage struct {
	frame
	Head    uint64
	Clients []syncRow
	// Events is where the script hears of changes.
	Events string
}

type syncRow struct {
	*usersync.ClientStatus
	State lang.Text
	Bad   bool
	// Percent is how much of everything it has, while it is filled anew or behind;
	// below 0 otherwise.
	Percent int
}

func (a *Admin) syncTargets(ctx context.Context) ([]usersync.Target, error) {
	targets, err := a.Operations.SyncTargets(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing who is told of changes: %w", err)
	}
	return targets, nil
}

func (a *Admin) syncStatus(ctx context.Context) (status *usersync.Status, err error) {
	targets, err := a.syncTargets(ctx)
	if err != nil {
		return nil, err
	}
	err = a.Store.View(ctx, func(tx store.ReadTx) (err error) {
		status, err = usersync.ReadStatus(tx, targets, a.Now())
		return err
	})
	return status, err
}

func (a *Admin) showSync(_ http.ResponseWriter, r *http.Request, v *visit) error {
	status, err := a.syncStatus(r.Context())
	if err != nil {
		return err
	}
	page := syncPage{frame: v.frame(), Head: status.Head, Events: a.path("sync/events")}
	for _, c := range status.Clients {
		page.Clients = append(page.Clients, rowOfSync(c, status.Head))
	}
	v.a.views["sync"].Render(v.w, http.StatusOK, webpage.Head{
		Title: lang.T("Sync"), Menu: a.menu(v, "sync"), Script: template.JS(syncScript), Connect: true,
	}, page)
	return nil
}

func rowOfSync(c *usersync.ClientStatus, head uint64) syncRow {
	row := syncRow{ClientStatus: c, Percent: -1}
	switch c.State() {
	case usersync.Follows:
		row.State = lang.T("follows")
	case usersync.Asks:
		row.State = lang.T("follows by asking; it cannot be reached from here")
	case usersync.Parked:
		row.State, row.Bad = lang.T("refused a change; it is tried again now and then"), true
	case usersync.Failing:
		row.State, row.Bad = lang.T("failing"), true
	case usersync.Refills:
		row.State = lang.T("is to be filled anew")
	case usersync.Behind:
		row.State = lang.T("is behind")
	case usersync.Unheard:
		row.State = lang.T("was never heard of")
	}
	if (c.Resync || c.Lag > 0) && head > 0 {
		row.Percent = int(100 * c.Seq / head)
	}
	return row
}

// resync has a client sent everything anew.
func (a *Admin) resync(w http.ResponseWriter, r *http.Request, v *visit) error {
	id := v.form.Get("client")
	targets, err := a.syncTargets(r.Context())
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(targets, func(t usersync.Target) bool { return t.ClientID == id }) {
		return fmt.Errorf("client %q is not told of changes: %w", id, store.ErrNotFound)
	}
	if err := a.clients().Resync(r.Context(), v.actor(), id); err != nil {
		return err
	}
	a.goTo(w, "sync", nil)
	return nil
}

const (
	// eventsEvery is how often it is looked whether something changed.
	eventsEvery = time.Second
	// eventsFor is how long one connection lasts; browsers ask again.
	eventsFor = 30 * time.Second
)

// syncEvents tells the script of the page that something changed (server-sent
// events). It says nothing more, so that what may be seen is decided in one place.
func (a *Admin) syncEvents(w http.ResponseWriter, r *http.Request, _ *visit) error {
	ctx, cancel := context.WithTimeout(r.Context(), eventsFor)
	defer cancel()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	control := http.NewResponseController(w)
	tick := time.NewTicker(eventsEvery)
	defer tick.Stop()
	var last string
	for first := true; ; first = false {
		now, err := a.syncMark(ctx)
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, store.ErrClosed) {
			return nil
		}
		if err != nil {
			a.Logger.Warn("cannot say how sync changes", "error", err)
			return nil
		}
		message := ": \n\n" // so that it is noticed who went away
		switch {
		case first:
			message = "retry: 2000\n\n"
		case now != last:
			message = "data: changed\n\n"
		}
		last = now
		if _, err := w.Write([]byte(message)); err != nil {
			return nil
		}
		if err := control.Flush(); err != nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-a.Operations.Stopping:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// syncMark changes when the page would.
func (a *Admin) syncMark(ctx context.Context) (string, error) {
	status, err := a.syncStatus(ctx)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(status)
	return string(b), err
}
