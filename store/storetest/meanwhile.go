package storetest

import (
	"context"
	"sync/atomic"

	"github.com/caddyito/caddyito/store"
)

// Meanwhile is a store to which something happens before the next transaction that
// writes: after it was looked who may do what, say, and before it is done.
type Meanwhile struct {
	store.Store
	Happens atomic.Pointer[func(store.WriteTx) error]
}

// Update does what happens first, once.
func (m *Meanwhile) Update(ctx context.Context, fn func(store.WriteTx) error) error {
	if happens := m.Happens.Swap(nil); happens != nil {
		if err := m.Store.Update(ctx, *happens); err != nil {
			return err
		}
	}
	return m.Store.Update(ctx, fn)
}
