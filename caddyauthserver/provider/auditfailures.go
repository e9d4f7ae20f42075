package provider

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/caddyito/caddyito/internal/pace"
	"github.com/caddyito/caddyito/store"
)

// Sign-ins that fail cost who tries them nothing, so they must not cost a write
// each. They are collected in memory, those of an account from a network as one,
// and written a minute's worth at a time; those of after a quiet minute almost at
// once. With failureBudget there is a bound to what strangers can add to the log,
// however many names and networks they have: what is beyond it is one record a
// minute. Names that nobody has are not kept: some are passwords in the wrong
// field.

const (
	failureDelay  = time.Second
	failurePeriod = time.Minute
)

// failureBudget is of records: 600 at once, then one every six seconds.
var failureBudget = limit{600, 6 * time.Second}

// failures collects sign-ins that failed. A nil one takes nothing.
type failures struct {
	p    *Provider
	wake chan struct{} // something was added
	stop func()

	mu     sync.Mutex // guards counts
	counts map[failureKey]*store.AuditRecord
}

// failureKey is what is counted together. Its zero is all that is beyond the budget.
type failureKey struct {
	user    int64 // 0: nobody has that name
	network string
}

func newFailures(p *Provider) *failures {
	return &failures{p: p, wake: make(chan struct{}, 1), counts: map[failureKey]*store.AuditRecord{}}
}

// add counts one more, of a user who may be nil.
func (f *failures) add(r *http.Request, u *store.User) {
	by := f.p.byStranger(r)
	key := failureKey{network: networkOf(by.IP)}
	record := &store.AuditRecord{Time: by.Time, Action: store.ActionSignInFailed, IP: by.IP, UserAgent: by.UserAgent, Count: 1}
	if u != nil {
		key.user, record.Target = u.ID, store.UserParty(u)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.counts[key]
	if known == nil && f.p.limits.take(attempt{failureBudget, "failures"}) > 0 {
		key = failureKey{}
		record.Target, record.IP, record.UserAgent = store.AuditParty{}, "", ""
		known = f.counts[key]
	}
	if known != nil {
		known.Count++
	} else {
		f.counts[key] = record
	}
	pace.Wake(f.wake)
}

// write writes down what was collected. What cannot be written is kept.
func (f *failures) write(ctx context.Context) error {
	f.mu.Lock()
	counts := f.counts
	f.counts = map[failureKey]*store.AuditRecord{}
	f.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	err := f.p.Store.Update(ctx, func(tx store.WriteTx) error {
		for _, r := range counts {
			if err := tx.PutAudit(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, r := range f.counts {
		if known := counts[key]; known != nil {
			known.Count += r.Count
		} else {
			counts[key] = r
		}
	}
	f.counts = counts
	return err
}

// StartAudit begins to write down sign-ins that failed, until Close.
func (p *Provider) StartAudit() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	f := p.failures
	f.stop = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-f.wake:
			}
			for _, wait := range []time.Duration{failureDelay, failurePeriod} {
				pace.Wait(ctx, wait, nil)
				if err := f.write(context.WithoutCancel(ctx)); err != nil && !errors.Is(err, store.ErrClosed) {
					p.Logger.Error("cannot write failed sign-ins to the audit log; trying again later", "error", err)
					pace.Wake(f.wake)
				}
			}
		}
	}()
}

// close writes down what is left.
func (f *failures) close() {
	if f.stop != nil {
		f.stop()
	}
}
