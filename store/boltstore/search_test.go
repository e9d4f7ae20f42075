package boltstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddyito/caddyito/store"
)

func searchable(t *testing.T, s *Store, n int) {
	t.Helper()
	for from := 0; from < n; from += 1000 {
		err := s.Update(t.Context(), func(tx store.WriteTx) error {
			for i := from; i < min(n, from+1000); i++ {
				u := &store.User{Username: fmt.Sprintf("user%05d", i), FirstName: "Ada", Groups: []string{"all"}, IsActive: true, DateJoined: time.Unix(1, 0)}
				if i == n-1 {
					u.Groups = append(u.Groups, "last")
					u.Fields = store.Fields{"company": store.Ref{Type: "company", ID: 1}}
				}
				if err := tx.PutUser(u, nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func search(t *testing.T, s *Store, q store.UserQuery) *store.UserPage {
	t.Helper()
	var page *store.UserPage
	err := s.View(t.Context(), func(tx store.ReadTx) (err error) {
		page, err = tx.SearchUsers(q)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// A page costs the same however many there are.
func TestSearchLooksAtSoManyOnly(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "auth.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	searchable(t, s, maxLook+10)
	for what, q := range map[string]store.UserQuery{
		"a relation of the last":   {Prefix: "user", Field: "company", Ref: store.Ref{Type: "company", ID: 1}},
		"a name found another way": {Group: "all", Status: store.StatusActive, Field: "company", Ref: store.Ref{Type: "company", ID: 1}},
	} {
		q.Limit = 5
		page := search(t, s, q)
		if len(page.Users) != 0 || page.Next == "" {
			t.Fatalf("%s: the first page has %d users and the next %q", what, len(page.Users), page.Next)
		}
		q.After = page.Next
		if page = search(t, s, q); len(page.Users) != 1 || page.Next != "" && len(search(t, s, store.UserQuery{Prefix: q.Prefix, Group: q.Group, Field: q.Field, Ref: q.Ref, After: page.Next, Limit: 5}).Users) != 0 {
			t.Errorf("%s: the second page has %d users", what, len(page.Users))
		}
	}
}

// A database of an older version gets what it lacks when it is opened, also when that
// was broken off before.
func TestSearchInAnOlderDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	searchable(t, s, searchStep+10)
	err = s.Update(t.Context(), func(tx store.WriteTx) error {
		return tx.PutObject(&store.Object{Type: "company", Fields: store.Fields{"name": "Acme"}}, nil)
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	for _, brokenOff := range []bool{false, true} {
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			if err := tx.Bucket([]byte("meta")).Put(keyFormat, []byte("3")); err != nil {
				return err
			}
			if brokenOff {
				return tx.Bucket([]byte("group")).Put(groupKey("all"), be64(3))
			}
			return errors.Join(tx.DeleteBucket([]byte("search")), tx.DeleteBucket([]byte("group")))
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(path, Options{}); err != nil {
			t.Fatal(err)
		}
		if page := search(t, s, store.UserQuery{Group: "last", Limit: 5}); len(page.Users) != 1 {
			t.Errorf("%d users are found", len(page.Users))
		}
		err = s.View(t.Context(), func(tx store.ReadTx) error {
			groups, err := tx.Groups("", 5)
			if len(groups) != 2 || groups[0].Members != searchStep+10 {
				t.Errorf("groups %v", groups)
			}
			page, err2 := tx.SearchObjects(store.ObjectQuery{Type: "company", Prefix: "ac", Limit: 5})
			if len(page.Objects) != 1 {
				t.Errorf("%d objects are found", len(page.Objects))
			}
			return errors.Join(err, err2)
		})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
