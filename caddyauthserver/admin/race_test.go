package admin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/storetest"
)

type noMail struct{}

func (noMail) Send(*mail.Message) {}

// Rights that change while something is done count as they are in the end: nobody of
// the staff gets a link to the account of who becomes one of them meanwhile.
func TestRightsCountWhenItIsDone(t *testing.T) {
	for action, page := range map[string]string{"link": "", "mail_link": "", "disable": "", "reset factors": "/factors"} {
		for what, meanwhile := range map[string]func(*store.User){
			"ada": func(u *store.User) { u.IsSuperuser = true },
			"sam": func(u *store.User) { u.IsStaff = false },
		} {
			m := new(storetest.Meanwhile)
			s := newServer(t, func(c *provider.Config) {
				m.Store, c.Store, c.Mailer = c.Store, m, noMail{}
			})
			b := s.as("sam")
			s.giveFactor(s.user("ada").ID, "Phone")
			form := b.get(s.userURL("ada")+page).form("action", action)
			first := func(tx store.WriteTx) error {
				u, err := tx.UserByUsername(what)
				if err != nil {
					return err
				}
				meanwhile(u)
				return store.SaveUser(tx, store.DefaultSchema(), u)
			}
			m.Happens.Store(&first)
			a := b.post(s.userURL("ada")+page, form)
			if m.Happens.Load() != nil {
				t.Fatalf("%s: nothing was written: %d %s", action, a.StatusCode, a.body)
			}
			if a.StatusCode != 403 || strings.Contains(a.body, "/o/reset?token=") {
				t.Errorf("%s of ada, while %s becomes another: %d to %s", action, what, a.StatusCode, a.Header.Get("Location"))
			}
		}
	}
}

// A page that was open while somebody else changed the same gives no right back that
// they took away, nor anything else.
func TestAPageThatWasOvertakenIsNotSaved(t *testing.T) {
	s := newServer(t)
	b := s.as("root")
	u := s.user("ada")
	u.IsStaff = true
	company := s.addCompany("Acme")
	object := fmt.Sprintf("/o/admin/objects/company/%d", company.ID)
	s.update(func(tx store.WriteTx) error { return store.SaveUser(tx, store.DefaultSchema(), u) })
	path := s.userURL("ada") + "/edit"
	user := b.get(path).form("username", "ada", "first_name", "Augusta", "last_name", "Lovelace", "email", "ada@example.com", "groups", "editors", "is_staff", "1")
	other := b.get(object).form("name", "Beta")
	u = s.user("ada")
	u.IsStaff, u.Groups, company.Fields = false, nil, store.Fields{"name": "Acme Ltd"}
	s.update(func(tx store.WriteTx) error {
		return errors.Join(store.SaveUser(tx, store.DefaultSchema(), u), store.SaveObject(tx, store.DefaultSchema(), company))
	})
	a := b.post(path, user)
	if u = s.user("ada"); a.StatusCode != 409 || u.IsStaff || len(u.Groups) > 0 || u.FirstName != "Ada" {
		t.Errorf("%d, and they are %+v", a.StatusCode, u)
	}
	if strings.Contains(a.body, "editors") || !strings.Contains(a.body, "while your page was open") {
		t.Errorf("the page does not show how it is now: %s", a.body)
	}
	if a := b.post(object, other); a.StatusCode != 409 || s.company(company.ID).Fields.Text("name") != "Acme Ltd" {
		t.Errorf("of an object: %d", a.StatusCode)
	}
	s.as("ada") // to sign in is no such change
	a = b.post(path, a.form("username", "ada", "first_name", "Augusta", "last_name", "Lovelace", "email", "ada@example.com"))
	if u := s.user("ada"); a.StatusCode != 303 || u.FirstName != "Augusta" {
		t.Errorf("once more: %d %s", a.StatusCode, a.body)
	}
}
