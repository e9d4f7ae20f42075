// Package pace is how work in the background waits, is woken, and slows down while
// it fails.
package pace

import (
	"context"
	"math/rand/v2"
	"time"
)

// Wait returns when d has passed, when there is something in woken (nil: never),
// or when ctx ends. It says whether it was woken.
func Wait(ctx context.Context, d time.Duration, woken <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-woken:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// Wake wakes who waits on ch, which has room for one, or is about to.
func Wake(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default: // it was woken already, and has yet to look
	}
}

// What Backoff gives after the first failure, doubled with each, and at the most.
const (
	first = time.Second
	most  = 5 * time.Minute
)

// Backoff is how long to wait after so many failures in a row.
func Backoff(failures int) time.Duration {
	return Jitter(min(first<<min(failures-1, 16), most))
}

// Jitter is d give or take a quarter, so that many do not come at once.
func Jitter(d time.Duration) time.Duration {
	return d - d/4 + rand.N(d/2)
}
