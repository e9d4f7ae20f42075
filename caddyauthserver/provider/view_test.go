package provider_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// What a client's list does not name, the profile does not show it either.
func TestProfileOfListedFields(t *testing.T) {
	schema := &store.Schema{
		User: []store.Field{
			{Name: "company", Type: store.Relation, Target: "company"},
			{Name: "phone", Type: store.Text},
			{Name: "plan", Type: store.Text, Default: "free"},
		},
		Objects: []store.ObjectType{
			{Name: "company", Fields: []store.Field{{Name: "name", Type: store.Text}, {Name: "vat", Type: store.Text}, {Name: "country", Type: store.Relation, Target: "country"}}},
			{Name: "country", Fields: []store.Field{{Name: "name", Type: store.Text}, {Name: "code", Type: store.Text}}},
		},
	}
	s := newServer(t, func(c *provider.Config) { c.Schema = schema })
	s.update(func(tx store.WriteTx) error {
		country := &store.Object{Type: "country", Fields: store.Fields{"name": "Austria", "code": "AT"}}
		if err := store.SaveObject(tx, schema, country); err != nil {
			return err
		}
		company, err := tx.Object(store.Ref{Type: "company", ID: 1})
		if err != nil {
			return err
		}
		company.Fields = store.Fields{"name": "Acme", "vat": "U1", "country": store.Ref{Type: "country", ID: 1}}
		if err := store.SaveObject(tx, schema, company); err != nil {
			return err
		}
		u, err := tx.User(1)
		if err != nil {
			return err
		}
		u.Fields = store.Fields{"phone": "1", "company": store.Ref{Type: "company", ID: 1}}
		return store.SaveUser(tx, schema, u)
	})
	profile := func(list ...string) map[string]any {
		s.update(func(tx store.WriteTx) error {
			c, err := tx.Client("app")
			if err != nil {
				return err
			}
			c.Fields = list
			return tx.PutClient(c)
		})
		return s.call("GET", "/o/profile", "Bearer "+s.browser().tokens("read").access, nil).decode(t)
	}
	frame := "caddyito_feed id is_active sub type username version"
	names := func(m any) string {
		return strings.Join(slices.Sorted(maps.Keys(m.(map[string]any))), " ")
	}
	got := profile()
	if got["phone"] != "1" || got["plan"] != "free" || names(got["company"]) != "country id name type vat version" {
		t.Errorf("without a list: %v", got)
	}
	if got = profile("email"); names(got) != strings.Replace(frame, " id ", " email id ", 1) {
		t.Errorf("email: %v", got)
	}
	got = profile("company.name", "company.country.code")
	if names(got) != strings.Replace(frame, " id ", " company id ", 1) || names(got["company"]) != "country id name type version" ||
		names(got["company"].(map[string]any)["country"]) != "code id type version" {
		t.Errorf("into relations: %v", got)
	}
}

// A code makes of who signs in one whom the client may know, and moves them
// before those that wait for it.
func TestVisitOfWhoSignsIn(t *testing.T) {
	s := newServer(t)
	state := func() (visited bool, version uint64) {
		s.update(func(tx store.WriteTx) (err error) {
			if visited, err = tx.Visited("app", 1); err != nil {
				return err
			}
			u, err := tx.User(1)
			version = u.Version
			return err
		})
		return visited, version
	}
	s.update(func(tx store.WriteTx) error {
		c, err := tx.Client("app")
		if err != nil {
			return err
		}
		c.Sync = store.SyncGranted
		return tx.PutClient(c)
	})
	b := s.browser()
	b.signIn("alice", alicePassword)
	visited, before := state()
	if visited {
		t.Error("who signs in at the server is known to the app")
	}
	b.tokens("openid")
	visited, after := state()
	if !visited || after <= before {
		t.Errorf("after a code: visited %t, version %d after %d", visited, after, before)
	}
	b.tokens("openid")
	if _, again := state(); again != after {
		t.Errorf("a second code moves the user from %d to %d", after, again)
	}
}
