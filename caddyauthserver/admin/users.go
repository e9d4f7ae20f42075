package admin

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// pageSize is how many rows a list shows.
const pageSize = 50

// usersPage lists users.
type usersPage struct {
	frame
	Users []*store.User
}

func (a *Admin) listUsers(_ http.ResponseWriter, r *http.Request, v *visit) error {
	page := usersPage{frame: v.frame()}
	err := a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		page.Users, err = tx.Users(0, pageSize)
		return err
	})
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "users", lang.T("Users"), "users", page)
}
