package boltstore_test

import (
	"path/filepath"
	"testing"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
	"github.com/caddyito/caddyito/store/storetest"
)

func TestStore(t *testing.T) { runStore(t, boltstore.Options{}) }

// TestStoreMoving has all that the suite does with a log so small that it is being
// moved to the database all the time.
func TestStoreMoving(t *testing.T) { runStore(t, boltstore.SmallLog(2<<10)) }

func runStore(t *testing.T, o boltstore.Options) {
	storetest.Run(t, func(t testing.TB, place string) store.Store {
		s, err := boltstore.Open(filepath.Join(place, "auth.db"), o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
