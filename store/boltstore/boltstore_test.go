package boltstore_test

import (
	"path/filepath"
	"testing"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
	"github.com/caddyito/caddyito/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB, place string) store.Store {
		s, err := boltstore.Open(filepath.Join(place, "auth.db"), boltstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
