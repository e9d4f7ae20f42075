package storetest

import (
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func testSyncState(t *testing.T, p *place) {
	read := func(id string) *store.SyncState {
		t.Helper()
		return must(p, func(tx store.ReadTx) (*store.SyncState, error) { return tx.SyncState(id) })
	}
	if got := read("wiki"); *got != (store.SyncState{ClientID: "wiki"}) {
		t.Errorf("of a client nothing is known of: %+v", got)
	}
	s := store.SyncState{
		ClientID: "wiki", FeedID: "f", View: "v", Seq: 1 << 63, CurrentAt: day.Add(time.Hour), PushedAt: day, PulledAt: day.Add(time.Second),
		Error: "connection refused", FailedAt: day.Add(time.Minute), Parked: true, Resync: true,
		LastError: "connection refused", LastErrorAt: day.Add(time.Minute),
	}
	p.update(func(tx store.WriteTx) error { return tx.PutSyncState(&s) })
	p.reopen()
	if got := read("wiki"); *got != s {
		t.Errorf("got %+v; want %+v", got, s)
	}
	if got := read("blog"); *got != (store.SyncState{ClientID: "blog"}) {
		t.Errorf("another client: %+v", got)
	}
	p.update(func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "wiki"}) })
	p.update(func(tx store.WriteTx) error { return tx.DeleteClient("wiki") })
	if got := read("wiki"); *got != (store.SyncState{ClientID: "wiki"}) {
		t.Errorf("of a client that was deleted: %+v", got)
	}
}

// testSyncStateEvent: who asks for a resync wakes whoever sends.
func testSyncStateEvent(t *testing.T, p *place) {
	events := make(chan store.Event, 10)
	defer p.s.Watch(func(e store.Event) { events <- e })()
	p.update(func(tx store.WriteTx) error { return tx.PutSyncState(&store.SyncState{ClientID: "wiki", Seq: 7}) })
	p.update(func(tx store.WriteTx) error { return tx.PutSyncState(&store.SyncState{ClientID: "wiki", Resync: true}) })
	if e := <-events; e.Kind != store.EventClients || len(events) > 0 {
		t.Errorf("got %+v and %d more; want EventClients for the resync alone", e, len(events))
	}
}

// feedDigest is the digest of the feed, added up row by row.
func feedDigest(p *place) (d store.Digest) {
	for _, c := range must(p, func(tx store.ReadTx) ([]store.Change, error) { return tx.Changes(0, 100_000) }) {
		d.Add(c.Type, decimal(c.ID), c.Seq, c.Deleted)
	}
	return d
}

func testFeedDigest(t *testing.T, p *place) {
	check := func(when string) {
		t.Helper()
		if got, want := must(p, store.ReadTx.Feed).Digest, feedDigest(p); got != want {
			t.Errorf("%s: the feed's digest is %x; its rows add up to %x", when, got, want)
		}
	}
	check("empty")
	a, b, c := putUser(p, newUser("a")), putUser(p, newUser("b")), putObject(p, company("c"))
	check("created")
	a.FirstName = "A"
	putUser(p, a)
	check("changed")
	p.fails(func(tx store.WriteTx) error {
		if err := tx.DeleteUser(b.ID); err != nil {
			return err
		}
		return errRefused
	})
	check("not deleted after all")
	p.update(func(tx store.WriteTx) error {
		if err := tx.PutUser(b, nil); err != nil {
			return err
		}
		if err := tx.DeleteUser(a.ID); err != nil {
			return err
		}
		return tx.DeleteObject(store.Ref{Type: c.Type, ID: c.ID})
	})
	check("deleted")
	p.reopen()
	check("restarted")
	race(p, func(i int, tx store.WriteTx) error {
		if err := tx.PutUser(newUser(name("u", i)), nil); err != nil {
			return err
		}
		if i%3 == 0 {
			return errRefused
		}
		return nil
	})
	check("written by many")
	if must(p, store.ReadTx.Feed).Digest == (store.Digest{}) {
		t.Error("the digest of many rows is that of none")
	}
}

func testMirrorDigest(t *testing.T, p *place) {
	state := func() store.MirrorState {
		t.Helper()
		return must(p, func(tx store.ReadTx) (store.MirrorState, error) { return tx.MirrorState("wiki") })
	}
	var want store.Digest
	check := func(when string, top uint64) {
		t.Helper()
		if got := state(); got.Digest != want || got.Top != top {
			t.Errorf("%s: digest %x and top %d; want %x and %d", when, got.Digest, got.Top, want, top)
		}
	}
	check("empty", 0)
	putRecord(p, "wiki", &store.Record{Type: "user", ID: "1", Version: 5})
	want.Add("user", "1", 5, false)
	check("one record", 5)
	p.update(func(tx store.WriteTx) error {
		return tx.PutMirrorState("wiki", store.MirrorState{FeedID: "f", Seq: 5, Digest: store.Digest{1}, Top: 99})
	})
	check("whoever puts a state cannot change it", 5)
	putRecord(p, "wiki", &store.Record{Type: "company", ID: "1", Version: 7})
	putRecord(p, "wiki", &store.Record{Type: "user", ID: "1", Version: 6, Deleted: true})
	want.Remove("user", "1", 5, false)
	want.Add("user", "1", 6, true)
	want.Add("company", "1", 7, false)
	check("changed", 7)
	if s := state(); s.Seq != 5 || s.FeedID != "f" {
		t.Errorf("records moved the state: %+v", s)
	}
	putRecord(p, "wiki", &store.Record{Type: "user", ID: "1", Version: 6, Deleted: true})
	check("the same again", 7)
	p.fails(func(tx store.WriteTx) error {
		if err := tx.PutMirrorRecord("wiki", &store.Record{Type: "user", ID: "2", Version: 8}); err != nil {
			return err
		}
		return errRefused
	})
	check("refused", 7)
	p.reopen()
	check("restarted", 7)
	p.update(func(tx store.WriteTx) error { return tx.DeleteMirror("wiki") })
	want = store.Digest{}
	check("deleted", 0)
}

func testMirrorReplace(t *testing.T, p *place) {
	notFound(t, "replacing by nothing", p.fails(func(tx store.WriteTx) error { return tx.ReplaceMirror("wiki", "new") }))
	for i := range 30 {
		putRecord(p, "wiki", &store.Record{Type: "user", ID: name("", i), Version: 100})
	}
	putRecord(p, "new", &store.Record{Type: "user", ID: "n", Version: 2})
	p.update(func(tx store.WriteTx) error {
		return tx.PutMirrorState("new", store.MirrorState{FeedID: "g", Seq: 2, At: day})
	})
	fresh := must(p, func(tx store.ReadTx) (store.MirrorState, error) { return tx.MirrorState("new") })
	putSession(p, newSession("wiki", "s", "1", ""))
	whole := make(chan store.Event, 100)
	stop := p.s.Watch(func(e store.Event) {
		if e.Kind == store.EventMirror && e.Realm == "wiki" && e.Type == "" {
			whole <- e
		}
	})
	p.update(func(tx store.WriteTx) error { return tx.ReplaceMirror("wiki", "new") })
	stop()
	if len(whole) != 1 {
		t.Errorf("%d events tell that the whole mirror changed; want 1", len(whole))
	}
	check := func(when string) {
		t.Helper()
		gone(p, when, readRecord("wiki", "user", name("", 1)))
		gone(p, when, readRecord("new", "user", "n"))
		must(p, readRecord("wiki", "user", "n"))
		must(p, readSession("wiki", "s"))
		if got := must(p, func(tx store.ReadTx) (store.MirrorState, error) { return tx.MirrorState("wiki") }); got != fresh {
			t.Errorf("%s: the state is %+v; want %+v", when, got, fresh)
		}
		if got := must(p, func(tx store.ReadTx) (store.MirrorState, error) { return tx.MirrorState("new") }); got != (store.MirrorState{}) {
			t.Errorf("%s: the one that took its place stands at %+v", when, got)
		}
	}
	check("replaced")
	p.reopen()
	check("restarted")
	p.sweepAll(day)
	check("swept")
}
