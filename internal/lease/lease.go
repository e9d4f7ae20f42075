// Package lease has one process at a time do what only one may: of the nodes that
// share a store, and of the old and the new config while Caddy reloads.
package lease

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"github.com/caddyito/caddyito/internal/pace"
	"github.com/caddyito/caddyito/store"
)

const (
	ttl   = time.Minute
	renew = 20 * time.Second
	// look is how often who waits for the lease looks. The old config of a reload
	// gives it up when it stops.
	look = 200 * time.Millisecond
	// pause follows a failure of the store.
	pause = time.Second
)

// Keeper takes a lease and keeps it as long as it can.
type Keeper struct {
	Store store.Store
	// Name of the lease, and of the work in logs.
	Name string
	Log  *slog.Logger
	Now  func() time.Time

	holder string
}

// Run calls work whenever the lease is held, and ends its context when it is not
// held any more, or ctx ends. Then it waits for work, and gives the lease up.
func (k *Keeper) Run(ctx context.Context, work func(context.Context)) {
	k.holder = rand.Text()
	defer k.release()
	for ctx.Err() == nil {
		until, held, err := k.acquire(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			k.failed(err)
			pace.Wait(ctx, pause, nil)
		case !held:
			pace.Wait(ctx, look, nil)
		default:
			k.hold(ctx, until, work)
		}
	}
}

// hold renews the lease while work is done.
func (k *Keeper) hold(ctx context.Context, until time.Time, work func(context.Context)) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(ctx)
	}()
	defer func() { <-done }()
	defer cancel()
	for wait := renew; ; {
		pace.Wait(ctx, wait, nil)
		if ctx.Err() != nil {
			return
		}
		next, held, err := k.acquire(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && !held:
			return
		case err == nil:
			until, wait = next, renew
		case !k.Now().Before(until):
			k.failed(err)
			return
		default:
			k.failed(err)
			wait = min(pause, until.Sub(k.Now()))
		}
	}
}

func (k *Keeper) failed(err error) {
	k.Log.Error("cannot take or renew the lease; trying again", "lease", k.Name, "error", err)
}

// acquire looks before it writes, for it is called often by who waits.
func (k *Keeper) acquire(ctx context.Context) (until time.Time, held bool, err error) {
	now, other := k.Now(), false
	err = k.Store.View(ctx, func(tx store.ReadTx) error {
		l, err := tx.Lease(k.Name)
		if errors.Is(err, store.ErrNotFound) {
			other = false
			return nil
		}
		other = err == nil && l.Holder != k.holder && now.Before(l.ExpiresAt)
		return err
	})
	if err != nil || other {
		return until, false, err
	}
	err = k.Store.Update(ctx, func(tx store.WriteTx) error {
		var err error
		held, err = store.AcquireLease(tx, k.Name, k.holder, now, ttl)
		return err
	})
	return now.Add(ttl), held, err
}

// release gives the lease to whoever waits for it.
func (k *Keeper) release() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := k.Store.Update(ctx, func(tx store.WriteTx) error {
		return store.ReleaseLease(tx, k.Name, k.holder)
	})
	if err != nil {
		k.Log.Warn("cannot give up the lease; the next waits until it runs out", "lease", k.Name, "error", err)
	}
}
