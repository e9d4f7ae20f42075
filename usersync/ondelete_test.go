package usersync

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// onDeleteModes are what stays of u0, who was active, and of u1, who was not.
var onDeleteModes = []struct {
	mode       OnDelete
	was0, was1 any // is_active
	fields     bool
}{
	{"", false, false, true},
	{KeepDeleted, true, false, true},
	{DisableDeleted, false, false, true},
	{RemoveDeleted, nil, nil, false},
}

// wantRemains fails unless users 1 and 2 are tombstones with what stays of them.
func wantRemains(t *testing.T, m *Mirror, fields bool, was ...any) {
	t.Helper()
	for i, active := range was {
		rec := record(t, m.Store, "user", int64(i+1))
		if rec == nil || !rec.Deleted {
			t.Errorf("user %d is %+v", i+1, rec)
			continue
		}
		if !fields {
			if len(rec.Fields) > 0 {
				t.Errorf("of user %d stays %v", i+1, rec.Fields)
			}
			continue
		}
		want := store.Fields{"username": fmt.Sprintf("u%d", i), "is_active": active, "company": store.Ref{Type: "company", ID: 1}}
		for name, v := range want {
			if !reflect.DeepEqual(rec.Fields[name], v) {
				t.Errorf("of user %d stays %s = %v; want %v", i+1, name, rec.Fields[name], v)
			}
		}
	}
}

// deleteTwo has a mirror in that mode follow a server that deletes two of three
// users, both of them signed in.
func deleteTwo(t *testing.T, mode OnDelete) (*Mirror, store.Store) {
	t.Helper()
	s := openStore(t)
	directory(t, s, 3)
	setUser(t, s, 2, func(u *store.User) { u.IsActive = false })
	m := newMirror(t, openStore(t))
	m.OnDelete = mode
	fill(t, m, s)
	update(t, m.Store, func(tx store.WriteTx) error {
		for _, id := range []string{"1", "2", "3"} {
			err := tx.PutSession(&store.Session{Realm: "wiki", Hash: store.HashOf(id), Subject: id, CreatedAt: day, AuthTime: day,
				LastSeen: day, IdleExpiresAt: day.AddDate(9, 0, 0), ExpiresAt: day.AddDate(9, 0, 0)})
			if err != nil {
				return err
			}
		}
		return nil
	})
	deleteUsers(t, s, 1, 2)
	fill(t, m, s)
	return m, s
}

func deleteUsers(t *testing.T, s store.Store, ids ...int64) {
	t.Helper()
	update(t, s, func(tx store.WriteTx) error {
		for _, id := range ids {
			if err := tx.DeleteUser(id); err != nil {
				return err
			}
		}
		return nil
	})
}

// resync has the mirror filled anew by the server it follows.
func resync(t *testing.T, m *Mirror, s store.Store) {
	t.Helper()
	beginResync(t, m, s)
	fill(t, m, s)
}

// beginResync has the mirror take the first batch of that, which is all there is
// of a small directory.
func beginResync(t *testing.T, m *Mirror, s store.Store) {
	t.Helper()
	b := next(t, s, Position{})
	b.Resync, b.IssuedAt = true, time.Now().Unix()
	if _, ok := apply(t, m, b); !ok {
		t.Fatal("the mirror does not let itself be filled anew")
	}
}

// What stays of the deleted is what the mode says, it makes no difference to the
// digest, and it stays through replays, resyncs and repairs.
func TestOnDelete(t *testing.T) {
	for _, c := range onDeleteModes {
		t.Run(string(c.mode), func(t *testing.T) {
			m, s := deleteTwo(t, c.mode)
			check := func(when string) {
				t.Helper()
				wantRemains(t, m, c.fields, c.was0, c.was1)
				same(t, m, s)
				if u := record(t, m.Store, "user", 3); u.Deleted || u.Fields["is_active"] != true {
					t.Errorf("%s another user is %+v", when, u)
				}
				if t.Failed() {
					t.Fatal(when)
				}
			}
			check("after it was deleted")
			view(t, m.Store, func(tx store.ReadTx) error {
				for id, want := range map[string]int{"1": 0, "2": 0, "3": 1} {
					if sessions, err := tx.SessionsOf("wiki", id); err != nil || len(sessions) != want {
						t.Errorf("user %s has sessions %v, %v", id, sessions, err)
					}
				}
				return nil
			})
			apply(t, m, next(t, s, at(feedOf(t, s).ID, feedOf(t, s).Head-1)))
			check("after the same batch again")
			for range 2 {
				resync(t, m, s)
				check("after a resync")
			}
			update(t, m.Store, func(tx store.WriteTx) error { // somebody meddled
				return tx.PutMirrorRecord("wiki", &store.Record{Type: "user", ID: "7777", Version: 3, Fields: store.Fields{"username": "ghost"}})
			})
			b := next(t, s, at(feedOf(t, s).ID, feedOf(t, s).Head))
			b.IssuedAt = time.Now().Unix()
			if _, ok := apply(t, m, b); ok {
				t.Fatal("a mirror that differs takes a batch")
			}
			fill(t, m, s)
			check("after the mirror repaired itself")
		})
	}
}

// Who is deleted in the midst of a resync leaves what the one that is replaced
// knows, and what the new one had already been told.
func TestOnDeleteWithinResync(t *testing.T) {
	for _, c := range onDeleteModes {
		t.Run(string(c.mode), func(t *testing.T) {
			s := openStore(t)
			directory(t, s, 1200)
			for _, id := range []int64{1, 2} { // so that they come last
				setUser(t, s, id, func(u *store.User) { u.IsActive = id == 1 })
			}
			m := newMirror(t, openStore(t))
			m.OnDelete = c.mode
			fill(t, m, s)
			beginResync(t, m, s)
			if mirrorState(t, m.Store, m.fresh()).FeedID == "" {
				t.Fatal("the resync is over after one batch")
			}
			// 5 is in the fresh mirror; 1 and 2 are not yet.
			deleteUsers(t, s, 1, 2, 5)
			fill(t, m, s)
			same(t, m, s)
			wantRemains(t, m, c.fields, c.was0, c.was1)
			rec := record(t, m.Store, "user", 5)
			if has := rec.Fields["username"] == "u4"; !rec.Deleted || has != c.fields || rec.Fields["is_active"] != c.was0 {
				t.Errorf("of one that it had been told of stays %+v", rec)
			}
		})
	}
}

// What came of another feed may be of another person, and what another view let
// see may not be for this one: nothing of it stays.
func TestOnDeleteForgets(t *testing.T) {
	t.Run("another feed", func(t *testing.T) {
		m, _ := deleteTwo(t, KeepDeleted)
		s := openStore(t)
		directory(t, s, 3)
		deleteUsers(t, s, 1, 2)
		fill(t, m, s)
		same(t, m, s)
		wantRemains(t, m, false, nil, nil)
	})
	t.Run("another view", func(t *testing.T) {
		m, s := deleteTwo(t, KeepDeleted)
		names := NewView(store.DefaultSchema(), "wiki", "", []string{"email"})
		var b *Batch
		view(t, s, func(tx store.ReadTx) (err error) {
			b, err = nextBatch(tx, names, Position{})
			return err
		})
		b.IssuedAt = time.Now().Unix()
		if p, ok := apply(t, m, b); !ok || p.View != names.ID() {
			t.Fatalf("%v, %+v", ok, p)
		}
		wantRemains(t, m, false, nil, nil)
	})
	t.Run("a new mirror", func(t *testing.T) {
		_, s := deleteTwo(t, KeepDeleted)
		m := newMirror(t, openStore(t))
		m.OnDelete = KeepDeleted
		fill(t, m, s)
		same(t, m, s)
		wantRemains(t, m, false, nil, nil)
	})
}

func TestOnDeleteCheck(t *testing.T) {
	for _, c := range onDeleteModes {
		if err := c.mode.Check(); err != nil {
			t.Error(err)
		}
	}
	if err := OnDelete("Keep").Check(); err == nil || !strings.Contains(err.Error(), "'Keep'") {
		t.Errorf("Keep: %v", err)
	}
}
