package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

func testSchemaState(t *testing.T, p *place) {
	p.fails(func(tx store.WriteTx) error {
		if _, err := tx.SchemaState(); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("before the first: %v", err)
		}
		if err := tx.PutSchemaState(&store.SchemaState{Settled: true}); err != nil {
			return err
		}
		return errRefused
	})
	want := &store.SchemaState{Schema: *badges(true), Settled: true}
	p.update(func(tx store.WriteTx) error { return tx.PutSchemaState(want) })
	p.reopen()
	if got := must(p, store.ReadTx.SchemaState); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v; want %+v", got, want)
	}
}

// badges is a schema with a badge for users and a number for companies.
func badges(unique bool) *store.Schema {
	return &store.Schema{
		User:    []store.Field{{Name: "badge", Type: store.Integer, Unique: unique}},
		Objects: []store.ObjectType{{Name: "company", Fields: []store.Field{{Name: "number", Type: store.Text, Unique: unique}}}},
	}
}

// testAdoptSchema: a field that becomes unique is so for what was there before.
func testAdoptSchema(t *testing.T, p *place) {
	ctx := context.Background()
	adopt := func(s *store.Schema) error { return store.AdoptSchema(ctx, p.s, s) }
	if err := adopt(badges(false)); err != nil {
		t.Fatal(err)
	}
	save := func(s *store.Schema, name string, badge any) error {
		return p.s.Update(ctx, func(tx store.WriteTx) error {
			u := newUser(name)
			u.Fields = store.Fields{"badge": badge}
			return store.SaveUser(tx, s, u)
		})
	}
	const many = 1203 // more than a page
	p.update(func(tx store.WriteTx) error {
		for i := range int64(many) {
			u := newUser(fmt.Sprintf("u%d", i))
			u.Fields = store.Fields{"badge": i}
			if err := store.SaveUser(tx, badges(false), u); err != nil {
				return err
			}
		}
		for _, number := range []string{"a", "b"} {
			if err := store.SaveObject(tx, badges(false), &store.Object{Type: "company", Fields: store.Fields{"number": number}}); err != nil {
				return err
			}
		}
		return nil
	})

	if err := save(badges(false), "twin", int64(1200)); err != nil {
		t.Fatal(err)
	}
	before := must(p, store.ReadTx.Feed)
	err := adopt(badges(true))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf(`user.badge cannot be unique: user 1201 and %d both have "1200"`, many+1)) {
		t.Errorf("of two with the same badge it says %v", err)
	}
	if got := must(p, store.ReadTx.Feed); got != before {
		t.Error("what was refused changed something")
	}
	if got := must(p, store.ReadTx.SchemaState); !got.Settled || !got.Schema.Same(badges(false)) {
		t.Errorf("what was refused is kept: %+v", got)
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteUser(many + 1) })
	if err := adopt(badges(true)); err != nil {
		t.Fatal(err)
	}
	conflict := func(what string, err error) {
		t.Helper()
		if _, ok := errors.AsType[*store.ConflictError](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	conflict("the badge of one who was there before", save(badges(true), "other", int64(1200)))
	conflict("by a config that does not know yet", save(badges(false), "other", int64(0)))
	if err := save(badges(true), "other", int64(many)); err != nil {
		t.Errorf("a badge that nobody has: %v", err)
	}
	conflict("the number of a company", p.s.Update(ctx, func(tx store.WriteTx) error {
		return store.SaveObject(tx, badges(true), &store.Object{Type: "company", Fields: store.Fields{"number": "b"}})
	}))
	// A config that does not know yet takes no claim away.
	p.update(func(tx store.WriteTx) error {
		u, err := tx.User(1)
		if err != nil {
			return err
		}
		return store.KeepUser(tx, badges(false), u)
	})
	conflict("after it was written by such a config", save(badges(true), "another", int64(0)))

	before = must(p, store.ReadTx.Feed)
	if err := adopt(badges(true)); err != nil || must(p, store.ReadTx.Feed) != before {
		t.Errorf("adopting what is adopted writes: %v", err)
	}
	if err := adopt(badges(false)); err != nil {
		t.Fatal(err)
	}
	if err := save(badges(false), "other2", int64(7)); err != nil {
		t.Errorf("what is no longer unique: %v", err)
	}
	conflict("and again unique", wrapConflict(adopt(badges(true))))
}

// wrapConflict makes of the refusal of a schema what conflict looks for.
func wrapConflict(err error) error {
	if err != nil && strings.Contains(err.Error(), "cannot be unique") {
		return &store.ConflictError{}
	}
	return err
}

// testAdoptAgain: who crashed while claims were made begins again.
func testAdoptAgain(t *testing.T, p *place) {
	p.update(func(tx store.WriteTx) error {
		u := newUser("a")
		u.Fields = store.Fields{"badge": int64(7)}
		if err := store.SaveUser(tx, badges(false), u); err != nil {
			return err
		}
		return tx.PutSchemaState(&store.SchemaState{Schema: *badges(true)}) // as after a crash
	})
	if err := store.AdoptSchema(context.Background(), p.s, badges(true)); err != nil {
		t.Fatal(err)
	}
	err := p.s.Update(context.Background(), func(tx store.WriteTx) error {
		u := newUser("b")
		u.Fields = store.Fields{"badge": int64(7)}
		return store.SaveUser(tx, badges(true), u)
	})
	if _, ok := errors.AsType[*store.ConflictError](err); !ok {
		t.Errorf("the badge is taken, but saving says %v", err)
	}
}
