package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func newSignIn(subject, sid, clientID string) *store.SignIn {
	return &store.SignIn{Subject: subject, SID: sid, ClientID: clientID, Issuer: "https://auth.example.com", ExpiresAt: day.Add(time.Hour)}
}

func newLogout(clientID, sid string) *store.Logout {
	return &store.Logout{ClientID: clientID, Issuer: "https://auth.example.com", Subject: "7", SID: sid, CreatedAt: day}
}

// signIns are those of a subject, as "sid client".
func signIns(p *place, subject string) (names []string) {
	p.t.Helper()
	for _, s := range must(p, func(tx store.ReadTx) ([]*store.SignIn, error) { return tx.SignIns(subject) }) {
		names = append(names, s.SID+" "+s.ClientID)
	}
	return names
}

// logouts are the sids queued for a client.
func logouts(p *place, clientID string, after uint64, limit int) (sids []string) {
	p.t.Helper()
	for _, l := range must(p, func(tx store.ReadTx) ([]*store.Logout, error) { return tx.Logouts(clientID, after, limit) }) {
		sids = append(sids, l.SID)
	}
	return sids
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %q; want %q", what, got, want)
	}
}

func testSignIn(t *testing.T, p *place) {
	put := func(s *store.SignIn) {
		t.Helper()
		p.update(func(tx store.WriteTx) error { return tx.PutSignIn(s) })
	}
	same(t, "none yet", signIns(p, "7"))
	put(newSignIn("7", "b", "wiki"))
	put(newSignIn("7", "a", "wiki"))
	put(newSignIn("7", "a", "app"))
	put(newSignIn("77", "a", "wiki"))
	longer := newSignIn("7", "a", "wiki")
	longer.ExpiresAt = day.Add(2 * time.Hour)
	put(longer)
	p.fails(func(tx store.WriteTx) error {
		if err := tx.PutSignIn(newSignIn("7", "c", "wiki")); err != nil {
			return err
		}
		return errRefused
	})
	p.reopen()
	same(t, "by sid and client", signIns(p, "7"), "a app", "a wiki", "b wiki")
	got := must(p, func(tx store.ReadTx) ([]*store.SignIn, error) { return tx.SignIns("7") })
	if !reflect.DeepEqual(got[1], longer) {
		t.Errorf("got %+v; want %+v", got[1], longer)
	}
	remove := func(tx store.WriteTx) error { return tx.DeleteSignIn("7", "a", "app") }
	p.update(remove)
	notFound(t, "deleting twice", p.fails(remove))
	same(t, "after a deletion", signIns(p, "7"), "a wiki", "b wiki")

	p.sweepAll(day.Add(time.Hour + time.Minute))
	same(t, "what did not expire", signIns(p, "7"), "a wiki")
	p.sweepAll(day.Add(3 * time.Hour))
	same(t, "all expired", signIns(p, "7"))

	// A client that is deleted takes its sign-ins with it, for whoever is next.
	client := func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "wiki"}) }
	p.update(client)
	put(newSignIn("7", "d", "wiki"))
	p.update(func(tx store.WriteTx) error { return tx.DeleteClient("wiki") })
	p.update(client)
	same(t, "of a client that was deleted", signIns(p, "7"))
}

func testLogout(t *testing.T, p *place) {
	clients := func() []string {
		t.Helper()
		return must(p, func(tx store.ReadTx) ([]string, error) { return tx.LogoutClients() })
	}
	put := func(l *store.Logout) {
		t.Helper()
		p.update(func(tx store.WriteTx) error {
			n := *l
			err := tx.PutLogout(&n)
			l.ID = n.ID
			return err
		})
	}
	same(t, "nobody yet", clients())
	first, second := newLogout("wiki", "a"), newLogout("wiki", "b")
	put(first)
	put(second)
	put(newLogout("wiki", "c"))
	put(newLogout("app", "d"))
	put(newLogout("wiki2", "e"))
	p.fails(func(tx store.WriteTx) error {
		if err := tx.PutLogout(newLogout("zoo", "f")); err != nil {
			return err
		}
		return errRefused
	})
	p.reopen()
	same(t, "clients", clients(), "app", "wiki", "wiki2")
	same(t, "in the order of their numbers", logouts(p, "wiki", 0, 10), "a", "b", "c")
	same(t, "a page", logouts(p, "wiki", 0, 2), "a", "b")
	same(t, "after one", logouts(p, "wiki", second.ID, 10), "c")
	same(t, "of none", logouts(p, "wik", 0, 10))

	first.Refused, first.NextAt = 2, day.Add(time.Minute)
	put(first)
	got := must(p, func(tx store.ReadTx) ([]*store.Logout, error) { return tx.Logouts("wiki", 0, 10) })
	if len(got) != 3 || !reflect.DeepEqual(got[0], first) {
		t.Errorf("replaced, there are %d, the first %+v; want %+v", len(got), got[0], first)
	}
	remove := func(tx store.WriteTx) error { return tx.DeleteLogout("wiki", first.ID) }
	p.update(remove)
	notFound(t, "deleting twice", p.fails(remove))
	same(t, "after a deletion", logouts(p, "wiki", 0, 10), "b", "c")

	p.sweepAll(day.Add(1000 * time.Hour))
	same(t, "no sweep takes one", logouts(p, "wiki", 0, 10), "b", "c")
	p.update(func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "wiki"}) })
	p.update(func(tx store.WriteTx) error { return tx.DeleteClient("wiki") })
	same(t, "after the client's deletion", clients(), "app", "wiki2")
}

// testQueueLogouts: with the session, and once.
func testQueueLogouts(t *testing.T, p *place) {
	old := newSignIn("7", "a", "old")
	old.ExpiresAt = day
	p.update(func(tx store.WriteTx) error {
		return errors.Join(tx.PutSignIn(newSignIn("7", "a", "wiki")), tx.PutSignIn(newSignIn("7", "a", "app")),
			tx.PutSignIn(newSignIn("7", "b", "wiki")), tx.PutSignIn(newSignIn("8", "a", "wiki")), tx.PutSignIn(old))
	})
	queue := func(tx store.WriteTx) error {
		return store.QueueLogouts(tx, "7", func(s *store.SignIn) bool { return s.SID == "a" }, day)
	}
	p.fails(func(tx store.WriteTx) error {
		if err := queue(tx); err != nil {
			return err
		}
		return errRefused
	})
	same(t, "a transaction that failed", logouts(p, "wiki", 0, 10))
	p.update(queue)
	p.update(queue)
	p.reopen()
	same(t, "the wiki", logouts(p, "wiki", 0, 10), "a")
	same(t, "the app", logouts(p, "app", 0, 10), "a")
	same(t, "one whose sign-in expired", logouts(p, "old", 0, 10))
	same(t, "the other session's", signIns(p, "7"), "b wiki")
	same(t, "the other person's", signIns(p, "8"), "a wiki")
}
