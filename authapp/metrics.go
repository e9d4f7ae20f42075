package authapp

import (
	"context"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// MeteredServer is a ServerModule that counts what it does. It may be asked once
// StartServer returned.
type MeteredServer interface {
	ServerMetrics() ServerMetrics
	// SyncCounts are of one of the SyncTargets.
	SyncCounts(clientID string) usersync.Counts
}

// ServerMetrics are what a server did since it started.
type ServerMetrics struct {
	SignIns, FailedSignIns uint64
	Tokens                 map[string]uint64 // answers of the token endpoint, by grant type
	Logouts, FailedLogouts uint64            // by back channel
}

// MeteredGate is a GateModule that counts what it does. It may be asked once
// StartGate returned.
type MeteredGate interface {
	GateMetrics() GateMetrics
}

// GateMetrics are what a gate did since it started.
type GateMetrics struct {
	Name                    string // of the gate's mirror
	Allowed, Refused, Login uint64
	SessionsEnded           uint64
}

// metrics shows the app's members on the registry of its config. Every config
// has its own registry, which goes with it, so nothing is registered twice or
// left behind; counters begin anew with a reload, as Caddy's own do. Everything
// is read when it is asked for: nothing on the path of a request knows of
// metrics.
type metrics struct{ app *App }

func (a *App) registerMetrics(ctx caddy.Context) error {
	registry := ctx.GetMetricsRegistry()
	if registry == nil {
		return nil
	}
	if err := registry.Register(metrics{a}); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}

func newDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("caddy_auth_"+name, help, labels, nil)
}

// docs/operating.md lists them.
var (
	descSignIns = newDesc("sign_ins_total", "Attempts to sign in at the server by password.", "issuer", "result")
	descTokens  = newDesc("tokens_total", "Answers of the token endpoint that gave tokens.", "issuer", "grant_type")
	descLogouts = newDesc("backchannel_logouts_total", "Attempts to tell a client that a session is over.", "issuer", "result")

	descLagChanges  = newDesc("sync_lag_changes", "Changes that a client has yet to take, at the most.", "client")
	descLagSeconds  = newDesc("sync_lag_seconds", "How long ago a client that lags behind last had everything; 0 for one that has.", "client")
	descLastSuccess = newDesc("sync_last_success_timestamp_seconds", "When a client last took a batch or asked for one.", "client")
	descParked      = newDesc("sync_parked", "1 if a client refuses what it is sent, so that somebody has to mend its config or the server's.", "client")
	descFailures    = newDesc("sync_failures_total", "Failures to tell a client of changes.", "client")
	descBatches     = newDesc("sync_batches_total", "Batches that a client took, also those without changes by which the two compare.", "client")
	descChanges     = newDesc("sync_changes_total", "Changes in the batches that a client took.", "client")

	descMirrorAge     = newDesc("gate_mirror_age_seconds", "How long ago the server last vouched for a gate's mirror.", "gate")
	descMirrorSeq     = newDesc("gate_mirror_seq", "The last change of the server's feed that a gate's mirror has.", "gate")
	descDecisions     = newDesc("gate_decisions_total", "Requests by what a gate made of them: allowed, refused, or sent to sign in.", "gate", "decision")
	descSessionsEnded = newDesc("gate_sessions_ended_total", "Sessions that ended because the server said so: somebody signed out elsewhere, was disabled or deleted.", "gate")
)

// Describe implements prometheus.Collector.
func (metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descSignIns, descTokens, descLogouts, descLagChanges, descLagSeconds, descLastSuccess, descParked, descFailures, descBatches,
		descChanges, descMirrorAge, descMirrorSeq, descDecisions, descSessionsEnded,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It shows nothing before the app has
// started, and leaves out what the store does not say.
func (m metrics) Collect(ch chan<- prometheus.Metric) {
	select {
	case <-m.app.Ready():
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	m.servers(ch)
	m.sync(ctx, ch)
	m.gates(ctx, ch)
}

func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, n uint64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (m metrics) servers(ch chan<- prometheus.Metric) {
	byIssuer := map[string]ServerMetrics{} // one issuer may stand in two sites
	for _, s := range m.app.servers {
		if s, ok := s.(interface {
			ServerModule
			MeteredServer
		}); ok {
			sum, n := byIssuer[s.Issuer()], s.ServerMetrics()
			tokens := map[string]uint64{}
			for _, counts := range []map[string]uint64{sum.Tokens, n.Tokens} {
				for grant, times := range counts {
					tokens[grant] += times
				}
			}
			byIssuer[s.Issuer()] = ServerMetrics{
				sum.SignIns + n.SignIns, sum.FailedSignIns + n.FailedSignIns, tokens,
				sum.Logouts + n.Logouts, sum.FailedLogouts + n.FailedLogouts,
			}
		}
	}
	for issuer, n := range byIssuer {
		counter(ch, descSignIns, n.SignIns, issuer, "ok")
		counter(ch, descSignIns, n.FailedSignIns, issuer, "failed")
		for grant, times := range n.Tokens {
			counter(ch, descTokens, times, issuer, grant)
		}
		counter(ch, descLogouts, n.Logouts, issuer, "ok")
		counter(ch, descLogouts, n.FailedLogouts, issuer, "failed")
	}
}

// sync shows the clients that are registered and told of changes, so that there
// are no more series than those.
func (m metrics) sync(ctx context.Context, ch chan<- prometheus.Metric) {
	v, err := m.app.syncView(ctx)
	if err != nil {
		return
	}
	for _, c := range v.Clients {
		gauge(ch, descLagChanges, float64(c.Lag), c.ClientID)
		gauge(ch, descLagSeconds, float64(c.LagSeconds), c.ClientID)
		if at := c.LastSuccess; !at.IsZero() {
			gauge(ch, descLastSuccess, float64(at.UnixMilli())/1000, c.ClientID)
		}
		parked := 0.0
		if c.Parked {
			parked = 1
		}
		gauge(ch, descParked, parked, c.ClientID)
		var sum usersync.Counts
		for _, s := range m.app.servers {
			if s, ok := s.(MeteredServer); ok {
				n := s.SyncCounts(c.ClientID)
				sum.Batches, sum.Changes, sum.Failures = sum.Batches+n.Batches, sum.Changes+n.Changes, sum.Failures+n.Failures
			}
		}
		counter(ch, descFailures, sum.Failures, c.ClientID)
		counter(ch, descBatches, sum.Batches, c.ClientID)
		counter(ch, descChanges, sum.Changes, c.ClientID)
	}
}

func (m metrics) gates(ctx context.Context, ch chan<- prometheus.Metric) {
	byName := map[string]GateMetrics{} // those that share a mirror are one
	for _, g := range m.app.gates {
		if g, ok := g.(MeteredGate); ok {
			n := g.GateMetrics()
			sum := byName[n.Name]
			byName[n.Name] = GateMetrics{
				n.Name, sum.Allowed + n.Allowed, sum.Refused + n.Refused, sum.Login + n.Login,
				sum.SessionsEnded + n.SessionsEnded,
			}
		}
	}
	for name, n := range byName {
		counter(ch, descDecisions, n.Allowed, name, "allowed")
		counter(ch, descDecisions, n.Refused, name, "refused")
		counter(ch, descDecisions, n.Login, name, "login")
		counter(ch, descSessionsEnded, n.SessionsEnded, name)
		var at store.MirrorState
		err := m.app.Store().View(ctx, func(tx store.ReadTx) (err error) {
			at, err = tx.MirrorState(name)
			return err
		})
		if err != nil || at.At.IsZero() {
			continue
		}
		gauge(ch, descMirrorAge, max(0, time.Since(at.At).Seconds()), name)
		gauge(ch, descMirrorSeq, float64(at.Seq), name)
	}
}
