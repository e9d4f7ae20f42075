package admin

import (
	"net/http"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
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
	targets, err := a.syncTargets(r.Context())
	if err != nil {
		return err
	}
	err = a.Store.View(r.Context(), func(tx store.ReadTx) error {
		o, err := manage.ReadOverview(tx, targets, days, a.Now())
		if err != nil {
			return err
		}
		page.SignIns = chartOf(o.Steps, func(s manage.OverviewStep) uint64 { return s.SignIns })
		page.Failures = chartOf(o.Steps, func(s manage.OverviewStep) uint64 { return s.Failures })
		page.Sessions, page.More = o.Sessions, o.Sessions == manage.CountedSessions
		page.Told, page.Troubled = o.Told, o.Troubled
		page.Recent, _, err = tx.Audit(&store.AuditQuery{}, 8)
		return err
	})
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "overview", lang.T("Overview"), "overview", page)
}

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

// chartOf draws one of the counts of each step.
func chartOf(steps []manage.OverviewStep, count func(manage.OverviewStep) uint64) chart {
	c := chart{Bars: make([]bar, len(steps))}
	for i, s := range steps {
		b := &c.Bars[i]
		b.From, b.Count = s.From, count(s)
		c.Total += b.Count
		c.Top = max(c.Top, b.Count)
	}
	width := chartWidth / len(steps)
	for i := range c.Bars {
		b := &c.Bars[i]
		b.X, b.Width = i*width, width-2
		if b.Count > 0 {
			b.Height = max(2, int(uint64(chartHeight)*b.Count/c.Top)) // also one of many is to be seen
		}
		b.Y = chartHeight - b.Height
	}
	return c
}
