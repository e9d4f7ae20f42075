package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/caddyito/caddyito/store"
)

// ErrFault is what a Faulty store returns when it fails.
var ErrFault = errors.New("the store fails on purpose")

// Fault is a way to fail.
type Fault int

const (
	// NotDone: Update and Sweep fail and have written nothing; the function is
	// not called. The disk is full, the connection is refused.
	NotDone Fault = iota
	// Done: Update and Sweep fail, but what they wrote is there, and watchers
	// were told. The connection broke before the answer came.
	Done
	// NotRead: View fails; the function is not called.
	NotRead
)

// Faulty is a store that fails when told to, and otherwise does what the store
// within does.
type Faulty struct {
	store.Store
	mu     sync.Mutex // guards faults
	faults map[Fault]count
}

// count says which of the coming calls fail: those after skip more, and then
// left of them, or all below 0.
type count struct{ skip, left int }

// Fail wraps s, which works until it is told otherwise:
//
//	s := storetest.Fail(inner)
//	s.Always(storetest.NotRead)    // every View fails
//	s.Nth(storetest.Done, 2)       // the second Update from now is done and fails
//	s.Heal()                       // all is well again
func Fail(s store.Store) *Faulty { return &Faulty{Store: s, faults: map[Fault]count{}} }

// Always has every call fail from now on.
func (f *Faulty) Always(fault Fault) { f.set(fault, count{0, -1}) }

// Nth has one call fail: the nth from now, counting from 1. NotDone and Done
// count Updates and Sweeps, NotRead counts Views.
func (f *Faulty) Nth(fault Fault, n int) { f.set(fault, count{n - 1, 1}) }

// Heal ends all faults.
func (f *Faulty) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.faults)
}

func (f *Faulty) set(fault Fault, c count) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[fault] = c
}

// strikes counts a call and says whether it fails.
func (f *Faulty) strikes(fault Fault) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.faults[fault]
	if !ok || c.left == 0 {
		return false
	}
	if c.skip > 0 {
		c.skip--
		f.faults[fault] = c
		return false
	}
	c.left--
	f.faults[fault] = c
	return true
}

// View reads, or fails.
func (f *Faulty) View(ctx context.Context, fn func(store.ReadTx) error) error {
	if f.strikes(NotRead) {
		return ErrFault
	}
	return f.Store.View(ctx, fn)
}

// Update writes, or fails, or both.
func (f *Faulty) Update(ctx context.Context, fn func(store.WriteTx) error) error {
	notDone, done := f.strikes(NotDone), f.strikes(Done)
	if notDone {
		return ErrFault
	}
	if err := f.Store.Update(ctx, fn); err != nil || !done {
		return err
	}
	return ErrFault
}

// Sweep removes, or fails, or both.
func (f *Faulty) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	notDone, done := f.strikes(NotDone), f.strikes(Done)
	if notDone {
		return 0, ErrFault
	}
	n, err := f.Store.Sweep(ctx, now, limit)
	if err != nil || !done {
		return n, err
	}
	return 0, ErrFault
}
