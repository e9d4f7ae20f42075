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
}

type meter struct {
	signIns, failedSignIns, codeTokens, refreshTokens atomic.Uint64
}

// Counts of this provider.
func (p *Provider) Counts() Counts {
	return Counts{
		SignIns: p.meter.signIns.Load(), FailedSignIns: p.meter.failedSignIns.Load(),
		CodeTokens: p.meter.codeTokens.Load(), RefreshTokens: p.meter.refreshTokens.Load(),
	}
}

// SyncCounts are what became of telling a client of changes.
func (p *Provider) SyncCounts(clientID string) usersync.Counts { return p.sync.Counts(clientID) }
