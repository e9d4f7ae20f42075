package gate

import "sync/atomic"

// Counts are what a gate did since it was made.
type Counts struct {
	// Name of the gate's mirror. Gates that share it share their sessions.
	Name string
	// Requests by what became of them, but for those to the gate's own paths.
	Allowed, Refused, Login uint64
	// SessionsEnded because the server said so: somebody signed out elsewhere, was
	// disabled or deleted.
	SessionsEnded uint64
}

// meter counts decisions.
type meter struct {
	decisions     [Own + 1]atomic.Uint64
	sessionsEnded atomic.Uint64
}

// decided counts all but the requests of people who pass, which passages counts, for many
// cores at once.
func (m *meter) decided(v Verdict) { m.decisions[v].Add(1) }

// Counts of this gate.
func (g *Gate) Counts() Counts {
	n := func(v Verdict) uint64 { return g.meter.decisions[v].Load() }
	return Counts{
		Name: g.cfg.Name, Allowed: n(Pass) + g.passages.begun(), Login: n(Login),
		Refused:       n(Unavailable) + n(Unauthorized) + n(Forbidden) + n(BadRequest),
		SessionsEnded: g.meter.sessionsEnded.Load(),
	}
}
