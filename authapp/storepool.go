package authapp

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddyito/caddyito/store"
)

// stores are the open stores of this process by what they are. During a reload
// the old and the new config hold the same one.
var stores = caddy.NewUsagePool()

// sharedStore is an open store with its master key.
type sharedStore struct {
	store.Store
	key       store.MasterKey
	canonical string
}

// Destruct closes the store when its last holder has given it back.
func (s *sharedStore) Destruct() error { return s.Close() }

// acquireStore opens the store, or takes a share in it if it is open. The
// caller releases it, once.
func acquireStore(guest StoreGuest, keySetting string, log *zap.Logger) (s *sharedStore, err error) {
	defer func() {
		if errors.Is(err, syscall.EROFS) {
			err = fmt.Errorf("%w: nothing was changed; mount it for writing, or name another place in the global options, as in: auth { store bbolt /var/lib/caddy/auth.db }", err)
		}
	}()
	source, err := newKeySource(keySetting)
	if err != nil {
		return nil, err
	}
	canonical, err := guest.Canonical()
	if err != nil {
		return nil, err
	}
	value, loaded, err := stores.LoadOrNew(canonical, func() (caddy.Destructor, error) {
		st, err := guest.Open(context.Background(), log)
		if err != nil {
			return nil, err
		}
		key, err := source.masterKey(st, log)
		if err != nil {
			st.Close() // the error that matters is that of the key
			return nil, err
		}
		return &sharedStore{Store: st, key: key, canonical: canonical}, nil
	})
	if err != nil {
		return nil, err // a pool keeps no failed value
	}
	shared := value.(*sharedStore)
	if !loaded {
		return shared, nil
	}
	// The config may name another key now. Better to say so while the old
	// config runs than at the next start.
	key, err := source.read(log)
	if err == nil && subtle.ConstantTimeCompare(key[:], shared.key[:]) != 1 {
		err = fmt.Errorf("%w: %s holds another than the one in use", store.ErrWrongMasterKey, source.name)
	}
	if err != nil {
		shared.release()
		return nil, err
	}
	return shared, nil
}

func (s *sharedStore) release() error {
	if _, err := stores.Delete(s.canonical); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}
