package manage_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

const someHash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI"

// bringIn imports a list, and says what became of it.
func bringIn(t *testing.T, m *manage.Manager, by manage.Actor, text string, dry bool) *manage.Outcome {
	t.Helper()
	l, err := manage.ReadCSV(strings.NewReader(text), m.Schema, store.UserType)
	if err != nil {
		t.Fatal(err)
	}
	o, err := m.Import(t.Context(), by, l, dry, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func find(t *testing.T, m *manage.Manager, name string) (u *store.User) {
	t.Helper()
	err := m.Store.View(t.Context(), func(tx store.ReadTx) (err error) {
		u, err = tx.UserByUsername(name)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return u
}

func TestImport(t *testing.T) {
	m, _ := newManager(t)
	if _, err := m.CreateObject(t.Context(), manage.Actor{}, &store.Object{Type: "company", Fields: store.Fields{"name": "Acme"}}); err != nil {
		t.Fatal(err)
	}
	list := "\ufeffUsername,email,groups,company,is_active,password_hash,last_login\n" +
		"eve,eve@example.com,\"a,b\",Acme,,," + "\n" +
		"person2,,editors,,true,,\n" + // as they are
		"PERSON,p@example.com,,1,false,\"" + someHash + "\",\n" +
		"bad name,,,,,,\n" +
		"max,not-an-address,,Nobody,maybe,,\n" +
		"tom,,,,,secret,\n" +
		"Eve,,,,,,\n" +
		"liz,EVE@example.com,,,,,\n" +
		",,,,,,\n"
	want := manage.Outcome{Created: 1, Changed: 1, Unchanged: 1, Failed: 6}
	check := func(o *manage.Outcome) {
		t.Helper()
		got := *o
		got.Lines = nil
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("outcome %+v, want %+v", o, want)
		}
		said := ""
		for _, l := range o.Lines {
			said += fmt.Sprintln(l)
		}
		for _, want := range []string{
			"{5 bad name fail [] [username: may hold letters", "email: ", "company: there is no company \"Nobody\"", "is_active: \"maybe\"",
			"{7 tom fail [] [password_hash: ", "{8 Eve fail [] [username: line 2 has the same]}", "{9 liz fail [] [email: line 2 has the same]}",
			"{10  fail [] [username: is missing]}", "{2 eve create ", "{4 PERSON change [{username person PERSON}", "{is_active true false}",
		} {
			if !strings.Contains(said, want) {
				t.Errorf("it does not say %q:\n%s", want, said)
			}
		}
	}
	check(bringIn(t, m, manage.Actor{}, list, true))
	if find(t, m, "eve") != nil || find(t, m, "person").Email != "" {
		t.Fatal("the trial wrote something")
	}
	check(bringIn(t, m, manage.Actor{}, list, false))
	eve, p := find(t, m, "eve"), find(t, m, "person")
	if eve == nil || !eve.IsActive || strings.Join(eve.Groups, "|") != "a|b" || eve.Fields.Text("company") != "1" {
		t.Errorf("eve is %+v", eve)
	}
	if p.IsActive || p.Email != "p@example.com" || p.Fields.Text("company") != "1" {
		t.Errorf("person is %+v", p)
	}
	if err := m.Store.View(t.Context(), func(tx store.ReadTx) error {
		c, err := tx.Credential(p.ID)
		if err == nil && c.PasswordHash != someHash {
			t.Errorf("the hash is %s", c.PasswordHash)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if o := bringIn(t, m, manage.Actor{}, "username,email\neve,eve@example.com\n", false); o.Unchanged != 1 {
		t.Errorf("once more: %+v", o)
	}
}

// An address that changes is verified only if the list says so, wherever its columns are.
func TestAnotherAddressOfAListIsNotVerified(t *testing.T) {
	for list, want := range map[string]bool{
		"username,email\nperson,new@example.com\n":                             false,
		"email,username\nOLD@example.com ,person\n":                            true, // the same
		"username,first_name\nperson,P.\n":                                     true,
		"username,email,email_verified\nperson,new@example.com,true\n":         true,
		"email_verified,username,email\ntrue,person,new@example.com\n":         true,
		"email_verified,username,email\n,person,new@example.com\n":             false,
		"email_verified,username,email\nfalse,person,old@example.com\n":        false,
		"email_verified,first_name,email,username\ntrue,N,n@example.com,new\n": true, // and of whom it creates
	} {
		m, _ := newManager(t)
		_, err := m.ChangeUser(t.Context(), manage.Actor{}, manage.ByID(find(t, m, "person").ID), func(u *store.User) error {
			u.Email, u.EmailVerified = "old@example.com", true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		o := bringIn(t, m, manage.Actor{}, list, false)
		u := find(t, m, "new")
		if u == nil {
			u = find(t, m, "person")
		}
		if u.EmailVerified != want || o.Failed > 0 {
			t.Errorf("%q: %s verified: %v", list, u.Email, u.EmailVerified)
		}
	}
}

func TestAListBringsNobodyBeyondWhoImports(t *testing.T) {
	m, people := newManager(t)
	staff := manage.Actor{UserID: people["staff"].ID}
	o := bringIn(t, m, staff, "username,is_staff,is_superuser,password_hash\nnew,true,,\nperson,,true,\nsuperuser,,,\""+someHash+"\"\nstaff2,,,\""+someHash+"\"\nfine,,,\n", false)
	if o.Failed != 4 || o.Created != 1 || find(t, m, "person").IsSuperuser || find(t, m, "new") != nil {
		t.Errorf("outcome %+v", o)
	}
	for _, name := range []string{"superuser", "staff2"} {
		if err := m.Store.View(t.Context(), func(tx store.ReadTx) error {
			c, err := tx.Credential(people[name].ID)
			if err == nil && c.PasswordHash != "hash" {
				t.Errorf("%s has another password", name)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAListThatIsNone(t *testing.T) {
	m, _ := newManager(t)
	for text, say := range map[string]string{
		"": "first line", "name\nx": `no column "name"`, "username,username\n": "twice", "email\n": "username is missing",
		"username,email\nx\n": "wrong number of fields", "username\n\"x\n": "quote", "username\n\xff\n": "not UTF-8",
	} {
		if _, err := manage.ReadCSV(strings.NewReader(text), m.Schema, store.UserType); !errors.Is(err, manage.ErrBadList) || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: %v; want %q", text, err, say)
		}
	}
}

// What is exported and brought in again is the same; and no cell is a formula.
func TestExportedListsComeBack(t *testing.T) {
	m, _ := newManager(t)
	odd := []string{"=1+1", "+1", "-1", "@x", "'=1", "''", "a\"b", "a,b;c", "'x"}
	for i, name := range odd {
		u := &store.User{Username: fmt.Sprintf("odd%d", i), FirstName: name, IsActive: true}
		if name == "+1" {
			u.Username = "+49170@x"
		}
		if _, err := m.CreateUser(t.Context(), manage.Actor{}, u, ""); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	e, err := m.ExportUsers(t.Context(), manage.Actor{}, "csv", store.UserQuery{})
	if err == nil {
		err = e.Write(t.Context(), &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, start := range []string{"=", "+", "-", "@"} {
		if strings.Contains(out.String(), ","+start) || strings.Contains(out.String(), ",\""+start) || strings.Contains(out.String(), "\n"+start) {
			t.Errorf("a cell begins with %q:\n%s", start, out.String())
		}
	}
	if o := bringIn(t, m, manage.Actor{}, out.String(), false); o.Unchanged != 7+len(odd) || o.Failed+o.Changed+o.Created != 0 {
		t.Errorf("what comes back is not what went out: %+v", o)
	}
	out.Reset()
	j, err := m.ExportUsers(t.Context(), manage.Actor{}, "json", store.UserQuery{Status: store.StatusSuperuser})
	if err == nil {
		err = j.Write(t.Context(), &out)
	}
	if err != nil || strings.Count(out.String(), `"username"`) != 2 {
		t.Errorf("%v: %s", err, out.String())
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("username,email\nada,ada@example.com\n")
	f.Add("id\n1\n")
	f.Add("\ufeffusername\n'=1\n")
	s := store.DefaultSchema()
	f.Fuzz(func(t *testing.T, text string) {
		l, err := manage.ReadCSV(strings.NewReader(text), s, store.UserType)
		if err == nil && l.Len() > len(text) {
			t.Errorf("%d rows out of %d bytes", l.Len(), len(text))
		}
		if err != nil && !errors.Is(err, manage.ErrBadList) {
			t.Errorf("unexpected error %v", err)
		}
	})
}
