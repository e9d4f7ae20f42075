package authapp

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/caddyito/caddyito/caddyauthclient/enrol"
)

// remoteEnrolment is of gates that enrol at one server elsewhere, by one token.
type remoteEnrolment struct {
	enroller *enrol.Enroller
	gates    []*placedGate
	envs     map[*placedGate]GateEnv // with which they were started last
	log      *slog.Logger
}

// findEnrolments looks up what gates with a token enrolled as, and puts it into
// their envs. Those that did not enrol yet are pending.
func (a *App) findEnrolments(gates []*placedGate, envs map[*placedGate]GateEnv) ([]*remoteEnrolment, error) {
	var with []*placedGate
	for _, g := range gates {
		if g.settings.Enroll != "" {
			with = append(with, g)
		}
	}
	log := a.ctx.Slogger()
	var found []*remoteEnrolment
	for _, group := range groups(with, (*placedGate).sameClient) {
		first := group[0]
		name, err := hostOf(first.origins[0])
		if err != nil {
			return nil, fmt.Errorf("auth_client at %s: %w", first.site, err)
		}
		m := enrol.Metadata{Name: name}
		m.RedirectURIs, m.PostLogoutRedirectURIs, m.SyncURL, m.BackchannelLogoutURI = addresses(group)
		e := &remoteEnrolment{gates: group, envs: map[*placedGate]GateEnv{}, log: log, enroller: &enrol.Enroller{
			Store: a.shared.Store, MasterKey: a.shared.key, Issuer: first.issuer, Token: first.settings.Enroll,
			Metadata: m, Transport: a.transport, Log: log, Now: time.Now,
		}}
		r, err := e.enroller.Stored(a.ctx)
		if err != nil {
			return nil, fmt.Errorf("auth_client at %s: %w", first.site, err)
		}
		for _, g := range group {
			envs[g] = enrolledEnv(envs[g], r)
			e.envs[g] = envs[g]
		}
		found = append(found, e)
	}
	return found, nil
}

// enrolledEnv is env with what the gate enrolled as, nil for nothing yet.
func enrolledEnv(env GateEnv, r *enrol.Registration) GateEnv {
	env.Enrolled, env.Pending = true, r == nil
	env.ClientID, env.ClientSecret = "", ""
	if r != nil {
		env.ClientID, env.ClientSecret = r.ClientID, r.ClientSecret
	}
	return env
}

// start begins once ready is closed, and returns what ends it.
func (e *remoteEnrolment) start(ready <-chan struct{}) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ready:
			e.enroller.Run(ctx, e.enrolled)
		case <-ctx.Done():
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// enrolled starts the gates that waited for it, or had another secret.
func (e *remoteEnrolment) enrolled(r *enrol.Registration) {
	for _, g := range e.gates {
		old := e.envs[g]
		env := enrolledEnv(old, r)
		if env.ClientSecret == old.ClientSecret {
			continue
		}
		if err := g.module.StartGate(env); err != nil {
			e.log.Error("the gate has enrolled, but does not start", "site", g.site.String(), "error", err)
			continue
		}
		e.envs[g] = env
	}
}
