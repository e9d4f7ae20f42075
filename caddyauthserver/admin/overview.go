package admin

import (
	"net/http"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// overviewPage says at a glance how the server does.
type overviewPage struct {
	frame
	Spans    []span
	SignIns  chart
	Failures chart
	Sessions int
	// More: there are more sessions than were counted.
	More bool
	// Troubled are the clients that fail or fall behind; Told is how many are told of
	// changes.
	Troubled []*usersync.ClientStatus
	Told     int
	Recent   []*store.AuditRecord
}

// span is a time that one may look at.
type span struct {
	Days    int
	Current bool
	URL     string
}

// countedSessions is how many sessions are counted at the most.
const countedSessions = 10_000

func (a *Admin) showOverview(_ http.ResponseWriter, r *http.Request, v *visit) error {
	days := 1
	page := overviewPage{frame: v.frame()}
	for _, d := range []int{1, 7, 30} {
		s := span{Days: d, URL: a.path("overview") + "?days=" + strconv.Itoa(d)}
		if s.Current = r.URL.Query().Get("days") == strconv.Itoa(d); s.Current {
			days = d
		}
		page.Spans = append(page.Spans, s)
	}
	if days == 1 {
		page.Spans[0].Current = true
	}
	step := 24 * time.Hour
	if days == 1 {
		step = time.Hour
	}
	end := a.Now().Truncate(step).Add(step)
	from := end.AddDate(0, 0, -days)
	targets, err := a.syncTargets(r.Context())
	if err != nil {
		return err
	}
	err = a.Store.View(r.Context(), func(tx store.ReadTx) error {
		counts, err := tx.AuditCounts(from, end)
		if err != nil {
			return err
		}
		page.SignIns = chartOf(counts, store.ActionSignIn, from, end, step)
		page.Failures = chartOf(counts, store.ActionSignInFailed, from, end, step)
		if page.Sessions, err = tx.CountSessions(store.ServerRealm, countedSessions); err != nil {
			return err
		}
		page.More = page.Sessions == countedSessions
		status, err := usersync.ReadStatus(tx, targets, a.Now())
		if err != nil {
			return err
		}
		page.Told = len(status.Clients)
		page.Troubled = nil
		for _, c := range status.Clients {
			if s := c.State(); s == usersync.Parked || s == usersync.Failing || s == usersync.Behind && c.LagSeconds > slowAfter {
				page.Troubled = append(page.Troubled, c)
			}
		}
		page.Recent, _, err = tx.Audit(&store.AuditQuery{}, 8)
		return err
	})
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "overview", lang.T("Overview"), "overview", page)
}

// slowAfter is how many seconds a client may lag before it is called slow.
const slowAfter = 60

// chart is how often something happened, in bars.
type chart struct {
	Total uint64
	Bars  []bar
	// Top is the most of one bar.
	Top uint64
}

// bar is one of them, in a picture that is chartHeight high.
type bar struct {
	From   time.Time
	Count  uint64
	X      int
	Y      int
	Height int
	Width  int
}

const (
	chartWidth  = 600
	chartHeight = 100
)

// chartOf adds up counts in steps.
func chartOf(counts []store.AuditCount, action store.AuditAction, from, end time.Time, step time.Duration) chart {
	n := int(end.Sub(from) / step)
	c := chart{Bars: make([]bar, n)}
	for _, count := range counts {
		if i := int(count.Hour.Sub(from) / step); count.Action == action && i >= 0 && i < n {
			c.Bars[i].Count += count.Count
			c.Total += count.Count
			c.Top = max(c.Top, c.Bars[i].Count)
		}
	}
	width := chartWidth / n
	for i := range c.Bars {
		b := &c.Bars[i]
		b.From, b.X, b.Width = from.Add(time.Duration(i)*step), i*width, width-2
		if b.Count > 0 {
			b.Height = max(2, int(uint64(chartHeight)*b.Count/c.Top)) // also one of many is to be seen
		}
		b.Y = chartHeight - b.Height
	}
	return c
}
