package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func readRecord(mirror, typ, id string) func(store.ReadTx) (*store.Record, error) {
	return func(tx store.ReadTx) (*store.Record, error) { return tx.MirrorRecord(mirror, typ, id) }
}

func putRecord(p *place, mirror string, r *store.Record) {
	p.t.Helper()
	p.update(func(tx store.WriteTx) error { return tx.PutMirrorRecord(mirror, r) })
}

func testMirror(t *testing.T, p *place) {
	state := func(mirror string) store.MirrorState {
		t.Helper()
		s := must(p, func(tx store.ReadTx) (store.MirrorState, error) { return tx.MirrorState(mirror) })
		s.Digest, s.Top = store.Digest{}, 0 // of the records
		return s
	}
	if got := state("wiki"); got != (store.MirrorState{}) {
		t.Errorf("a mirror that never was stands at %+v", got)
	}
	gone(p, "a record of a mirror that never was", readRecord("wiki", "user", "1"))
	if n := len(must(p, func(tx store.ReadTx) ([]*store.Record, error) { return tx.MirrorRecords("wiki", "user", "", 10) })); n != 0 {
		t.Errorf("%d records of a mirror that never was", n)
	}
	r := &store.Record{Type: "user", ID: "1", Version: 5, Fields: store.Fields{
		"username": "a", "groups": []string{}, "company": store.Ref{Type: "company", ID: 3}, "n": int64(-1), "is_active": true,
	}}
	putRecord(p, "wiki", r)
	if got := must(p, readRecord("wiki", "user", "1")); !reflect.DeepEqual(got, r) {
		t.Errorf("got %+v; want %+v", got, r)
	}
	gone(p, "another mirror", readRecord("blog", "user", "1"))
	gone(p, "another type", readRecord("wiki", "use", "r1"))
	s := store.MirrorState{FeedID: "f", View: "v", Seq: 1 << 63, At: day}
	p.update(func(tx store.WriteTx) error { return tx.PutMirrorState("wiki", s) })
	if got := state("wiki"); got != s {
		t.Errorf("the state is %+v; want %+v", got, s)
	}
	must(p, readRecord("wiki", "user", "1"))

	// Put minds no version, ApplyRecord does.
	putRecord(p, "wiki", &store.Record{Type: "user", ID: "1", Version: 3})
	if got := must(p, readRecord("wiki", "user", "1")); got.Version != 3 {
		t.Errorf("PutMirrorRecord kept version %d", got.Version)
	}
	apply := func(version uint64, deleted bool) (applied bool) {
		t.Helper()
		p.update(func(tx store.WriteTx) error {
			var err error
			applied, err = store.ApplyRecord(tx, "wiki", &store.Record{Type: "user", ID: "1", Version: version, Deleted: deleted})
			return err
		})
		return applied
	}
	if !apply(4, true) || apply(4, false) || apply(3, false) || !apply(5, false) || !apply(0, false) {
		t.Error("ApplyRecord applies what is newer, and what has no version, and nothing else")
	}
	apply(9, true)
	if got := must(p, readRecord("wiki", "user", "1")); !got.Deleted || got.Version != 9 {
		t.Errorf("a tombstone is %+v", got)
	}
	for _, id := range []string{"b", "a", "10", "2", "aa"} {
		putRecord(p, "wiki", &store.Record{Type: "user", ID: id})
	}
	putRecord(p, "wiki", &store.Record{Type: "users", ID: "x"})
	putRecord(p, "blog", &store.Record{Type: "user", ID: "y"})
	list := func(after string, limit int) (ids []string) {
		for _, r := range must(p, func(tx store.ReadTx) ([]*store.Record, error) { return tx.MirrorRecords("wiki", "user", after, limit) }) {
			ids = append(ids, r.ID)
		}
		return ids
	}
	if got, want := list("", 10), []string{"1", "10", "2", "a", "aa", "b"}; !slices.Equal(got, want) {
		t.Errorf("records are %q; want %q", got, want)
	}
	if got, want := list("10", 3), []string{"2", "a", "aa"}; !slices.Equal(got, want) {
		t.Errorf("a page of records is %q; want %q", got, want)
	}
}

func testMirrorDelete(t *testing.T, p *place) {
	for i := range 30 {
		putRecord(p, "wiki", &store.Record{Type: "user", ID: name("", i)})
	}
	putRecord(p, "blog", &store.Record{Type: "user", ID: "1"})
	p.update(func(tx store.WriteTx) error {
		return tx.PutMirrorState("wiki", store.MirrorState{FeedID: "f", Seq: 9, At: day})
	})
	putSession(p, newSession("wiki", "s", "1", ""))
	check := func(when string, want store.Digest) {
		t.Helper()
		gone(p, when, readRecord("wiki", "user", name("", 1)))
		if got := must(p, func(tx store.ReadTx) (store.MirrorState, error) { return tx.MirrorState("wiki") }); got != (store.MirrorState{Digest: want}) {
			t.Errorf("%s: the state is %+v", when, got)
		}
		must(p, readSession("wiki", "s"))
		must(p, readRecord("blog", "user", "1"))
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteMirror("wiki") })
	var none, one store.Digest
	one.Add("user", "new", 0, false)
	check("deleted", none)
	p.reopen()
	check("restarted", none)
	p.update(func(tx store.WriteTx) error { return tx.DeleteMirror("wiki") }) // none is fine
	putRecord(p, "wiki", &store.Record{Type: "user", ID: "new"})
	check("begun anew", one)
	p.sweepAll(day)
	check("swept", one)
	if got := must(p, func(tx store.ReadTx) ([]*store.Record, error) { return tx.MirrorRecords("wiki", "user", "", 100) }); len(got) != 1 {
		t.Errorf("%d records in a mirror that began anew with one", len(got))
	}
}

// changes of a type in a mirror, as "id@version".
func changesOf(p *place, mirror, typ string, after uint64, limit int) (list []string) {
	p.t.Helper()
	for _, r := range must(p, func(tx store.ReadTx) ([]*store.Record, error) { return tx.MirrorChanges(mirror, typ, after, limit) }) {
		at := fmt.Sprint(r.ID, "@", r.Version)
		if r.Deleted {
			at += " gone"
		}
		list = append(list, at)
	}
	return list
}

func testMirrorChanges(t *testing.T, p *place) {
	check := func(when, mirror string, after uint64, limit int, want ...string) {
		t.Helper()
		if got := changesOf(p, mirror, "user", after, limit); !slices.Equal(got, want) {
			t.Errorf("%s: changes of %s after %d are %q; want %q", when, mirror, after, got, want)
		}
	}
	check("never written", "wiki", 0, 10)
	put := func(mirror, typ, id string, version uint64, deleted bool) {
		putRecord(p, mirror, &store.Record{Type: typ, ID: id, Version: version, Deleted: deleted, Fields: store.Fields{"username": id}})
	}
	for i, id := range []string{"10", "9", "b", "1"} {
		put("wiki", "user", id, uint64(300-i), false)
	}
	put("wiki", "users", "x", 400, false)
	put("wiki", "company", "1", 299, false)
	put("blog", "user", "1", 298, false)
	put("wiki", "user", "foreign", 0, false)
	check("written", "wiki", 0, 10, "1@297", "b@298", "9@299", "10@300")
	check("a page", "wiki", 0, 2, "1@297", "b@298")
	check("the next page", "wiki", 298, 2, "9@299", "10@300")
	check("all told", "wiki", 300, 10)
	check("the largest", "wiki", 1<<64-1, 10)
	check("another mirror", "blog", 0, 10, "1@298")
	if got := changesOf(p, "wiki", "company", 0, 10); !slices.Equal(got, []string{"1@299"}) {
		t.Errorf("changes of companies are %q", got)
	}
	if got := must(p, func(tx store.ReadTx) ([]*store.Record, error) { return tx.MirrorChanges("wiki", "user", 299, 1) }); !reflect.DeepEqual(got, must(p, func(tx store.ReadTx) ([]*store.Record, error) {
		r, err := tx.MirrorRecord("wiki", "user", "10")
		return []*store.Record{r}, err
	})) {
		t.Errorf("the change is %+v, not the record", got)
	}

	// A change moves the record; what is put again in the same version does not.
	put("wiki", "user", "1", 1<<63, true)
	putRecord(p, "wiki", &store.Record{Type: "user", ID: "b", Version: 298})
	put("wiki", "user", "9", 0, false)
	put("wiki", "user", "foreign", 301, false)
	after := []string{"b@298", "10@300", "foreign@301", fmt.Sprint("1@", uint64(1<<63), " gone")}
	check("changed", "wiki", 0, 10, after...)
	put("wiki", "user", "1", 290, false) // PutMirrorRecord minds no versions
	check("put back", "wiki", 0, 1, "1@290")
	put("wiki", "user", "1", 1<<63, true)
	p.fails(func(tx store.WriteTx) error {
		if err := tx.PutMirrorRecord("wiki", &store.Record{Type: "user", ID: "10", Version: 500}); err != nil {
			return err
		}
		return errRefused
	})
	check("not changed after all", "wiki", 0, 10, after...)
	p.reopen()
	check("restarted", "wiki", 0, 10, after...)

	put("new", "user", "n", 7, false)
	p.update(func(tx store.WriteTx) error { return tx.ReplaceMirror("wiki", "new") })
	check("replaced", "wiki", 0, 10, "n@7")
	check("that took its place", "new", 0, 10)
	p.update(func(tx store.WriteTx) error { return tx.DeleteMirror("wiki") })
	check("deleted", "wiki", 0, 10)
	put("wiki", "user", "10", 300, false)
	p.sweepAll(day)
	check("begun anew, and swept", "wiki", 0, 10, "10@300")
	check("of the other", "blog", 0, 10, "1@298")
}

func testLease(t *testing.T, p *place) {
	read := func(tx store.ReadTx) (*store.Lease, error) { return tx.Lease("push") }
	gone(p, "no lease", read)
	acquire := func(holder string, minutes int) (has bool) {
		t.Helper()
		p.update(func(tx store.WriteTx) error {
			var err error
			has, err = store.AcquireLease(tx, "push", holder, day.Add(time.Duration(minutes)*time.Minute), 10*time.Minute)
			return err
		})
		return has
	}
	if !acquire("a", 0) || acquire("b", 5) || !acquire("a", 6) || acquire("b", 15) || !acquire("b", 16) || acquire("a", 17) {
		t.Error("a lease goes to the first, who may renew it, and to the next when it ran out")
	}
	if got := must(p, read); got.Holder != "b" || !got.ExpiresAt.Equal(day.Add(26*time.Minute)) {
		t.Errorf("the lease is %+v", got)
	}
	release := func(holder string) {
		p.update(func(tx store.WriteTx) error { return store.ReleaseLease(tx, "push", holder) })
	}
	release("a")
	must(p, read)
	release("b")
	gone(p, "a released lease", read)
	notFound(t, "deleting twice", p.fails(func(tx store.WriteTx) error { return tx.DeleteLease("push") }))
}

func testLeaseRace(t *testing.T, p *place) {
	var has [crowd]bool
	for _, err := range race(p, func(i int, tx store.WriteTx) error {
		var err error
		has[i], err = store.AcquireLease(tx, "push", name("h", i), day, time.Minute)
		return err
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	holders := 0
	for _, h := range has {
		if h {
			holders++
		}
	}
	if holders != 1 {
		t.Errorf("%d hold the lease", holders)
	}
}
