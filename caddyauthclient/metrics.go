package caddyauthclient

import "github.com/caddyito/caddyito/authapp"

// GateMetrics is what the app shows of the gate.
func (h *Handler) GateMetrics() authapp.GateMetrics {
	g := h.gate.Load()
	if g == nil {
		return authapp.GateMetrics{}
	}
	return authapp.GateMetrics(g.Counts())
}

// Interface guards
var _ authapp.MeteredGate = (*Handler)(nil)
