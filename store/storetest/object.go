package storetest

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/caddyito/caddyito/store"
)

func putObject(p *place, o *store.Object, unique ...string) *store.Object {
	p.t.Helper()
	p.update(func(tx store.WriteTx) error { return tx.PutObject(o, unique) })
	return o
}

func company(name string) *store.Object {
	return &store.Object{Type: "company", Fields: store.Fields{"name": name}}
}

func testObject(t *testing.T, p *place) {
	a := putObject(p, company("A"))
	other := putObject(p, &store.Object{Type: "companyx", Fields: store.Fields{"company": store.Ref{Type: "company", ID: a.ID}}})
	if a.ID <= 0 || a.Version == 0 || other.Version <= a.Version {
		t.Fatalf("ids and versions: %+v, %+v", a, other)
	}
	read := func(ref store.Ref) func(store.ReadTx) (*store.Object, error) {
		return func(tx store.ReadTx) (*store.Object, error) { return tx.Object(ref) }
	}
	ref := store.Ref{Type: "company", ID: a.ID}
	for _, o := range []*store.Object{a, other} {
		if got := must(p, read(store.Ref{Type: o.Type, ID: o.ID})); !reflect.DeepEqual(got, o) {
			t.Errorf("got %+v; want %+v", got, o)
		}
	}
	gone(p, "another type", read(store.Ref{Type: "compan", ID: a.ID}))
	gone(p, "another id", read(store.Ref{Type: "company", ID: a.ID + 1}))
	p.fails(func(tx store.WriteTx) error { return tx.PutObject(&store.Object{Type: store.UserType}, nil) })
	p.fails(func(tx store.WriteTx) error { return tx.PutObject(&store.Object{}, nil) })

	first := a.Version
	a.Fields = store.Fields{"name": "A2"}
	if putObject(p, a); a.Version <= first {
		t.Errorf("the version went from %d to %d", first, a.Version)
	}
	var ids []int64
	for range 5 {
		ids = append(ids, putObject(p, company("x")).ID)
	}
	list := must(p, func(tx store.ReadTx) ([]*store.Object, error) { return tx.Objects("company", a.ID, 3) })
	var got []int64
	for _, o := range list {
		got = append(got, o.ID)
	}
	if !slices.Equal(got, ids[:3]) {
		t.Errorf("a page of objects is %v; want %v", got, ids[:3])
	}
	if n := len(must(p, func(tx store.ReadTx) ([]*store.Object, error) { return tx.Objects("company", ids[4], 10) })); n != 0 {
		t.Errorf("%d objects after the last of the type", n)
	}
	last := ids[4]
	p.update(func(tx store.WriteTx) error { return tx.DeleteObject(store.Ref{Type: "company", ID: last}) })
	if o := putObject(p, company("y")); o.ID <= last {
		t.Errorf("the id %d was given again", o.ID)
	}
	back := company("back")
	back.ID = last
	conflict(t, p.fails(func(tx store.WriteTx) error { return tx.PutObject(back, nil) }), "company", "id")
	p.update(func(tx store.WriteTx) error { return tx.DeleteObject(ref) })
	gone(p, "a deleted object", read(ref))
	notFound(t, "deleting twice", p.fails(func(tx store.WriteTx) error { return tx.DeleteObject(ref) }))
}

func testReferences(t *testing.T, p *place) {
	s := store.DefaultSchema()
	c, d := putObject(p, company("C")), putObject(p, company("D"))
	toC, toD := store.Ref{Type: "company", ID: c.ID}, store.Ref{Type: "company", ID: d.ID}
	want := func(ref store.Ref, want ...store.Referrer) {
		t.Helper()
		got := must(p, func(tx store.ReadTx) ([]store.Referrer, error) { return tx.Referrers(ref, 100) })
		if !sameSet(got, want) {
			t.Errorf("%v is referred to by %v; want %v", ref, got, want)
		}
	}
	want(toC)
	u := newUser("u")
	u.Fields = store.Fields{"company": toC}
	p.update(func(tx store.WriteTx) error { return store.SaveUser(tx, s, u) })
	o := putObject(p, &store.Object{Type: "branch", Fields: store.Fields{"of": toC, "also": toC, "not": "company"}})
	want(toC, store.Referrer{Type: "user", ID: u.ID, Field: "company"},
		store.Referrer{Type: "branch", ID: o.ID, Field: "of"}, store.Referrer{Type: "branch", ID: o.ID, Field: "also"})
	if n := len(must(p, func(tx store.ReadTx) ([]store.Referrer, error) { return tx.Referrers(toC, 2) })); n != 2 {
		t.Errorf("%d referrers with limit 2", n)
	}
	var referenced *store.ReferencedError
	if err := p.fails(func(tx store.WriteTx) error { return store.RemoveObject(tx, toC) }); !errors.As(err, &referenced) || len(referenced.By) != 3 {
		t.Errorf("removing what is referred to: %v", err)
	}
	u.Fields["company"] = toD
	p.update(func(tx store.WriteTx) error { return store.SaveUser(tx, s, u) })
	o.Fields = store.Fields{"also": toC}
	putObject(p, o)
	want(toC, store.Referrer{Type: "branch", ID: o.ID, Field: "also"})
	want(toD, store.Referrer{Type: "user", ID: u.ID, Field: "company"})
	p.update(func(tx store.WriteTx) error { return tx.DeleteObject(store.Ref{Type: "branch", ID: o.ID}) })
	want(toC)
	p.update(func(tx store.WriteTx) error { return store.RemoveObject(tx, toC) })
	p.update(func(tx store.WriteTx) error { return tx.DeleteUser(u.ID) })
	want(toD)
	missing := newUser("v")
	missing.Fields = store.Fields{"company": toC}
	var invalid *store.InvalidError
	if err := p.fails(func(tx store.WriteTx) error { return store.SaveUser(tx, s, missing) }); !errors.As(err, &invalid) {
		t.Errorf("referring to what is not there: %v", err)
	}
}

func testObjectUniqueness(t *testing.T, p *place) {
	a := putObject(p, company("A"), "name")
	conflict(t, p.fails(func(tx store.WriteTx) error { return tx.PutObject(company("A"), []string{"name"}) }), "company", "name")
	putObject(p, &store.Object{Type: "branch", Fields: store.Fields{"name": "A"}}, "name")
	u := newUser("u")
	u.Fields = store.Fields{"name": "A"}
	putUser(p, u, "name")
	a.Fields["name"] = "B"
	putObject(p, a, "name")
	putObject(p, company("A"), "name")
	p.update(func(tx store.WriteTx) error { return tx.DeleteObject(store.Ref{Type: "company", ID: a.ID}) })
	putObject(p, company("B"), "name")
}

func sameSet[T comparable](a, b []T) bool {
	count := map[T]int{}
	for _, v := range a {
		count[v]++
	}
	for _, v := range b {
		count[v]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}
