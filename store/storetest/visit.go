package storetest

import (
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func testVisit(t *testing.T, p *place) {
	visited := func(clientID string, userID int64) bool {
		t.Helper()
		return must(p, func(tx store.ReadTx) (bool, error) { return tx.Visited(clientID, userID) })
	}
	visit := func(clientID string, userID int64) {
		t.Helper()
		p.update(func(tx store.WriteTx) error { return tx.PutVisit(clientID, userID) })
	}
	if visited("wiki", 1) {
		t.Error("there is a visit before the first")
	}
	visit("wiki", 1)
	visit("wiki", 1)
	visit("wiki2", 2)
	p.fails(func(tx store.WriteTx) error {
		if err := tx.PutVisit("wiki", 3); err != nil {
			return err
		}
		return errRefused
	})
	p.reopen()
	for _, c := range []struct {
		client string
		user   int64
		want   bool
	}{{"wiki", 1, true}, {"wiki", 2, false}, {"wiki", 3, false}, {"wiki2", 1, false}, {"wiki2", 2, true}, {"wik", 1, false}} {
		if got := visited(c.client, c.user); got != c.want {
			t.Errorf("visited(%s, %d) = %t", c.client, c.user, got)
		}
	}
	// A client that is deleted takes its visits with it, for whoever is next.
	p.update(func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "wiki"}) })
	p.update(func(tx store.WriteTx) error { return tx.DeleteClient("wiki") })
	p.update(func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "wiki"}) })
	if visited("wiki", 1) {
		t.Error("the visit is the next client's")
	}
	visit("wiki", 2)
	if n := p.sweepAll(day.Add(time.Hour)); n < 1 {
		t.Error("the visits of the client that was deleted are still there")
	}
	if !visited("wiki", 2) || !visited("wiki2", 2) {
		t.Error("sweeping took visits of clients that are there")
	}
	// It outlives the user, so that the client can be told.
	u := putUser(p, newUser("a"))
	visit("wiki", u.ID)
	p.update(func(tx store.WriteTx) error { return tx.DeleteUser(u.ID) })
	if !visited("wiki", u.ID) {
		t.Error("it is not known any more who knew the user")
	}
}

// testVisitMoves: by the first visit at a client that may know who visits, and
// by none else, the user takes a new version.
func testVisitMoves(t *testing.T, p *place) {
	u := putUser(p, newUser("a"))
	for _, c := range []struct {
		client store.Client
		moves  bool
	}{
		{store.Client{ID: "all", ClientSettings: store.ClientSettings{Sync: store.SyncAll}}, false},
		{store.Client{ID: "granted", ClientSettings: store.ClientSettings{Sync: store.SyncGranted}}, true},
		{store.Client{ID: "granted", ClientSettings: store.ClientSettings{Sync: store.SyncGranted}}, false}, // again
		{store.Client{ID: "all", ClientSettings: store.ClientSettings{Sync: store.SyncGranted}}, false},     // remembered from before
	} {
		before := must(p, store.ReadTx.Feed).Head
		p.update(func(tx store.WriteTx) error {
			u, err := tx.User(u.ID)
			if err != nil {
				return err
			}
			return store.Visit(tx, store.DefaultSchema(), &c.client, u)
		})
		if moved := must(p, store.ReadTx.Feed).Head > before; moved != c.moves {
			t.Errorf("%+v: the user moved: %t", c.client, moved)
		}
	}
}
