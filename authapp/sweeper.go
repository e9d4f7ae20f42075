package authapp

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/caddyito/caddyito/internal/pace"
	"github.com/caddyito/caddyito/store"
)

const (
	sweepBatch = 500
	sweepPause = time.Minute
	// sweepBreath is left between batches while there is much to sweep, so that
	// people's requests come in between.
	sweepBreath = 100 * time.Millisecond
)

// sweeper is what the sweeping goroutine needs of a store.
type sweeper interface {
	Sweep(ctx context.Context, now time.Time, limit int) (removed int, err error)
}

var _ sweeper = (store.Store)(nil)

// startSweeper removes expired records in the background until stop is called,
// which waits for the end.
func startSweeper(s sweeper, log *zap.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait := sweepBreath
		for {
			pace.Wait(ctx, wait, nil)
			if ctx.Err() != nil {
				return
			}
			removed, err := s.Sweep(ctx, time.Now(), sweepBatch)
			if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrClosed) {
				log.Error("cannot remove expired records; trying again later", zap.Error(err))
			}
			wait = sweepPause
			if err == nil && removed >= sweepBatch {
				wait = sweepBreath
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
