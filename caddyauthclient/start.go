package caddyauthclient

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/caddyauthclient/gate"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Settings are what the config says; the app completes them.
func (h *Handler) Settings() authapp.GateSettings {
	return authapp.GateSettings{
		Issuer:       h.Issuer,
		ClientID:     h.ClientID,
		ClientSecret: h.ClientSecret,
		Enroll:       h.Enroll,
		Origins:      h.Origins,
		Prefix:       h.Prefix,
		GuardsAll:    len(h.match) == 0 && len(h.Public) == 0,
	}
}

// StartGate makes the gate; from here on requests are answered. One that was there
// before, pending or with another secret, gives way.
func (h *Handler) StartGate(env authapp.GateEnv) error {
	g, err := gate.New(gate.Config{
		Name:            env.Name,
		Issuer:          env.Issuer,
		ClientID:        env.ClientID,
		ClientSecret:    env.ClientSecret,
		Enrolled:        env.Enrolled,
		Pending:         env.Pending,
		Origins:         env.Origins,
		Prefix:          h.Prefix,
		Scopes:          h.Scopes,
		FormPost:        h.FormPost,
		Public:          h.Public,
		Allow:           h.Allow,
		Headers:         h.Headers,
		Authorization:   h.Authorization,
		SessionIdle:     time.Duration(h.Session.Idle),
		SessionAbsolute: time.Duration(h.Session.Absolute),
		Offline:         time.Duration(h.Offline),
		OnDelete:        h.OnDelete,
		Directory:       h.Directory,
		KeepTokens:      h.KeepTokens,
		CacheSize:       h.CacheSize,
		Store:           env.Store,
		// A key of its own for every gate: what one sealed, no other opens.
		Key:         env.MasterKey.Derive("gate/" + env.Name),
		Transport:   env.Transport,
		Brand:       h.Brand,
		ClientIP:    clientIP,
		Scheme:      scheme,
		OriginalURL: originalURL,
		Logger:      h.log,
	})
	if err != nil {
		return fmt.Errorf("auth_client for %s: %w", env.Issuer, err)
	}
	if old := h.gate.Load(); old != nil {
		defer old.Close()
	} else {
		h.shared = env.Shared
		h.warnOfFields(env.Schema)
	}
	h.gate.Store(g)
	g.StartSync(h.app.Ready()) // an enrolled gate is known to its server from then on
	return nil
}

// warnOfFields logs which fields the config names that the server tells a gate of
// nobody: a rule by one lets nobody pass, a header of one is never there.
func (h *Handler) warnOfFields(schema *store.Schema) {
	if schema == nil {
		return
	}
	check := func(option, field string) {
		if field == "name" { // the gate makes it of others
			return
		}
		if err := usersync.CheckFields(schema, []string{field}); err != nil {
			h.log.Warn("auth_client names a field that no user has here; nobody gets in by it, and no header is made of it",
				"option", option, "field", field, "problem", err.Error())
		}
	}
	for _, header := range h.Headers {
		check("header "+header.Name, header.Field)
	}
	for _, r := range h.Allow {
		for _, field := range slices.Sorted(maps.Keys(r.Fields)) {
			check("allow field", field)
		}
	}
}

// ServeSync takes a batch of changes from a server of this process.
func (h *Handler) ServeSync(w http.ResponseWriter, r *http.Request) {
	h.serveStarted(w, r, (*gate.Gate).ServeSync)
}

// ServeBackchannelLogout takes a logout token from a server of this process.
func (h *Handler) ServeBackchannelLogout(w http.ResponseWriter, r *http.Request) {
	h.serveStarted(w, r, (*gate.Gate).ServeBackchannelLogout)
}

func (h *Handler) serveStarted(w http.ResponseWriter, r *http.Request, serve func(*gate.Gate, http.ResponseWriter, *http.Request)) {
	g := h.gate.Load()
	if g == nil {
		http.Error(w, "auth_client has not started", http.StatusServiceUnavailable)
		return
	}
	serve(g, w, r)
}

// StopGate ends the gate's own work. The pointer stays, for the requests that
// are still under way.
func (h *Handler) StopGate() {
	if g := h.gate.Load(); g != nil {
		g.Close()
	}
}
