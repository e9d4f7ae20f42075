package authapp

import (
	"net/http"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// maxOverviewDays is as long as the counts are of use by the day.
const maxOverviewDays = 90

// showOverview takes ?days=, 1 by default.
func (api *adminAPI) showOverview(a *App, r *http.Request) (any, error) {
	days := 1
	if text := r.URL.Query().Get("days"); text != "" {
		var err error
		if days, err = strconv.Atoi(text); err != nil || days < 1 || days > maxOverviewDays {
			return nil, refuse(http.StatusBadRequest, "days %q: it is a number from 1 to %d", text, maxOverviewDays)
		}
	}
	targets, err := a.syncTargets(r.Context())
	if err != nil {
		return nil, err
	}
	var v *manage.Overview
	err = a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		v, err = manage.ReadOverview(tx, targets, days, time.Now().UTC())
		return err
	})
	return v, err
}
