package admin_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/store"
)

// meddled is a store in which something happens before the next transaction that
// writes: after a page looked who may do what, and before it does it.
type meddled struct {
	store.Store
	first atomic.Pointer[func(store.WriteTx) error]
}

func (m *meddled) Update(ctx context.Context, fn func(store.WriteTx) error) error {
	if first := m.first.Swap(nil); first != nil {
		if err := m.Store.Update(ctx, *first); err != nil {
			return err
		}
	}
	return m.Store.Update(ctx, fn)
}

type noMail struct{}

func (noMail) Send(*mail.Message) {}

// Rights that change while something is done count as they are in the end: nobody of
// the staff gets a link to the account of who becomes one of them meanwhile.
func TestRightsCountWhenItIsDone(t *testing.T) {
	for _, action := range []string{"link", "mail_link", "disable", "reset_factors"} {
		for what, meanwhile := range map[string]func(*store.User){
			"ada": func(u *store.User) { u.IsSuperuser = true },
			"sam": func(u *store.User) { u.IsStaff = false },
		} {
			m := new(meddled)
			s := newServer(t, func(c *provider.Config) {
				m.Store, c.Store, c.Mailer = c.Store, m, noMail{}
			})
			b := s.as("sam")
			form := b.get(s.userURL("ada")).form("action", action)
			first := func(tx store.WriteTx) error {
				u, err := tx.UserByUsername(what)
				if err != nil {
					return err
				}
				meanwhile(u)
				return store.SaveUser(tx, store.DefaultSchema(), u)
			}
			m.first.Store(&first)
			a := b.post(s.userURL("ada"), form)
			if m.first.Load() != nil {
				t.Fatalf("%s: nothing was written: %d %s", action, a.StatusCode, a.body)
			}
			if a.StatusCode != 403 || strings.Contains(a.body, "/o/reset?token=") {
				t.Errorf("%s of ada, while %s becomes another: %d to %s", action, what, a.StatusCode, a.Header.Get("Location"))
			}
		}
	}
}
