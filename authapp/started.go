package authapp

import (
	"context"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/caddyito/caddyito/store"
)

// Announcer is a ServerModule that has something to say or to do once the config
// runs, and not before: its Start may be over and that of another app still fail,
// by a port that is taken, say.
type Announcer interface {
	Announce(context.Context) error
}

// awaitStarted has the app hear when every app of its config has started.
func (a *App) awaitStarted(ctx caddy.Context) error {
	events, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("loading the events app: %w", err)
	}
	return events.(*caddyevents.App).On("started", startedHandler{a})
}

type startedHandler struct{ app *App }

// Handle takes Caddy's event of that name, which it emits before it stops the config
// that ran until then.
func (h startedHandler) Handle(context.Context, caddy.Event) error {
	a := h.app
	a.schemaBefore = nil // from now on, it is that of the config that runs
	for _, s := range a.servers {
		s, ok := s.(Announcer)
		if !ok {
			continue
		}
		if err := s.Announce(a.ctx); err != nil {
			a.log.Error("auth_server cannot say what it has to", zap.Error(err))
		}
	}
	return nil
}

// adoptSchema makes the schema of the config that of the store, which the config
// that still runs goes by, too.
func (a *App) adoptSchema() error {
	var before *store.SchemaState
	err := a.shared.View(a.ctx, func(tx store.ReadTx) (err error) {
		before, err = tx.SchemaState()
		if errors.Is(err, store.ErrNotFound) {
			before, err = &store.SchemaState{Settled: true}, nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the schema that is kept: %w", err)
	}
	if err := store.AdoptSchema(a.ctx, a.shared.Store, a.Schema()); err != nil {
		return err
	}
	a.schemaBefore = before
	return nil
}

// giveBackSchema has the store go by the schema as before, where the config did not
// come to run. Until then the other config claimed whatever is unique by either.
func (a *App) giveBackSchema() {
	if a.schemaBefore == nil {
		return
	}
	before := a.schemaBefore
	a.schemaBefore = nil
	err := a.shared.Update(context.Background(), func(tx store.WriteTx) error {
		kept, err := tx.SchemaState()
		if err != nil || !kept.Schema.Same(a.Schema()) {
			return err // somebody else's by now
		}
		return tx.PutSchemaState(before)
	})
	if err != nil {
		a.log.Error("the schema of a config that did not start stays in force until the next reload", zap.Error(err))
	}
}

// Interface guards
var _ caddyevents.Handler = startedHandler{}
