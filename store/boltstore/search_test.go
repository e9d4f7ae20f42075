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
		"a relation of the last":   {Prefix: "user", Where: store.Fields{"company": store.Ref{Type: "company", ID: 1}}},
		"a name found another way": {Group: "all", Status: store.StatusActive, Where: store.Fields{"company": store.Ref{Type: "company", ID: 1}}},
	} {
		q.Limit = 5
		page := search(t, s, q)
		if len(page.Users) != 0 || page.Next == "" {
			t.Fatalf("%s: the first page has %d users and the next %q", what, len(page.Users), page.Next)
		}
		q.After = page.Next
		if page = search(t, s, q); len(page.Users) != 1 || page.Next != "" && len(search(t, s, store.UserQuery{Prefix: q.Prefix, Group: q.Group, Where: q.Where, After: page.Next, Limit: 5}).Users) != 0 {
			t.Errorf("%s: the second page has %d users", what, len(page.Users))
		}
	}
}

// Objects of a value that few have are found at once, and a page of what has no place
// of its own looks at so many only.
func TestSearchLooksAtSoManyObjectsOnly(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "auth.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	schema := &store.Schema{Objects: []store.ObjectType{{Name: "country"}, {Name: "company", Fields: []store.Field{
		{Name: "name", Type: store.Text}, {Name: "country", Type: store.Relation, Target: "country"},
		{Name: "kind", Type: store.Choice, Choices: []string{"Buyer", "Seller"}}, {Name: "state", Type: store.Choice, Choices: []string{"open", "closed"}, Default: "open"},
	}}}}
	austria := store.Ref{Type: "country", ID: 1}
	err = s.Update(t.Context(), func(tx store.WriteTx) error {
		for i := range maxLook + 10 {
			f := store.Fields{"name": fmt.Sprintf("company %05d", i), "kind": "Buyer", "state": "closed"}
			if i == maxLook+9 {
				f["kind"], f["country"] = "Seller", austria
				delete(f, "state")
			}
			if err := tx.PutObject(&store.Object{Type: "company", Fields: f}, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what  string
		q     store.ObjectQuery
		pages int
	}{
		{"a relation", store.ObjectQuery{Where: store.Fields{"country": austria}}, 1},
		{"a choice", store.ObjectQuery{Where: store.Fields{"kind": "Seller"}}, 1},
		{"a relation and a choice", store.ObjectQuery{Where: store.Fields{"country": austria, "kind": "Seller"}}, 1},
		{"a choice beside a default", store.ObjectQuery{Where: store.Fields{"kind": "Seller", "state": "open"}}, 1},
		{"a default", store.ObjectQuery{Where: store.Fields{"state": "open"}}, 2},
		{"a text and a relation", store.ObjectQuery{Prefix: "company", Where: store.Fields{"country": austria}}, 2},
	} {
		q := c.q
		q.Type, q.Schema, q.Limit = "company", schema, 5
		pages, found := 0, 0
		for {
			var page *store.ObjectPage
			err := s.View(t.Context(), func(tx store.ReadTx) (err error) {
				page, err = tx.SearchObjects(q)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			pages++
			found += len(page.Objects)
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if pages != c.pages || found != 1 {
			t.Errorf("%s: %d objects on %d pages, want 1 on %d", c.what, found, pages, c.pages)
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
