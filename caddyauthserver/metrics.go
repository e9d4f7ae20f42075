package caddyauthserver

import (
	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/usersync"
)

// ServerMetrics is what the app shows of the server.
func (s *Server) ServerMetrics() authapp.ServerMetrics {
	p := s.provider.Load()
	if p == nil {
		return authapp.ServerMetrics{}
	}
	c := p.Counts()
	return authapp.ServerMetrics{
		SignIns: c.SignIns, FailedSignIns: c.FailedSignIns,
		Tokens:  c.Tokens,
		Logouts: c.Logouts, FailedLogouts: c.FailedLogouts,
	}
}

// SyncCounts are what became of telling a client of changes.
func (s *Server) SyncCounts(clientID string) usersync.Counts {
	if p := s.provider.Load(); p != nil {
		return p.SyncCounts(clientID)
	}
	return usersync.Counts{}
}

// Interface guards
var _ authapp.MeteredServer = (*Server)(nil)
