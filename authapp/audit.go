package authapp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/caddyito/caddyito/store"
)

// What is written to the audit log of the store is told twice more: to the log
// "auth.audit" and, as event "auth.<action>", to who subscribed to it in Caddy's
// events app. Both hear of it after it is on the disk.
//
//	anybody -> auditedStore.Update -> store
//	                 | committed
//	                 v
//	             auditTeller -> log
//	                 | queue
//	                 v
//	             events app, whose handlers may take their time

// DefaultAuditKeep is how long the audit log is kept.
const DefaultAuditKeep = 90 * 24 * time.Hour

// minAuditKeep leaves the charts of a day something to show.
const minAuditKeep = 24 * time.Hour

func checkAuditKeep(d caddy.Duration) error {
	if d != 0 && time.Duration(d) < minAuditKeep {
		return fmt.Errorf("audit_keep %s: must be at least 24h", time.Duration(d))
	}
	return nil
}

func (a *App) auditKeep() time.Duration {
	if a.AuditKeep == 0 {
		return DefaultAuditKeep
	}
	return time.Duration(a.AuditKeep)
}

// byOperator is whoever reaches Caddy's admin API.
func byOperator() store.AuditOrigin {
	return store.AuditOrigin{Actor: store.AuditParty{Type: store.OperatorParty}, Time: time.Now().UTC()}
}

// auditedStore is a store that tells what was written to its audit log.
type auditedStore struct {
	store.Store
	told *auditTeller
}

// Update writes, and tells once it is written.
func (s auditedStore) Update(ctx context.Context, fn func(store.WriteTx) error) error {
	var written []*store.AuditRecord
	err := s.Store.Update(ctx, func(tx store.WriteTx) error {
		a := &auditedTx{WriteTx: tx}
		err := fn(a)
		written = a.written // of the last time that it ran
		return err
	})
	if err == nil {
		s.told.tell(written)
	}
	return err
}

type auditedTx struct {
	store.WriteTx
	written []*store.AuditRecord
}

func (tx *auditedTx) PutAudit(r *store.AuditRecord) error {
	if err := tx.WriteTx.PutAudit(r); err != nil {
		return err
	}
	c := *r
	tx.written = append(tx.written, &c)
	return nil
}

// auditQueue bounds how many events wait for handlers that are slow.
const auditQueue = 1000

// auditTeller tells of what is in the audit log. A nil one tells nobody.
type auditTeller struct {
	ctx    caddy.Context
	log    *zap.Logger
	events *caddyevents.App // nil: nobody subscribes
	queue  chan *store.AuditRecord
}

func newAuditTeller(ctx caddy.Context) (*auditTeller, error) {
	t := &auditTeller{ctx: ctx, log: ctx.Logger().Named("audit"), queue: make(chan *store.AuditRecord, auditQueue)}
	app, err := ctx.AppIfConfigured("events")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("loading the events app: %w", err)
	}
	t.events = app.(*caddyevents.App)
	return t, nil
}

func (t *auditTeller) tell(records []*store.AuditRecord) {
	if t == nil {
		return
	}
	for _, r := range records {
		t.log.Info(string(r.Action), auditFields(r)...)
		if t.events == nil || !t.events.ShouldEmit(eventName(r)) {
			continue
		}
		select {
		case t.queue <- r:
		default:
			t.log.Warn("too many events wait for their handlers, so that one was left out", zap.String("action", string(r.Action)))
		}
	}
}

func auditFields(r *store.AuditRecord) []zap.Field {
	fields := []zap.Field{zap.Uint64("id", r.ID), zap.Int("count", r.Times())}
	for _, p := range []struct {
		role  string
		party store.AuditParty
	}{{"actor", r.Actor}, {"target", r.Target}} {
		if p.party.Type != "" {
			fields = append(fields, zap.Any(p.role, p.party))
		}
	}
	if r.IP != "" {
		fields = append(fields, zap.String("client_ip", r.IP), zap.String("user_agent", r.UserAgent))
	}
	if len(r.Changes) > 0 {
		fields = append(fields, zap.Any("changes", r.Changes))
	}
	return fields
}

// startEvents begins to tell who subscribed, until stop is called, which waits for
// the handlers of one event.
func (t *auditTeller) startEvents() (stop func()) {
	if t == nil || t.events == nil {
		return func() {}
	}
	ending, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ending:
				return
			case r := <-t.queue:
				t.events.Emit(t.ctx, eventName(r), eventData(r))
			}
		}
	}()
	return func() {
		close(ending)
		<-done
	}
}

func eventName(r *store.AuditRecord) string { return "auth." + string(r.Action) }

// eventData is what handlers know as {event.data.*}.
func eventData(r *store.AuditRecord) map[string]any {
	return map[string]any{
		"id": r.ID, "time": r.Time, "action": string(r.Action), "count": r.Times(),
		"actor_type": r.Actor.Type, "actor_id": r.Actor.ID, "actor": r.Actor.Name,
		"target_type": r.Target.Type, "target_id": r.Target.ID, "target": r.Target.Name,
		"ip": r.IP, "user_agent": r.UserAgent,
	}
}

// auditPruner is a sweeper that also removes what is too old in the audit log.
type auditPruner struct {
	store.Store
	keep time.Duration
}

// Sweep removes up to limit of what expired, and as many records of the log.
func (s auditPruner) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	removed, err := s.Store.Sweep(ctx, now, limit)
	if err != nil {
		return removed, err
	}
	var pruned int
	err = s.Update(ctx, func(tx store.WriteTx) (err error) {
		pruned, err = tx.PruneAudit(now.Add(-s.keep), limit)
		return err
	})
	if err != nil {
		return removed, err
	}
	return max(removed, pruned), nil
}

// audited writes down what changes nothing else.
func (a *App) audited(r *http.Request, action store.AuditAction, target store.AuditParty) error {
	return a.Store().Update(r.Context(), func(tx store.WriteTx) error {
		return store.Audit(tx, byOperator(), action, target)
	})
}
