package manage

import (
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Overview says at a glance how the server does.
type Overview struct {
	From     time.Time      `json:"from"`
	SignIns  uint64         `json:"sign_ins"`
	Failures uint64         `json:"failures"`
	Steps    []OverviewStep `json:"steps"`
	// Sessions are those at the server, counted up to CountedSessions.
	Sessions int `json:"sessions"`
	// Told is how many clients are told of changes, Troubled which of them fail or
	// fall behind.
	Told     int                      `json:"told"`
	Troubled []*usersync.ClientStatus `json:"troubled"`
}

// OverviewStep is an hour, or a day where there are several.
type OverviewStep struct {
	From     time.Time `json:"from"`
	SignIns  uint64    `json:"sign_ins"`
	Failures uint64    `json:"failures"`
}

const (
	// CountedSessions is how many sessions are counted at the most.
	CountedSessions = 10_000
	// slowAfter is how many seconds a client may lag before it is troubled.
	slowAfter = 60
)

// ReadOverview is that of some days, of which the last is not over: by the hour if it
// is one, or else by the day.
func ReadOverview(tx store.ReadTx, targets []usersync.Target, days int, now time.Time) (*Overview, error) {
	step := 24 * time.Hour
	if days == 1 {
		step = time.Hour
	}
	end := now.Truncate(step).Add(step)
	v := &Overview{From: end.AddDate(0, 0, -days), Troubled: []*usersync.ClientStatus{}}
	for from := v.From; from.Before(end); from = from.Add(step) {
		v.Steps = append(v.Steps, OverviewStep{From: from})
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
	if v.Sessions, err = tx.CountSessions(store.ServerRealm, CountedSessions); err != nil {
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
