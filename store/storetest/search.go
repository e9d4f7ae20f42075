package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

// found are the usernames of all pages, in the order in which they come.
func found(p *place, q store.UserQuery, limit int) []string {
	p.t.Helper()
	q.Limit = limit
	var names []string
	for range 1000 {
		page := must(p, func(tx store.ReadTx) (*store.UserPage, error) { return tx.SearchUsers(q) })
		if len(page.Users) > limit {
			p.t.Fatalf("%d users where %d were asked for", len(page.Users), limit)
		}
		names = append(names, usernames(page.Users)...)
		if page.Next == "" {
			return names
		}
		q.After = page.Next
	}
	p.t.Fatal("the pages have no end")
	return nil
}

func peopleToFind(p *place) {
	acme := store.Fields{"company": store.Ref{Type: "company", ID: 1}}
	for _, u := range []*store.User{
		{Username: "ada", FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.com", Groups: []string{"editors", "staff"}, Fields: acme},
		{Username: "Adam", FirstName: "Xaver", LastName: "Adams", Email: "x@example.com", Groups: []string{"editors"}},
		{Username: "bob", FirstName: "Ådne", LastName: "Berg", Email: "ADvent@example.com", IsStaff: true},
		{Username: "carl", FirstName: "Adele", Fields: store.Fields{"company": store.Ref{Type: "company", ID: 1}, "boss": store.Ref{Type: "user", ID: 1}}, IsSuperuser: true, IsStaff: true},
		{Username: "dora", LastName: "adler", Groups: []string{"staff", "staff"}},
		{Username: "eve", Groups: []string{"a,b"}},
		{Username: strings.Repeat("ж", 120), Email: ""}, // too long for many an index
	} {
		u.IsActive, u.DateJoined = u.Username != "dora", day
		putUser(p, u)
	}
}

func testSearchUsers(t *testing.T, p *place) {
	peopleToFind(p)
	long := strings.Repeat("ж", 120)
	for _, c := range []struct {
		what string
		q    store.UserQuery
		want []string // in any order
	}{
		{"all", store.UserQuery{}, []string{"ada", "Adam", "bob", "carl", "dora", "eve", long}},
		{"a prefix", store.UserQuery{Prefix: "ad"}, []string{"ada", "Adam", "bob", "carl", "dora"}},
		{"in another case", store.UserQuery{Prefix: " AD"}, []string{"ada", "Adam", "bob", "carl", "dora"}},
		{"beyond ASCII", store.UserQuery{Prefix: "åD"}, []string{"bob"}},
		{"first and last name", store.UserQuery{Prefix: "ada lov"}, []string{"ada"}},
		{"last and first name", store.UserQuery{Prefix: "Lovelace A"}, []string{"ada"}},
		{"an address", store.UserQuery{Prefix: "x@ex"}, []string{"Adam"}},
		{"a long name", store.UserQuery{Prefix: long[:100]}, []string{long}},
		{"all of a long name", store.UserQuery{Prefix: long}, []string{long}},
		{"more than a long name", store.UserQuery{Prefix: long + "ж"}, nil},
		{"nobody", store.UserQuery{Prefix: "nobody"}, nil},
		{"what is no prefix", store.UserQuery{Prefix: "da"}, nil},
		{"a group", store.UserQuery{Group: "staff"}, []string{"ada", "dora"}},
		{"a group that is the beginning of another", store.UserQuery{Group: "editor"}, nil},
		{"a group with an odd name", store.UserQuery{Group: "a,b"}, []string{"eve"}},
		{"a relation", store.UserQuery{Where: store.Fields{"company": store.Ref{Type: "company", ID: 1}}}, []string{"ada", "carl"}},
		{"another relation", store.UserQuery{Where: store.Fields{"company": store.Ref{Type: "company", ID: 2}}}, nil},
		{"another field", store.UserQuery{Where: store.Fields{"employer": store.Ref{Type: "company", ID: 1}}}, nil},
		{"two relations", store.UserQuery{Where: store.Fields{"company": store.Ref{Type: "company", ID: 1}, "boss": store.Ref{Type: "user", ID: 1}}}, []string{"carl"}},
		{"two relations, of which nobody has one", store.UserQuery{Where: store.Fields{"company": store.Ref{Type: "company", ID: 1}, "boss": store.Ref{Type: "user", ID: 2}}}, nil},
		{"prefix and two relations", store.UserQuery{Prefix: "a", Where: store.Fields{"company": store.Ref{Type: "company", ID: 1}, "boss": store.Ref{Type: "user"}}}, nil},
		{"active", store.UserQuery{Status: store.StatusActive}, []string{"ada", "Adam", "bob", "carl", "eve", long}},
		{"disabled", store.UserQuery{Status: store.StatusDisabled}, []string{"dora"}},
		{"staff", store.UserQuery{Status: store.StatusStaff}, []string{"bob", "carl"}},
		{"superusers", store.UserQuery{Status: store.StatusSuperuser}, []string{"carl"}},
		{"no status there is", store.UserQuery{Status: "happy"}, nil},
		{"prefix and group", store.UserQuery{Prefix: "ad", Group: "editors"}, []string{"ada", "Adam"}},
		{"prefix and status", store.UserQuery{Prefix: "ad", Status: store.StatusDisabled}, []string{"dora"}},
		{"prefix and relation", store.UserQuery{Prefix: "a", Where: store.Fields{"company": store.Ref{Type: "company", ID: 1}}}, []string{"ada", "carl"}},
		{"group and status", store.UserQuery{Group: "staff", Status: store.StatusActive}, []string{"ada"}},
		{"all together", store.UserQuery{Prefix: "ada", Group: "staff", Status: store.StatusActive, Where: store.Fields{"company": store.Ref{Type: "company", ID: 1}}}, []string{"ada"}},
	} {
		for _, limit := range []int{1, 2, 100} {
			got := slices.Clone(found(p, c.q, limit))
			slices.Sort(got)
			want := slices.Clone(c.want)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s, %d at a time: %v; want %v", c.what, limit, got, want)
			}
		}
	}
	if got := found(p, store.UserQuery{Prefix: "ad"}, 2); !slices.Equal(got[:2], []string{"ada", "Adam"}) {
		t.Errorf("usernames do not come first: %v", got)
	}
}

func testSearchPages(t *testing.T, p *place) {
	var want []string
	for i := range 250 {
		u := newUser(name("user", i))
		u.FirstName = "User"
		putUser(p, u)
		want = append(want, u.Username)
	}
	for _, q := range []store.UserQuery{{}, {Prefix: "user"}, {Prefix: "user0"}} {
		want := slices.Clone(want)
		if q.Prefix == "user0" {
			want = want[:100]
		}
		got := found(p, q, 7)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %d users page by page, want %d", q.Prefix, len(got), len(want))
		}
	}
	for _, after := range []string{"x", "!", "AAAA", strings.Repeat("A", 10000)} {
		page := must(p, func(tx store.ReadTx) (*store.UserPage, error) {
			return tx.SearchUsers(store.UserQuery{Prefix: "user", After: after, Limit: 5})
		})
		if !slices.Equal(usernames(page.Users), want[:5]) {
			t.Errorf("after %.20q, which never was a next: %v", after, usernames(page.Users))
		}
	}
	// One query's cursor shows nothing that another query asks not for.
	page := must(p, func(tx store.ReadTx) (*store.UserPage, error) { return tx.SearchUsers(store.UserQuery{Limit: 5}) })
	if got := must(p, func(tx store.ReadTx) (*store.UserPage, error) {
		return tx.SearchUsers(store.UserQuery{Status: store.StatusSuperuser, After: page.Next, Limit: 5})
	}); len(got.Users) != 0 {
		t.Errorf("another query's cursor shows %v", usernames(got.Users))
	}
}

func testSearchFollows(t *testing.T, p *place) {
	peopleToFind(p)
	u := must(p, func(tx store.ReadTx) (*store.User, error) { return tx.UserByUsername("ada") })
	u.Username, u.FirstName, u.Email, u.Groups, u.IsActive, u.Fields = "zoe", "Zoë", "zoe@example.com", []string{"new"}, false, nil
	putUser(p, u)
	p.reopen()
	for _, c := range []struct {
		q    store.UserQuery
		want []string
	}{
		{store.UserQuery{Prefix: "ada"}, []string{"Adam"}},
		{store.UserQuery{Prefix: "zo"}, []string{"zoe"}},
		{store.UserQuery{Prefix: "lovelace z"}, []string{"zoe"}},
		{store.UserQuery{Group: "editors"}, []string{"Adam"}},
		{store.UserQuery{Group: "new"}, []string{"zoe"}},
		{store.UserQuery{Status: store.StatusDisabled}, []string{"dora", "zoe"}},
		{store.UserQuery{Where: store.Fields{"company": store.Ref{Type: "company", ID: 1}}}, []string{"carl"}},
	} {
		got := found(p, c.q, 10)
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("after a change, %+v: %v; want %v", c.q, got, c.want)
		}
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteUser(u.ID) })
	for _, q := range []store.UserQuery{{Prefix: "zo"}, {Group: "new"}} {
		if got := found(p, q, 10); len(got) != 0 {
			t.Errorf("after it was deleted, %+v: %v", q, got)
		}
	}
	// What was not committed is not found.
	p.fails(func(tx store.WriteTx) error {
		if err := tx.PutUser(newUser("never"), nil); err != nil {
			return err
		}
		page, err := tx.SearchUsers(store.UserQuery{Prefix: "never", Limit: 5})
		if err == nil && len(page.Users) != 1 {
			t.Error("a transaction does not find what it wrote")
		}
		return fmt.Errorf("taken back")
	})
	if got := found(p, store.UserQuery{Prefix: "never"}, 10); len(got) != 0 {
		t.Errorf("what was taken back is found: %v", got)
	}
}

func testGroups(t *testing.T, p *place) {
	peopleToFind(p)
	groups := func(after string, limit int) []store.Group {
		return must(p, func(tx store.ReadTx) ([]store.Group, error) { return tx.Groups(after, limit) })
	}
	if got, want := groups("", 10), []store.Group{{Name: "a,b", Members: 1}, {Name: "editors", Members: 2}, {Name: "staff", Members: 2}}; !slices.Equal(got, want) {
		t.Errorf("groups %v; want %v", got, want)
	}
	if got, want := groups("a,b", 1), []store.Group{{Name: "editors", Members: 2}}; !slices.Equal(got, want) {
		t.Errorf("the page after the first: %v; want %v", got, want)
	}
	ada := must(p, func(tx store.ReadTx) (*store.User, error) { return tx.UserByUsername("ada") })
	ada.Groups = []string{"staff", "zebras"}
	putUser(p, ada)
	eve := must(p, func(tx store.ReadTx) (*store.User, error) { return tx.UserByUsername("eve") })
	p.update(func(tx store.WriteTx) error { return tx.DeleteUser(eve.ID) })
	p.reopen()
	if got, want := groups("", 10), []store.Group{{Name: "editors", Members: 1}, {Name: "staff", Members: 2}, {Name: "zebras", Members: 1}}; !slices.Equal(got, want) {
		t.Errorf("groups after a change: %v; want %v", got, want)
	}
}

func testSearchObjects(t *testing.T, p *place) {
	put := func(o *store.Object) *store.Object {
		p.update(func(tx store.WriteTx) error { return tx.PutObject(o, nil) })
		return o
	}
	acme := put(&store.Object{Type: "company", Fields: store.Fields{"name": "Acme", "motto": "ACME it is", "size": int64(7)}})
	put(&store.Object{Type: "company", Fields: store.Fields{"name": "Ächt", "motto": "Acid"}})
	put(&store.Object{Type: "companyx", Fields: store.Fields{"name": "Acme"}})
	put(&store.Object{Type: "company"})
	names := func(q store.ObjectQuery, limit int) string {
		q.Type, q.Limit = "company", limit
		var all []string
		for range 100 {
			page := must(p, func(tx store.ReadTx) (*store.ObjectPage, error) { return tx.SearchObjects(q) })
			for _, o := range page.Objects {
				all = append(all, o.Fields.Text("name"))
			}
			if q.After = page.Next; q.After == "" {
				return strings.Join(all, "|")
			}
		}
		t.Fatal("the pages have no end")
		return ""
	}
	for prefix, want := range map[string]string{"": "Acme|Ächt|", "ac": "Ächt|Acme", "ACME": "Acme", "acme i": "Acme", "äCH": "Ächt", "7": "", "cme": ""} {
		for _, limit := range []int{1, 10} {
			if got := names(store.ObjectQuery{Prefix: prefix}, limit); got != want {
				t.Errorf("%q, %d at a time: %q; want %q", prefix, limit, got, want)
			}
		}
	}
	acme.Fields = store.Fields{"name": "Zoo"}
	put(acme)
	if got := names(store.ObjectQuery{Prefix: "acme"}, 10) + names(store.ObjectQuery{Prefix: "zo"}, 10); got != "Zoo" {
		t.Errorf("after a change: %q", got)
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteObject(store.Ref{Type: "company", ID: acme.ID}) })
	if got := names(store.ObjectQuery{Prefix: "zo"}, 10); got != "" {
		t.Errorf("after it was deleted: %q", got)
	}
}

// Objects are found by what they refer to and by their choices, as the schema reads
// them, also together and with how a text begins.
func testSearchObjectsByValue(t *testing.T, p *place) {
	at := func(id int64) store.Ref { return store.Ref{Type: "country", ID: id} }
	schema := &store.Schema{Objects: []store.ObjectType{
		{Name: "country"},
		{Name: "company", Fields: []store.Field{
			{Name: "name", Type: store.Text},
			{Name: "country", Type: store.Relation, Target: "country"}, {Name: "founded_in", Type: store.Relation, Target: "country"},
			{Name: "kind", Type: store.Choice, Choices: []string{"Buyer", "Seller", strings.Repeat("long ", 20) + "A", strings.Repeat("long ", 20) + "B"}},
			{Name: "state", Type: store.Choice, Choices: []string{"open", "closed"}, Default: "open"},
		}},
	}}
	long := strings.Repeat("long ", 20)
	for _, f := range []store.Fields{
		{"name": "Acme", "country": at(1), "kind": "Buyer", "state": "open"},
		{"name": "Buyer", "country": at(2), "kind": "Seller"},
		{"name": "Acid", "country": at(1), "founded_in": at(2), "kind": "Seller", "state": "closed"},
		{"name": "Beta", "founded_in": at(1), "kind": long + "A", "state": "gone"}, // which was a choice once
		{"name": "Beth", "kind": long + "B"},
		{"name": "Both", "kind": "buyer"}, // which never was one
	} {
		p.update(func(tx store.WriteTx) error { return tx.PutObject(&store.Object{Type: "company", Fields: f}, nil) })
	}
	p.update(func(tx store.WriteTx) error {
		return tx.PutObject(&store.Object{Type: "companyx", Fields: store.Fields{"name": "Acne", "country": at(1), "kind": "Buyer"}}, nil)
	})
	names := func(q store.ObjectQuery, limit int) string {
		q.Type, q.Schema, q.Limit = "company", schema, limit
		var all []string
		for range 100 {
			page := must(p, func(tx store.ReadTx) (*store.ObjectPage, error) { return tx.SearchObjects(q) })
			for _, o := range page.Objects {
				all = append(all, o.Fields.Text("name"))
			}
			if q.After = page.Next; q.After == "" {
				slices.Sort(all)
				return strings.Join(all, " ")
			}
		}
		t.Fatal("the pages have no end")
		return ""
	}
	for _, c := range []struct {
		q    store.ObjectQuery
		want string
	}{
		{store.ObjectQuery{Where: store.Fields{"country": at(1)}}, "Acid Acme"},
		{store.ObjectQuery{Where: store.Fields{"founded_in": at(1)}}, "Beta"},
		{store.ObjectQuery{Where: store.Fields{"country": at(3)}}, ""},
		{store.ObjectQuery{Where: store.Fields{"country": store.Ref{Type: "country"}}}, ""},
		{store.ObjectQuery{Where: store.Fields{"country": at(1), "founded_in": at(2)}}, "Acid"},
		{store.ObjectQuery{Where: store.Fields{"kind": "Seller"}}, "Acid Buyer"},
		{store.ObjectQuery{Where: store.Fields{"kind": "Buyer"}}, "Acme"},
		{store.ObjectQuery{Where: store.Fields{"kind": long + "B"}}, "Beth"},
		{store.ObjectQuery{Where: store.Fields{"kind": "Seller", "country": at(1)}}, "Acid"},
		{store.ObjectQuery{Where: store.Fields{"state": "closed"}}, "Acid"},
		{store.ObjectQuery{Where: store.Fields{"state": "open"}}, "Acme Beta Beth Both Buyer"},
		{store.ObjectQuery{Where: store.Fields{"state": "open", "kind": "Seller"}}, "Buyer"},
		{store.ObjectQuery{Where: store.Fields{"nonsense": "open"}}, ""},
		{store.ObjectQuery{Prefix: "ac", Where: store.Fields{"kind": "Buyer"}}, "Acme"},
		{store.ObjectQuery{Prefix: "B", Where: store.Fields{"state": "open"}}, "Acme Beta Beth Both Buyer"}, // Acme is a Buyer
		{store.ObjectQuery{Prefix: "b", Where: store.Fields{"country": at(1)}}, "Acme"},
	} {
		for _, limit := range []int{1, 2, 10} {
			if got := names(c.q, limit); got != c.want {
				t.Errorf("%q %v, %d at a time: %q; want %q", c.q.Prefix, c.q.Where, limit, got, c.want)
			}
		}
	}
	// One query's cursor shows nothing that another query asks not for.
	page := must(p, func(tx store.ReadTx) (*store.ObjectPage, error) {
		return tx.SearchObjects(store.ObjectQuery{Type: "company", Schema: schema, Where: store.Fields{"country": at(1)}, Limit: 1})
	})
	if got := names(store.ObjectQuery{Where: store.Fields{"kind": "Seller"}, After: page.Next}, 10); got != "Acid Buyer" {
		t.Errorf("after another query's page: %q", got)
	}
	p.update(func(tx store.WriteTx) error {
		o, err := tx.Object(store.Ref{Type: "company", ID: 1})
		if err != nil {
			return err
		}
		o.Fields["country"], o.Fields["kind"] = at(2), "Seller"
		return tx.PutObject(o, nil)
	})
	p.reopen()
	if got := names(store.ObjectQuery{Where: store.Fields{"country": at(1)}}, 10) + "|" + names(store.ObjectQuery{Where: store.Fields{"kind": "Seller"}}, 10); got != "Acid|Acid Acme Buyer" {
		t.Errorf("after a change: %q", got)
	}
}
