package authapp

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

func (api *adminAPI) userRoutes() {
	api.handleKept("GET /auth/users", api.listUsers)
	api.handleKept("POST /auth/users", api.createUser)
	api.handleKept("GET /auth/users/{user}", api.showUser)
	api.handleKept("PATCH /auth/users/{user}", api.patchUser)
	api.handleKept("DELETE /auth/users/{user}", api.deleteUser)
	api.handleKept("PUT /auth/users/{user}/password", api.putPassword)
	api.handleKept("GET /auth/users/{user}/apps", api.listApps)
	api.handleKept("DELETE /auth/users/{user}/apps/{client}", api.revokeApp)
	api.handleKept("GET /auth/users/{user}/sessions", api.listSessions)
	api.handleKept("DELETE /auth/users/{user}/sessions", api.endSessions)
	api.handleKept("DELETE /auth/users/{user}/sessions/{session}", api.endSession)
	api.handleKept("GET /auth/users/{user}/factors", api.listFactors)
	api.handleKept("DELETE /auth/users/{user}/factors", api.resetFactors)
	api.handleKept("POST /auth/users/{user}/password-link", api.passwordLinkOf)
	api.handleKept("POST /auth/users/{user}/enable", api.enableUser)
	api.handleKept("POST /auth/users/{user}/disable", api.disableUser)
}

// userPage is a page of users. Next is the after of the next page; absent on
// the last.
type userPage struct {
	Users []*store.User `json:"users"`
	Next  int64         `json:"next,omitempty"`
}

func (api *adminAPI) listUsers(a *App, r *http.Request) (any, error) {
	limit, err := pageLimit(r)
	if err != nil {
		return nil, err
	}
	q, err := a.userQuery(r)
	if err != nil {
		return nil, err
	}
	if q.Prefix != "" || q.Group != "" || q.Status != store.StatusAny || len(q.Where) > 0 {
		q.Limit = limit
		return a.findUsers(r, q)
	}
	after, err := pageAfterID(r)
	if err != nil {
		return nil, err
	}
	page := userPage{}
	err = a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		page.Users, err = tx.Users(after, limit)
		return err
	})
	if len(page.Users) == limit {
		page.Next = page.Users[limit-1].ID
	}
	if page.Users == nil {
		page.Users = []*store.User{}
	}
	for _, u := range page.Users {
		a.shownUser(u)
	}
	return page, err
}

// createUser takes the fields of the user, and a password if they get one.
func (api *adminAPI) createUser(a *App, r *http.Request) (any, error) {
	v, err := a.readValues(r, store.UserType)
	if err != nil {
		return nil, err
	}
	given, has := v["password"]
	delete(v, "password")
	made := &store.User{IsActive: true}
	if err := v.apply(store.UserType, made, a.Schema()); err != nil {
		return nil, err
	}
	hash := ""
	if has {
		text, _ := given.(string) // anything else is too short
		if hash, err = api.hashPassword(r.Context(), a, a.chosenPassword(r, text), made); err != nil {
			return nil, err
		}
	}
	u, err := a.manager().CreateUser(r.Context(), manage.Actor{}, made, hash)
	return created{u}, err
}

func (api *adminAPI) showUser(a *App, r *http.Request) (any, error) {
	var u *store.User
	err := a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		u, err = findUser(tx, r.PathValue("user"))
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.shownUser(u), nil
}

// findUser takes a username, or id:<id>, which is none: so it cannot depend on who
// else exists whom a name means, also if it is a number.
func findUser(tx store.UserReader, name string) (*store.User, error) {
	id, isID, err := userID(name)
	if err != nil {
		return nil, err
	}
	var u *store.User
	if isID {
		u, err = tx.User(id)
	} else {
		u, err = tx.UserByUsername(password.NormalUsername(name))
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, noUser(name)
	}
	return u, err
}

// noUser says who is not there. Whoever wrote a number may have meant an id.
func noUser(name string) error {
	if _, err := strconv.ParseInt(name, 10, 64); err == nil {
		return refuse(http.StatusNotFound, "there is no user %q; write id:%s for the one with that id", name, name)
	}
	return refuse(http.StatusNotFound, "there is no user %q", name)
}

// idPrefix stands before the id of a user that is named by it.
const idPrefix = "id:"

// nameOf is how to name a user by the id.
func nameOf(id int64) string { return idPrefix + strconv.FormatInt(id, 10) }

// userID reads what names a user by the id.
func userID(name string) (id int64, ok bool, err error) {
	text, ok := strings.CutPrefix(name, idPrefix)
	if !ok {
		return 0, false, nil
	}
	if id, err = strconv.ParseInt(text, 10, 64); err != nil {
		return 0, true, refuse(http.StatusBadRequest, "%q: the id of a user is a number, as in %s", name, nameOf(3))
	}
	return id, true, nil
}

// named finds the user of the request's path.
func named(r *http.Request) manage.Finder {
	return func(tx store.UserReader) (*store.User, error) { return findUser(tx, r.PathValue("user")) }
}

// shownUser has the values that the schema declares.
func (a *App) shownUser(u *store.User) *store.User {
	u.Fields = a.Schema().Read(store.UserType, u.Fields)
	return u
}

func (api *adminAPI) patchUser(a *App, r *http.Request) (any, error) {
	v, err := a.readValues(r, store.UserType)
	if err != nil {
		return nil, err
	}
	u, err := a.manager().ChangeUser(r.Context(), manage.Actor{}, named(r), func(u *store.User) error {
		return v.apply(store.UserType, u, a.Schema())
	})
	if err != nil {
		return nil, err
	}
	return a.shownUser(u), nil
}

func (api *adminAPI) enableUser(a *App, r *http.Request) (any, error) {
	return api.switchUser(a, r, true)
}

func (api *adminAPI) disableUser(a *App, r *http.Request) (any, error) {
	return api.switchUser(a, r, false)
}

// switchUser works whatever the schema came to ask of the user since.
func (api *adminAPI) switchUser(a *App, r *http.Request, active bool) (any, error) {
	u, err := a.manager().SetActive(r.Context(), manage.Actor{}, named(r), active)
	if err != nil {
		return nil, err
	}
	return a.shownUser(u), nil
}

func (api *adminAPI) deleteUser(a *App, r *http.Request) (any, error) {
	return nil, a.manager().DeleteUser(r.Context(), manage.Actor{}, named(r))
}
