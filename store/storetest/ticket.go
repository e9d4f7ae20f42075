package storetest

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func newTicket(kind, secret string) *store.Ticket {
	return &store.Ticket{Kind: kind, Hash: store.HashOf(secret), UserID: 7, Data: "d", CreatedAt: day, ExpiresAt: day.Add(time.Hour)}
}

func readTicket(kind, secret string) func(store.ReadTx) (*store.Ticket, error) {
	return func(tx store.ReadTx) (*store.Ticket, error) { return tx.Ticket(kind, store.HashOf(secret)) }
}

func spendTicket(kind, secret string) func(store.WriteTx) error {
	return func(tx store.WriteTx) error {
		_, err := tx.SpendTicket(kind, store.HashOf(secret))
		return err
	}
}

func testTicket(t *testing.T, p *place) {
	k := newTicket("setup", "s")
	put := func(k *store.Ticket) {
		t.Helper()
		p.update(func(tx store.WriteTx) error { return tx.PutTicket(k) })
	}
	put(k)
	for range 2 { // looking does not spend
		if got := must(p, readTicket("setup", "s")); !reflect.DeepEqual(got, k) {
			t.Errorf("got %+v; want %+v", got, k)
		}
	}
	// A kind opens one door.
	gone(p, "another kind", readTicket("reset", "s"))
	notFound(t, "spending another kind", p.fails(spendTicket("reset", "s")))
	p.update(func(tx store.WriteTx) error {
		got, err := tx.SpendTicket("setup", k.Hash)
		if err == nil && !reflect.DeepEqual(got, k) {
			t.Errorf("spending returned %+v", got)
		}
		return err
	})
	gone(p, "a spent ticket", readTicket("setup", "s"))
	notFound(t, "spending twice", p.fails(spendTicket("setup", "s")))

	put(newTicket("setup", "1"))
	put(newTicket("setup", "2"))
	put(newTicket("setups", "3"))
	put(newTicket("setu", "4"))
	// By their hashes, of that kind alone, a page at a time.
	tickets := func(after store.Hash, limit int) []*store.Ticket {
		t.Helper()
		return must(p, func(tx store.ReadTx) ([]*store.Ticket, error) { return tx.Tickets("setup", after, limit) })
	}
	want := []*store.Ticket{newTicket("setup", "1"), newTicket("setup", "2")}
	slices.SortFunc(want, func(x, y *store.Ticket) int { return bytes.Compare(x.Hash[:], y.Hash[:]) })
	if got := tickets(store.Hash{}, 10); !reflect.DeepEqual(got, want) {
		t.Errorf("listed %v; want %v", got, want)
	}
	if got := tickets(store.Hash{}, 1); !reflect.DeepEqual(got, want[:1]) {
		t.Errorf("the first page has %v", got)
	}
	if got := tickets(want[0].Hash, 1); !reflect.DeepEqual(got, want[1:]) {
		t.Errorf("the second page has %v", got)
	}
	if got := append(tickets(want[1].Hash, 1), tickets(store.Hash{}, 0)...); len(got) != 0 {
		t.Errorf("after the last there are %v", got)
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteTickets("setup") })
	gone(p, "a deleted ticket", readTicket("setup", "1"))
	gone(p, "a deleted ticket", readTicket("setup", "2"))
	must(p, readTicket("setups", "3"))
	must(p, readTicket("setu", "4"))
	p.update(func(tx store.WriteTx) error { return tx.DeleteTickets("setup") }) // none is fine

	// Marks.
	mark := func(kind, id string) func(store.WriteTx) error {
		return func(tx store.WriteTx) error { return tx.MarkUsed(kind, id, day.Add(time.Hour)) }
	}
	p.update(mark("jti", "a"))
	if err := p.fails(mark("jti", "a")); !errors.Is(err, store.ErrSpent) {
		t.Errorf("marking twice: %v", err)
	}
	p.update(mark("jti", "A"))
	p.update(mark("jt", "ia"))
	p.fails(func(tx store.WriteTx) error {
		if err := mark("jti", "b")(tx); err != nil {
			return err
		}
		return errRefused
	})
	p.update(mark("jti", "b"))
	p.reopen()
	if err := p.fails(mark("jti", "b")); !errors.Is(err, store.ErrSpent) {
		t.Errorf("marking again after a restart: %v", err)
	}
}

func testTicketRace(t *testing.T, p *place) {
	p.update(func(tx store.WriteTx) error { return tx.PutTicket(newTicket("setup", "s")) })
	oneWinner(t, race(p, func(i int, tx store.WriteTx) error {
		if err := spendTicket("setup", "s")(tx); err != nil {
			return err
		}
		return tx.PutUser(newUser(name("winner", i)), nil)
	}), store.ErrNotFound)
	if users := must(p, func(tx store.ReadTx) ([]*store.User, error) { return tx.Users(0, 100) }); len(users) != 1 {
		t.Errorf("one setup link made %v", usernames(users))
	}
}

func testMarkRace(t *testing.T, p *place) {
	mark := func(_ int, tx store.WriteTx) error { return tx.MarkUsed("jti", "x", day.Add(time.Hour)) }
	oneWinner(t, race(p, mark), store.ErrSpent)
	p.reopen()
	for _, err := range race(p, mark) {
		if !errors.Is(err, store.ErrSpent) {
			t.Errorf("after a restart: %v; want ErrSpent", err)
		}
	}
}
