package manage_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

var day = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// newManager has somebody of each kind, twice.
func newManager(t *testing.T) (*manage.Manager, map[string]*store.User) {
	t.Helper()
	s, err := boltstore.Open(filepath.Join(t.TempDir(), "auth.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	m := &manage.Manager{Store: s, Schema: store.DefaultSchema(), Now: func() time.Time { return day }}
	people := map[string]*store.User{}
	for _, u := range []*store.User{
		{Username: "superuser", IsSuperuser: true}, {Username: "superuser2", IsSuperuser: true, IsStaff: true},
		{Username: "staff", IsStaff: true}, {Username: "staff2", IsStaff: true},
		{Username: "person"}, {Username: "person2", Groups: []string{"editors"}},
		{Username: "disabledstaff", IsStaff: true},
	} {
		u.IsActive = u.Username != "disabledstaff"
		if people[u.Username], err = m.CreateUser(t.Context(), manage.Actor{}, u, "hash"); err != nil {
			t.Fatal(err)
		}
	}
	return m, people
}

func TestWhoMayDoWhatToWhom(t *testing.T) {
	type act struct {
		name string
		do   func(*manage.Manager, manage.Actor, *store.User) error
	}
	ctx := context.Background()
	change := func(fn func(*store.User)) func(*manage.Manager, manage.Actor, *store.User) error {
		return func(m *manage.Manager, by manage.Actor, u *store.User) error {
			_, err := m.ChangeUser(ctx, by, manage.ByID(u.ID), func(u *store.User) error { fn(u); return nil })
			return err
		}
	}
	op := func(op manage.Operation) func(*manage.Manager, manage.Actor, *store.User) error {
		return func(m *manage.Manager, by manage.Actor, u *store.User) error {
			return m.Do(ctx, by, manage.ByID(u.ID), op, "group")
		}
	}
	rename := act{"rename", change(func(u *store.User) { u.FirstName = "New" })}
	raiseToStaff := act{"make staff", change(func(u *store.User) { u.IsStaff = true })}
	raise := act{"make superuser", change(func(u *store.User) { u.IsSuperuser = true })}
	lower := act{"take superuser", change(func(u *store.User) { u.IsSuperuser = false })}
	disableByEdit := act{"disable by an edit", change(func(u *store.User) { u.IsActive = false })}
	disable, remove := act{"disable", op(manage.Disable)}, act{"delete", op(manage.Delete)}
	password := act{"set password", func(m *manage.Manager, by manage.Actor, u *store.User) error {
		_, err := m.SetPassword(ctx, by, manage.ByID(u.ID), "other")
		return err
	}}
	factors := act{"reset factors", func(m *manage.Manager, by manage.Actor, u *store.User) error {
		_, _, err := m.ResetFactors(ctx, by, manage.ByID(u.ID))
		return err
	}}
	link := act{"make a link", func(m *manage.Manager, by manage.Actor, u *store.User) error {
		_, err := m.Check(ctx, by, manage.ByID(u.ID))
		return err
	}}
	harmless := []act{rename, {"enable", op(manage.Enable)}, {"sign out", op(manage.SignOut)}, {"add to group", op(manage.AddToGroup)},
		{"remove from group", op(manage.RemoveFromGroup)}, password, factors, link}
	raising := []act{raiseToStaff, raise}
	ending := []act{disable, disableByEdit, remove}
	all := append(append(append([]act{lower}, harmless...), raising...), ending...)

	yes, no, self := error(nil), manage.ErrNotAllowed, manage.ErrSelf
	for _, c := range []struct {
		who, whom string
		acts      []act
		want      error
	}{
		{"", "superuser", all, yes},
		{"", "person", all, yes},
		{"superuser", "superuser2", all, yes},
		{"superuser", "staff", all, yes},
		{"superuser", "person", all, yes},
		{"superuser", "superuser", harmless, yes},
		{"superuser", "superuser", raising, yes},
		{"superuser", "superuser", append([]act{lower}, ending...), self},
		{"staff", "superuser", all, no},
		{"staff", "staff2", all, no},
		{"staff", "staff", all, no},
		{"staff", "disabledstaff", all, no},
		{"staff", "person", harmless, yes},
		{"staff", "person", ending, yes},
		{"staff", "person", raising, no},
		{"person", "person2", all, no},
		{"person", "person", all, no},
		{"disabledstaff", "person", all, no},
		{"nobody", "person", all, no},
	} {
		for _, a := range c.acts {
			m, people := newManager(t)
			by := manage.Actor{}
			if who := people[c.who]; who != nil {
				by.UserID = who.ID
			} else if c.who != "" {
				by.UserID = 4711
			}
			before := people[c.whom]
			err := a.do(m, by, before)
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%q, %s of %s: %v; want %v", c.who, a.name, c.whom, err, c.want)
			}
			if c.want == nil {
				continue
			}
			if err := m.Store.View(ctx, func(tx store.ReadTx) error {
				u, err := tx.User(before.ID)
				if err == nil && u.Version != before.Version {
					t.Errorf("%q, %s of %s: refused, but done", c.who, a.name, c.whom)
				}
				cred, err2 := tx.Credential(before.ID)
				if err2 == nil && cred.PasswordHash != "hash" {
					t.Errorf("%q, %s of %s: refused, but the password is another", c.who, a.name, c.whom)
				}
				return errors.Join(err, err2)
			}); err != nil {
				t.Errorf("%q, %s of %s: %v", c.who, a.name, c.whom, err)
			}
		}
	}
}

func TestNobodyMakesSomebodyBeyondThemselves(t *testing.T) {
	m, people := newManager(t)
	for _, u := range []*store.User{{IsStaff: true}, {IsSuperuser: true}} {
		u.Username, u.IsActive = "new", true
		if _, err := m.CreateUser(t.Context(), manage.Actor{UserID: people["staff"].ID}, u, ""); !errors.Is(err, manage.ErrNotAllowed) {
			t.Errorf("staff made %+v: %v", u, err)
		}
	}
	if _, err := m.CreateUser(t.Context(), manage.Actor{UserID: people["staff"].ID}, &store.User{Username: "new", IsActive: true}, ""); err != nil {
		t.Errorf("staff cannot make anybody: %v", err)
	}
}

// Whoever was in as a person, a member of the staff who chose their password say, is
// not in as one with rights.
func TestWhoGetsRightsIsSignedOut(t *testing.T) {
	superuser := func(people map[string]*store.User) manage.Actor { return manage.Actor{UserID: people["superuser"].ID} }
	operator := func(map[string]*store.User) manage.Actor { return manage.Actor{} }
	change := func(fn func(*store.User)) func(*manage.Manager, manage.Actor, *store.User) error {
		return func(m *manage.Manager, by manage.Actor, u *store.User) error {
			_, err := m.ChangeUser(t.Context(), by, manage.ByID(u.ID), func(u *store.User) error { fn(u); return nil })
			return err
		}
	}
	byList := func(m *manage.Manager, by manage.Actor, u *store.User) error {
		l, err := manage.ReadCSV(strings.NewReader("username,is_staff\n"+u.Username+",true\n"), m.Schema, store.UserType)
		if err == nil {
			_, err = m.Import(t.Context(), by, l, false, func(int) {})
		}
		return err
	}
	staff := change(func(u *store.User) { u.IsStaff = true })
	all := change(func(u *store.User) { u.IsSuperuser = true })
	for _, c := range []struct {
		name, whom string
		by         func(map[string]*store.User) manage.Actor
		do         func(*manage.Manager, manage.Actor, *store.User) error
		in         bool // still
	}{
		{"staff", "person", superuser, staff, false},
		{"superuser", "person", superuser, all, false},
		{"staff to superuser", "staff", superuser, all, false},
		{"by the operator", "person", operator, staff, false},
		{"by a list", "person", superuser, byList, false},
		{"nothing more", "staff", superuser, staff, true},
		{"less", "staff", superuser, change(func(u *store.User) { u.IsStaff = false }), true},
		{"themselves", "superuser", superuser, staff, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, people := newManager(t)
			u := people[c.whom]
			subject := strconv.FormatInt(u.ID, 10)
			s := &store.Session{Realm: store.ServerRealm, Hash: store.HashOf("id"), Subject: subject, SID: "sid",
				CreatedAt: day, AuthTime: day, LastSeen: day, IdleExpiresAt: day.Add(time.Hour), ExpiresAt: day.Add(time.Hour)}
			if err := m.Store.Update(t.Context(), func(tx store.WriteTx) error { return tx.PutSession(s) }); err != nil {
				t.Fatal(err)
			}
			if err := c.do(m, c.by(people), u); err != nil {
				t.Fatal(err)
			}
			var left []*store.Session
			if err := m.Store.View(t.Context(), func(tx store.ReadTx) (err error) {
				left, err = tx.SessionsOf(store.ServerRealm, subject)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if in := len(left) > 0; in != c.in {
				t.Errorf("signed in: %v", in)
			}
		})
	}
}

func TestRenameGroup(t *testing.T) {
	m, people := newManager(t)
	for i := range 450 {
		u := &store.User{Username: "u" + string(rune('a'+i/26%26)) + string(rune('a'+i%26)) + string(rune('a'+i/676)), IsActive: true, Groups: []string{"editors", "zebras"}}
		if _, err := m.CreateUser(t.Context(), manage.Actor{}, u, ""); err != nil {
			t.Fatal(err)
		}
	}
	none := func(int) {}
	if err := m.RenameGroup(t.Context(), manage.Actor{UserID: people["staff"].ID}, "editors", "authors", none); !errors.Is(err, manage.ErrNotAllowed) {
		t.Errorf("staff: %v", err)
	}
	if err := m.RenameGroup(t.Context(), manage.Actor{}, "editors", "a,b", none); err == nil {
		t.Error("a name that is none was taken")
	}
	told := 0
	if err := m.RenameGroup(t.Context(), manage.Actor{UserID: people["superuser"].ID}, "editors", "zebras", func(n int) { told = n }); err != nil {
		t.Fatal(err)
	}
	if told != 451 {
		t.Errorf("told of %d", told)
	}
	groups := func() (list []store.Group) {
		m.Store.View(t.Context(), func(tx store.ReadTx) (err error) {
			list, err = tx.Groups("", 10)
			return err
		})
		return list
	}
	if got := groups(); len(got) != 1 || got[0] != (store.Group{Name: "zebras", Members: 451}) {
		t.Errorf("groups %v", got)
	}
	if err := m.RenameGroup(t.Context(), manage.Actor{}, "zebras", "", none); err != nil || len(groups()) != 0 {
		t.Errorf("%v, groups %v", err, groups())
	}
}

// To rename no group, which a form without a name asks for, is refused: everybody would
// be found in it, and nobody leave it.
func TestNoGroupIsNotRenamed(t *testing.T) {
	m, people := newManager(t)
	for _, to := range []string{"admins", ""} {
		ctx, cancel := context.WithCancel(t.Context())
		err := m.RenameGroup(ctx, manage.Actor{}, "", to, func(int) { cancel() })
		if _, ok := errors.AsType[*store.InvalidError](err); !ok {
			t.Errorf("to %q: %v", to, err)
		}
	}
	if u, err := m.Check(t.Context(), manage.Actor{}, manage.ByID(people["person"].ID)); err != nil || len(u.Groups) > 0 {
		t.Errorf("it gave a group: %v, %v", u.Groups, err)
	}
}
