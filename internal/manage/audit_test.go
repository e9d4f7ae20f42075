package manage_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// log is what the audit log has, newest first.
func log(t *testing.T, m *manage.Manager) (records []*store.AuditRecord) {
	t.Helper()
	if err := m.Store.View(t.Context(), func(tx store.ReadTx) (err error) {
		records, _, err = tx.Audit(&store.AuditQuery{}, 1000)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return records
}

// TestEveryDeedIsInTheLog: each leaves one record of who did it to whom, from where;
// the same refused leaves none, and neither does what changes nothing.
func TestEveryDeedIsInTheLog(t *testing.T) {
	ctx := context.Background()
	company := store.Ref{Type: "company", ID: 1}
	user := func(fn func(*manage.Manager, manage.Actor, manage.Finder) error) func(*manage.Manager, manage.Actor) error {
		return func(m *manage.Manager, by manage.Actor) error {
			return fn(m, by, func(tx store.UserReader) (*store.User, error) { return tx.UserByUsername("person2") })
		}
	}
	do := func(op manage.Operation) func(*manage.Manager, manage.Actor) error {
		return user(func(m *manage.Manager, by manage.Actor, who manage.Finder) error {
			return m.Do(ctx, by, who, op, "group")
		})
	}
	clients := func(m *manage.Manager) *manage.Clients { return &manage.Clients{Manager: m, Key: store.NewMasterKey()} }
	list := func(typ, text string) func(*manage.Manager, manage.Actor) error {
		return func(m *manage.Manager, by manage.Actor) error {
			l, err := manage.ReadCSV(strings.NewReader(text), m.Schema, typ)
			if err != nil {
				return err
			}
			_, err = m.Import(ctx, by, l, false, func(int) {})
			return err
		}
	}
	for _, d := range []struct {
		action store.AuditAction
		target string // its type and what it is called
		do     func(*manage.Manager, manage.Actor) error
	}{
		{store.ActionUserCreate, "user new", func(m *manage.Manager, by manage.Actor) error {
			_, err := m.CreateUser(ctx, by, &store.User{Username: "new", IsActive: true}, "hash")
			return err
		}},
		{store.ActionUserChange, "user person2", user(func(m *manage.Manager, by manage.Actor, who manage.Finder) error {
			_, err := m.ChangeUser(ctx, by, who, func(u *store.User) error { u.FirstName = "New"; return nil })
			return err
		})},
		{store.ActionUserDisable, "user person2", do(manage.Disable)},
		{store.ActionUserDelete, "user person2", do(manage.Delete)},
		{store.ActionSessionEndAll, "user person2", do(manage.SignOut)},
		{store.ActionUserChange, "user person2", do(manage.AddToGroup)},
		{store.ActionUserChange, "user person2", user(func(m *manage.Manager, by manage.Actor, who manage.Finder) error {
			return m.Do(ctx, by, who, manage.RemoveFromGroup, "editors")
		})},
		{store.ActionPasswordSet, "user person2", user(func(m *manage.Manager, by manage.Actor, who manage.Finder) error {
			_, err := m.SetPassword(ctx, by, who, "other")
			return err
		})},
		{store.ActionFactorReset, "user person2", user(func(m *manage.Manager, by manage.Actor, who manage.Finder) error {
			_, _, err := m.ResetFactors(ctx, by, who)
			return err
		})},
		{store.ActionSessionEnd, "user person2", user(func(m *manage.Manager, by manage.Actor, who manage.Finder) error {
			return m.EndSession(ctx, by, who, (&store.Session{Hash: store.HashOf("session")}).Name())
		})},
		{store.ActionConsentRevoke, "user person2", user(func(m *manage.Manager, by manage.Actor, who manage.Finder) error {
			return m.EndAccess(ctx, by, who, "wiki")
		})},
		{store.ActionUserChange, "user person2", func(m *manage.Manager, by manage.Actor) error {
			return m.RenameGroup(ctx, by, "editors", "authors", func(int) {})
		}},
		{store.ActionUserCreate, "user listed", list(store.UserType, "username\nlisted\n")},
		{store.ActionUserChange, "user person2", list(store.UserType, "username,first_name\nperson2,New\n")},
		{store.ActionPasswordSet, "user person2", list(store.UserType, "username,password_hash\nperson2,\""+someHash+"\"\n")},
		{store.ActionUserExport, " ", func(m *manage.Manager, by manage.Actor) error {
			_, err := m.ExportUsers(ctx, by, "csv", store.UserQuery{})
			return err
		}},
		{store.ActionObjectCreate, "company Beta", func(m *manage.Manager, by manage.Actor) error {
			_, err := m.CreateObject(ctx, by, &store.Object{Type: "company", Fields: store.Fields{"name": "Beta"}})
			return err
		}},
		{store.ActionObjectChange, "company Gamma", func(m *manage.Manager, by manage.Actor) error {
			_, err := m.ChangeObject(ctx, by, company, func(o *store.Object) error { o.Fields["name"] = "Gamma"; return nil })
			return err
		}},
		{store.ActionObjectDelete, "company Acme", func(m *manage.Manager, by manage.Actor) error { return m.DeleteObject(ctx, by, company) }},
		{store.ActionObjectDelete, "company Acme", func(m *manage.Manager, by manage.Actor) error {
			_, _, err := m.DeleteObjects(ctx, by, []store.Ref{company, {Type: "company", ID: 99}, company})
			return err
		}},
		{store.ActionObjectCreate, "company Listed", list("company", "name\nListed\n")},
		{store.ActionObjectChange, "company Acme", list("company", "name,primary_activity\nAcme,Buyer\n")},
		{store.ActionObjectExport, "company ", func(m *manage.Manager, by manage.Actor) error {
			_, err := m.ExportObjects(ctx, by, "csv", store.ObjectQuery{Type: "company"})
			return err
		}},
		{store.ActionClientCreate, "client New", func(m *manage.Manager, by manage.Actor) error {
			_, _, err := clients(m).Create(ctx, by, &store.Client{ID: "new", ClientSettings: store.ClientSettings{Name: "New", RedirectURIs: []string{"https://n.example.com/cb"}}})
			return err
		}},
		{store.ActionClientChange, "client Other", func(m *manage.Manager, by manage.Actor) error {
			return clients(m).Change(ctx, by, "wiki", func(s *store.ClientSettings) error { s.Name = "Other"; return nil })
		}},
		{store.ActionClientDisable, "client Wiki", func(m *manage.Manager, by manage.Actor) error { return clients(m).SetDisabled(ctx, by, "wiki", true) }},
		{store.ActionClientRotate, "client Wiki", func(m *manage.Manager, by manage.Actor) error {
			_, _, err := clients(m).Rotate(ctx, by, "wiki", time.Hour)
			return err
		}},
		{store.ActionClientDelete, "client Wiki", func(m *manage.Manager, by manage.Actor) error { return clients(m).Delete(ctx, by, "wiki") }},
		{store.ActionSyncResync, "client ", func(m *manage.Manager, by manage.Actor) error { return clients(m).Resync(ctx, by, "wiki") }},
	} {
		for _, who := range []string{"superuser", "person", "disabledstaff"} {
			m, people := newManager(t)
			fill(t, m, people["person2"])
			before := len(log(t, m))
			by := manage.Actor{UserID: people[who].ID, IP: "192.0.2.7", UserAgent: "A browser"}
			err := d.do(m, by)
			records := log(t, m)[:len(log(t, m))-before]
			if who != "superuser" {
				if !errors.Is(err, manage.ErrNotAllowed) || len(records) != 0 {
					t.Errorf("%s by %s: %v, and %d records", d.action, who, err, len(records))
				}
				continue
			}
			if err != nil || len(records) != 1 {
				t.Errorf("%s: %v, and %d records", d.action, err, len(records))
				continue
			}
			r := records[0]
			if got := fmt.Sprint(r.Target.Type, " ", r.Target.Name); r.Action != d.action || got != d.target || r.Actor != store.UserParty(people[who]) ||
				r.IP != by.IP || r.UserAgent != by.UserAgent || !r.Time.Equal(day) {
				t.Errorf("%s of %q: the record is %+v", d.action, d.target, r)
			}
		}
	}
}

// fill has person2 be signed in and have given something, a company, and a client.
func fill(t *testing.T, m *manage.Manager, person *store.User) {
	t.Helper()
	if _, err := m.CreateObject(t.Context(), manage.Actor{}, &store.Object{Type: "company", Fields: store.Fields{"name": "Acme"}}); err != nil {
		t.Fatal(err)
	}
	later := day.Add(time.Hour)
	if err := m.Store.Update(t.Context(), func(tx store.WriteTx) error {
		return errors.Join(
			tx.PutSession(&store.Session{Realm: store.ServerRealm, Hash: store.HashOf("session"), Subject: strconv.FormatInt(person.ID, 10), IdleExpiresAt: later, ExpiresAt: later}),
			tx.PutFamily(&store.Family{ID: "f", ClientID: "wiki", UserID: person.ID, ExpiresAt: later}),
			tx.PutClient(&store.Client{ID: "wiki", ClientSettings: store.ClientSettings{Name: "Wiki", RedirectURIs: []string{"https://w.example.com/cb"}}}),
		)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatChangesNothingIsNotInTheLog(t *testing.T) {
	m, people := newManager(t)
	person := people["person2"]
	fill(t, m, person)
	by, who, before := manage.Actor{}, manage.ByID(person.ID), len(log(t, m))
	_, changed := m.ChangeUser(t.Context(), by, who, func(*store.User) error { return nil })
	_, enabled := m.SetActive(t.Context(), by, who, true)
	_, object := m.ChangeObject(t.Context(), by, store.Ref{Type: "company", ID: 1}, func(*store.Object) error { return nil })
	clients := &manage.Clients{Manager: m}
	if err := errors.Join(changed, enabled, object, m.Do(t.Context(), by, who, manage.AddToGroup, "editors"), clients.SetDisabled(t.Context(), by, "wiki", false),
		clients.Change(t.Context(), by, "wiki", func(*store.ClientSettings) error { return nil })); err != nil {
		t.Fatal(err)
	}
	if got := len(log(t, m)) - before; got != 0 {
		t.Errorf("%d records", got)
	}
}
