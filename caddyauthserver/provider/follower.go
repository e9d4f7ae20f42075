package provider

import (
	"context"
	"sync"

	"github.com/caddyito/caddyito/store"
)

// follower holds in memory what is read of the store, and reads it anew when the
// store says that it changed.
type follower[T any] struct {
	read func(context.Context) (T, error)
	stop func()

	mu    sync.Mutex // guards what follows
	value T
	fresh bool
	// changes counts what the store said, so that a load that began before a
	// change is not taken for fresh.
	changes uint64
}

// follow makes one of what events of that kind are about.
func follow[T any](s store.Store, kind store.EventKind, read func(context.Context) (T, error)) *follower[T] {
	f := &follower[T]{read: read}
	f.stop = s.Watch(func(e store.Event) {
		if e.Kind == kind || e.Kind == store.EventAll {
			f.mu.Lock()
			f.fresh = false
			f.changes++
			f.mu.Unlock()
		}
	})
	return f
}

// get must not be changed.
func (f *follower[T]) get(ctx context.Context) (T, error) {
	f.mu.Lock()
	value, fresh, changes := f.value, f.fresh, f.changes
	f.mu.Unlock()
	if fresh {
		return value, nil
	}
	value, err := f.read(ctx)
	if err != nil {
		var none T
		return none, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changes == changes {
		f.value, f.fresh = value, true
	}
	return value, nil
}
