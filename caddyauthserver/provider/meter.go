package provider

import (
	"sync/atomic"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Counts are what a provider did since it was made.
type Counts struct {
	SignIns       uint64 // with the right password
	FailedSignIns uint64 // with a wrong one, or one try too many
	// Tokens are the answers of the token endpoint that bought something, by grant
	// type.
	Tokens        map[string]uint64
	Logouts       uint64 // sessions' ends that a client was told of
	FailedLogouts uint64 // attempts to tell one
}

type meter struct {
	signIns, failedSignIns, logouts, failedLogouts atomic.Uint64

	tokens map[string]*atomic.Uint64 // by grant type
}

// countGrants readies the meter for every grant type.
func (m *meter) countGrants() {
	m.tokens = map[string]*atomic.Uint64{}
	for _, grant := range store.GrantTypes() {
		m.tokens[grant] = new(atomic.Uint64)
	}
}

// Counts of this provider.
func (p *Provider) Counts() Counts {
	tokens := make(map[string]uint64, len(p.meter.tokens))
	for grant, n := range p.meter.tokens {
		tokens[grant] = n.Load()
	}
	return Counts{
		Tokens:  tokens,
		SignIns: p.meter.signIns.Load(), FailedSignIns: p.meter.failedSignIns.Load(),
		Logouts: p.meter.logouts.Load(), FailedLogouts: p.meter.failedLogouts.Load(),
	}
}

// SyncCounts are what became of telling a client of changes.
func (p *Provider) SyncCounts(clientID string) usersync.Counts { return p.sync.Counts(clientID) }
