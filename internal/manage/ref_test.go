package manage_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

func TestResolveRef(t *testing.T) {
	m, _ := newManager(t)
	ids := map[string]int64{}
	for _, name := range []string{"Acme", "Acme Foods", "Beta", "Beta", "42", "Gamma (1)"} {
		o, err := m.CreateObject(t.Context(), manage.Actor{}, &store.Object{Type: "company", Fields: store.Fields{"name": name}})
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = o.ID
	}
	for text, want := range map[string]string{
		"1": "Acme", "Acme (1)": "Acme", " acme ": "Acme", "acme f": "Acme Foods", "42": "", "99": "", "Gamma (1)": "Acme",
		"beta": "several: Beta (3), Beta (4)", "acm": "several: Acme (1), Acme Foods (2)", "nothing": `no company "nothing"`,
	} {
		err := m.Store.View(t.Context(), func(tx store.ReadTx) error {
			ref, err := manage.ResolveRef(tx, m.Schema, "company", text)
			switch {
			case err == nil && ref.ID != ids[want]:
				t.Errorf("%q is %v; want %q", text, ref, want)
			case err != nil && (ids[want] != 0 || !strings.Contains(err.Error(), want)):
				t.Errorf("%q: %v; want %q", text, err, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A link made for somebody while they had no rights is none to somebody with rights.
func TestRaisingSomebodyEndsTheirLinks(t *testing.T) {
	m, people := newManager(t)
	later := day.Add(time.Hour)
	m.Now = func() time.Time { return later }
	if _, err := m.ChangeUser(t.Context(), manage.Actor{}, manage.ByID(people["person"].ID), func(u *store.User) error {
		u.IsStaff = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := m.Store.Update(t.Context(), func(tx store.WriteTx) error {
		c, err := tx.Credential(people["person"].ID)
		if err == nil && (!c.PasswordChangedAt.Equal(later) || c.PasswordHash != "hash") {
			t.Errorf("credential %+v", c)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
