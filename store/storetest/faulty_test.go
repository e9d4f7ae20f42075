package storetest_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
	"github.com/caddyito/caddyito/store/storetest"
)

func TestFaulty(t *testing.T) {
	inner, err := boltstore.Open(filepath.Join(t.TempDir(), "auth.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	s := storetest.Fail(inner)
	put := func(id string) error {
		return s.Update(t.Context(), func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: id}) })
	}
	has := func(id string) bool {
		err := inner.View(t.Context(), func(tx store.ReadTx) error { _, err := tx.Client(id); return err })
		return err == nil
	}
	view := func() error { return s.View(t.Context(), func(store.ReadTx) error { return nil }) }
	fails := func(what string, err error, want bool) {
		t.Helper()
		if errors.Is(err, storetest.ErrFault) != want || !want && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}

	fails("at first", put("a"), false)
	s.Always(storetest.NotDone)
	fails("not done", put("b"), true)
	fails("not done, again", put("b"), true)
	fails("reading meanwhile", view(), false)
	if _, err := s.Sweep(t.Context(), time.Time{}, 1); !errors.Is(err, storetest.ErrFault) {
		t.Errorf("sweep: %v", err)
	}
	s.Heal()
	if has("b") {
		t.Error("what was not done is there")
	}
	s.Nth(storetest.Done, 2)
	fails("the first", put("c"), false)
	fails("the second", put("d"), true)
	fails("the third", put("e"), false)
	if !has("c") || !has("d") || !has("e") {
		t.Error("what was done is not there")
	}
	refused := errors.New("refused")
	s.Always(storetest.Done)
	if err := s.Update(t.Context(), func(store.WriteTx) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("a function that fails by itself: %v", err)
	}
	s.Heal()
	s.Nth(storetest.NotRead, 1)
	fails("the first view", view(), true)
	fails("the second view", view(), false)
}
