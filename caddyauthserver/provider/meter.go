package provider

import (
	"sync/atomic"

	"github.com/caddyito/caddyito/usersync"
)

// Counts are what a provider did since it was made.
type Counts struct {
	SignIns       uint64 // with the right password
	FailedSignIns uint64 // with a wrong one, or one try too many
	CodeTokens    uint64 // answers of the token endpoint that a code bought
	RefreshTokens uint64 // that a refresh token bought
	Logouts       uint64 // sessions' ends that a client was told of
	FailedLogouts uint64 // attempts to tell one
}

type meter struct {
	signIns, failedSignIns, codeTokens, refreshTokens, logouts, failedLogouts atomic.Uint64
}

// Counts of this provider.
func (p *Provider) Counts() Counts {
	return Counts{
		SignIns: p.meter.signIns.Load(), FailedSignIns: p.meter.failedSignIns.Load(),
		CodeTokens: p.meter.codeTokens.Load(), RefreshTokens: p.meter.refreshTokens.Load(),
		Logouts: p.meter.logouts.Load(), FailedLogouts: p.meter.failedLogouts.Load(),
	}
}

// SyncCounts are what became of telling a client of changes.
func (p *Provider) SyncCounts(clientID string) usersync.Counts { return p.sync.Counts(clientID) }
