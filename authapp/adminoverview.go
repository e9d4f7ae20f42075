package authapp

import (
	"net/http"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// overview says at a glance how the server does, as its page does.
type overview struct {
	From     time.Time      `json:"from"`
	SignIns  uint64         `json:"sign_ins"`
	Failures uint64         `json:"failures"`
	Steps    []overviewStep `json:"steps"`
	// Sessions are those at the server, counted up to countedSessions.
	Sessions int `json:"sessions"`
	// Told is how many clients are told of changes, Troubled which of them fail or
	// fall behind.
	Told     int                      `json:"told"`
	Troubled []*usersync.ClientStatus `json:"troubled"`
}

// overviewStep is an hour, or a day where there are several.
type overviewStep struct {
	From     time.Time `json:"from"`
	SignIns  uint64    `json:"sign_ins"`
	Failures uint64    `json:"failures"`
}

const (
	countedSessions = 10_000
	// maxOverviewDays is as long as the counts are of use by the day.
	maxOverviewDays = 90
	// slowAfter is how many seconds a client may lag before it is troubled.
	slowAfter = 60
)

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
	var v *overview
	err = a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		v, err = readOverview(tx, targets, days, time.Now().UTC())
		return err
	})
	return v, err
}

func readOverview(tx store.ReadTx, targets []usersync.Target, days int, now time.Time) (*overview, error) {
	step := 24 * time.Hour
	if days == 1 {
		step = time.Hour
	}
	end := now.Truncate(step).Add(step)
	v := &overview{From: end.AddDate(0, 0, -days), Troubled: []*usersync.ClientStatus{}}
	for from := v.From; from.Before(end); from = from.Add(step) {
		v.Steps = append(v.Steps, overviewStep{From: from})
	}
	counts, err := tx.AuditCounts(v.From, end)
	if err != nil {
		return nil, err
	}
	for _, c := range counts {
		i := int(c.Hour.Sub(v.From) / step)
		if i < 0 || i >= len(v.Steps) {
			continue
		}
		switch c.Action {
		case store.ActionSignIn:
			v.SignIns += c.Count
			v.Steps[i].SignIns += c.Count
		case store.ActionSignInFailed:
			v.Failures += c.Count
			v.Steps[i].Failures += c.Count
		}
	}
	if v.Sessions, err = tx.CountSessions(store.ServerRealm, countedSessions); err != nil {
		return nil, err
	}
	status, err := usersync.ReadStatus(tx, targets, now)
	if err != nil {
		return nil, err
	}
	v.Told = len(status.Clients)
	for _, c := range status.Clients {
		if s := c.State(); s == usersync.Parked || s == usersync.Failing || s == usersync.Behind && c.LagSeconds > slowAfter {
			v.Troubled = append(v.Troubled, c)
		}
	}
	return v, nil
}
