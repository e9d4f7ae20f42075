package storetest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/caddyito/caddyito/store"
)

func testFeed(t *testing.T, p *place) {
	feed := must(p, store.ReadTx.Feed)
	if feed.ID == "" || feed.Head != 0 {
		t.Fatalf("a new feed is %+v", feed)
	}
	changes := func(after uint64, limit int) []store.Change {
		t.Helper()
		return must(p, func(tx store.ReadTx) ([]store.Change, error) { return tx.Changes(after, limit) })
	}
	a, b := putUser(p, newUser("a")), putUser(p, newUser("b"))
	c := putObject(p, company("c"))
	if a.Version != 1 || b.Version != 2 || c.Version != 3 {
		t.Fatalf("versions %d, %d, %d; want 1, 2, 3", a.Version, b.Version, c.Version)
	}
	a.FirstName = "A"
	putUser(p, a)
	want := []store.Change{
		{Seq: 2, Type: "user", ID: b.ID}, {Seq: 3, Type: "company", ID: c.ID}, {Seq: 4, Type: "user", ID: a.ID},
	}
	if got := changes(0, 10); !slices.Equal(got, want) {
		t.Errorf("the feed is %v; want %v", got, want)
	}
	if got := changes(2, 1); !slices.Equal(got, want[1:2]) {
		t.Errorf("a page of the feed is %v; want %v", got, want[1:2])
	}
	if n := len(changes(4, 10)) + len(changes(1<<64-1, 10)) + len(changes(0, 0)); n != 0 {
		t.Errorf("%d changes after the head, after the highest number and with limit 0", n)
	}
	// Several changes of one transaction take a seq each, and of the same record
	// only the last row stays.
	p.update(func(tx store.WriteTx) error {
		for range 3 {
			if err := tx.PutUser(b, nil); err != nil {
				return err
			}
		}
		if err := tx.DeleteObject(store.Ref{Type: "company", ID: c.ID}); err != nil {
			return err
		}
		return tx.DeleteUser(a.ID)
	})
	if b.Version != 7 {
		t.Errorf("after three changes the version is %d; want 7", b.Version)
	}
	want = []store.Change{
		{Seq: 7, Type: "user", ID: b.ID}, {Seq: 8, Type: "company", ID: c.ID, Deleted: true}, {Seq: 9, Type: "user", ID: a.ID, Deleted: true},
	}
	if got := changes(0, 10); !slices.Equal(got, want) {
		t.Errorf("the feed is %v; want %v", got, want)
	}
	// What fails takes no seq.
	p.fails(func(tx store.WriteTx) error {
		if err := tx.PutUser(newUser("d"), nil); err != nil {
			return err
		}
		return errRefused
	})
	p.reopen()
	if got := must(p, store.ReadTx.Feed); got.Head != 9 || got.ID != feed.ID {
		t.Errorf("after a restart the feed is %+v; want head 9 and id %s", got, feed.ID)
	}
	if d := putUser(p, newUser("d")); d.Version != 10 {
		t.Errorf("the next version is %d; want 10", d.Version)
	}
	// What a transaction wrote, it reads.
	p.update(func(tx store.WriteTx) error {
		e := newUser("e")
		if err := tx.PutUser(e, nil); err != nil {
			return err
		}
		feed, err := tx.Feed()
		if feed.Head != e.Version {
			t.Errorf("within the transaction the head is %d; want %d", feed.Head, e.Version)
		}
		return err
	})
}

// testFeedUnderLoad follows the feed as a gate does while many write: nothing
// may be skipped.
func testFeedUnderLoad(t *testing.T, p *place) {
	const rounds = 8
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			u := newUser(name("u", i))
			for round := range rounds {
				err := p.s.Update(context.Background(), func(tx store.WriteTx) error {
					v := u.Clone()
					v.FirstName = name("round", round)
					if err := tx.PutUser(v, nil); err != nil {
						return err
					}
					u = v
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	versions := map[int64]uint64{}
	seen := uint64(0)
	read := func() {
		for {
			rows := must(p, func(tx store.ReadTx) ([]store.Change, error) { return tx.Changes(seen, 10) })
			if len(rows) == 0 {
				return
			}
			for _, row := range rows {
				if row.Seq <= seen {
					t.Errorf("row %d came after %d", row.Seq, seen)
				}
				seen = row.Seq
				versions[row.ID] = row.Seq
			}
		}
	}
	for finished := false; !finished; {
		select {
		case <-done:
			finished = true
		default:
		}
		read()
	}
	read()
	if seen != crowd*rounds {
		t.Errorf("the feed's end is %d; want %d: one seq for each change", seen, crowd*rounds)
	}
	users := must(p, func(tx store.ReadTx) ([]*store.User, error) { return tx.Users(0, 1000) })
	if len(users) != crowd {
		t.Errorf("%d users; want %d", len(users), crowd)
	}
	for _, u := range users {
		if versions[u.ID] != u.Version {
			t.Errorf("who followed the feed has version %d of user %d; there is %d", versions[u.ID], u.ID, u.Version)
		}
	}
}
