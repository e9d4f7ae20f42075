package authapp

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// userQuery reads which users are asked for: ?search=&group=&status=&where=.
func (a *App) userQuery(r *http.Request) (store.UserQuery, error) {
	values := r.URL.Query()
	q := store.UserQuery{Prefix: values.Get("search"), Group: values.Get("group"), Status: store.UserStatus(values.Get("status"))}
	if q.Status != store.StatusAny && !slices.Contains(store.UserStatuses, q.Status) {
		return q, refuse(http.StatusBadRequest, "status %q: it is one of active, disabled, staff, superuser", q.Status)
	}
	var err error
	q.Where, err = a.where(r, store.UserType)
	return q, err
}

// findUsers lists those that are asked for, from ?after= on. Next is the after of the
// next page.
func (a *App) findUsers(r *http.Request, q store.UserQuery) (page *store.UserPage, err error) {
	if q.After, err = pageAfter(r); err != nil {
		return nil, err
	}
	err = a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		page, err = tx.SearchUsers(q)
		return err
	})
	if err != nil {
		return nil, err
	}
	page.Next = pageNext(r, page.Next)
	for _, u := range page.Users {
		a.shownUser(u)
	}
	return page, nil
}

// objectQuery reads which objects are asked for: ?search=&where=.
func (a *App) objectQuery(r *http.Request, typ string) (store.ObjectQuery, error) {
	values := r.URL.Query()
	q := store.ObjectQuery{Type: typ, Prefix: values.Get("search"), Schema: a.Schema()}
	if values.Get("group") != "" || values.Get("status") != "" {
		return q, refuse(http.StatusBadRequest, "a %s has neither groups nor a status; it is found by search and where", typ)
	}
	var err error
	q.Where, err = a.where(r, typ)
	return q, err
}

// findObjects lists those that are asked for, from ?after= on. Next is the after of the
// next page.
func (a *App) findObjects(r *http.Request, q store.ObjectQuery) (page *store.ObjectPage, err error) {
	if q.After, err = pageAfter(r); err != nil {
		return nil, err
	}
	err = a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		page, err = tx.SearchObjects(q)
		return err
	})
	if err != nil {
		return nil, err
	}
	page.Next = pageNext(r, page.Next)
	for _, o := range page.Objects {
		a.shownObject(o)
	}
	return page, nil
}

// where reads which values are asked for: ?where=<field>=<value>, once for each. An
// object that is referred to is named by its id, or by how it is called.
func (a *App) where(r *http.Request, typ string) (where store.Fields, err error) {
	fields := manage.FilterFields(a.Schema(), typ)
	var known []string
	for _, f := range fields {
		known = append(known, f.Name)
	}
	err = a.Store().View(r.Context(), func(tx store.ReadTx) error {
		where = store.Fields{}
		for _, asked := range r.URL.Query()["where"] {
			name, text, ok := strings.Cut(asked, "=")
			if !ok || strings.TrimSpace(text) == "" {
				return refuse(http.StatusBadRequest, "where %q: write <field>=<value>", asked)
			}
			i := slices.Index(known, name)
			if i < 0 {
				return refuse(http.StatusBadRequest, "where %q: a %s is found by its relations and choices, of which there are: %s", asked, typ, strings.Join(known, ", "))
			}
			if _, twice := where[name]; twice {
				return refuse(http.StatusBadRequest, "where: %s is given twice", name)
			}
			v, err := manage.FilterValue(tx, a.Schema(), fields[i], text)
			if wrong, ok := errors.AsType[*store.Mistake](err); ok {
				return refuse(http.StatusBadRequest, "where %s: %v", name, wrong)
			}
			if err != nil {
				return err
			}
			where[name] = v
		}
		return nil
	})
	return where, err
}
