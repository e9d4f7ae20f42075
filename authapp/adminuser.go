package authapp

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

func (api *adminAPI) userRoutes() {
	api.handle("GET /auth/users", api.listUsers)
	api.handle("POST /auth/users", api.createUser)
	api.handle("GET /auth/users/{user}", api.showUser)
	api.handle("PATCH /auth/users/{user}", api.patchUser)
	api.handle("DELETE /auth/users/{user}", api.deleteUser)
	api.handle("PUT /auth/users/{user}/password", api.putPassword)
	api.handle("GET /auth/users/{user}/apps", api.listApps)
	api.handle("DELETE /auth/users/{user}/apps/{client}", api.revokeApp)
	api.handle("GET /auth/users/{user}/sessions", api.listSessions)
	api.handle("DELETE /auth/users/{user}/sessions", api.endSessions)
	api.handle("GET /auth/users/{user}/factors", api.listFactors)
	api.handle("DELETE /auth/users/{user}/factors", api.resetFactors)
	api.handle("POST /auth/users/{user}/password-link", api.passwordLinkOf)
	api.handle("POST /auth/users/{user}/enable", api.enableUser)
	api.handle("POST /auth/users/{user}/disable", api.disableUser)
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
	v := values{}
	if err := readJSON(r, &v); err != nil {
		return nil, err
	}
	hash, err := api.takePassword(r.Context(), v)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	made := store.User{IsActive: true, DateJoined: now}
	if err := v.apply(store.UserType, &made, a.Schema()); err != nil {
		return nil, err
	}
	made.Username = password.NormalUsername(made.Username)
	var u *store.User
	err = a.Store().Update(r.Context(), func(tx store.WriteTx) error {
		u = made.Clone() // the function may run again
		if err := store.SaveUser(tx, a.Schema(), u); err != nil {
			return err
		}
		if err := store.Audit(tx, byOperator(), store.ActionUserCreate, store.UserParty(u), store.AuditChanges((*store.User)(nil), u)...); err != nil {
			return err
		}
		if hash == "" {
			return nil
		}
		return tx.PutCredential(&store.Credential{UserID: u.ID, PasswordHash: hash, PasswordChangedAt: now})
	})
	return created{u}, err
}

// takePassword takes the password out of v and hashes it.
func (api *adminAPI) takePassword(ctx context.Context, v values) (hash string, err error) {
	given, ok := v["password"]
	if !ok {
		return "", nil
	}
	delete(v, "password")
	text, _ := given.(string)
	return api.hashPassword(ctx, text)
}

func (api *adminAPI) hashPassword(ctx context.Context, text string) (string, error) {
	if err := password.Check(text); err != nil {
		return "", &store.InvalidError{Type: store.UserType, Problems: []store.Problem{{Field: "password", Message: err.Error()}}}
	}
	return api.hasher.Hash(ctx, text)
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

// findUser takes an id, or a username that is not a number: so it cannot
// depend on who else exists whom a number means.
func findUser(tx store.UserReader, name string) (*store.User, error) {
	var u *store.User
	id, err := strconv.ParseInt(name, 10, 64)
	if err == nil {
		u, err = tx.User(id)
	} else {
		u, err = tx.UserByUsername(password.NormalUsername(name))
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, refuse(http.StatusNotFound, "there is no user %q", name)
	}
	return u, err
}

// changeUser finds a user and has them changed and saved in one transaction. Who
// is no longer active is signed out.
func (api *adminAPI) changeUser(a *App, r *http.Request, save func(store.WriteTx, *store.User) error) (any, error) {
	var u *store.User
	err := a.Store().Update(r.Context(), func(tx store.WriteTx) (err error) {
		if u, err = findUser(tx, r.PathValue("user")); err != nil {
			return err
		}
		was := u.Clone()
		if err := save(tx, u); err != nil {
			return err
		}
		if err := auditUser(tx, was, u); err != nil {
			return err
		}
		if !u.IsActive {
			return a.signOut(tx, u.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a.shownUser(u), nil
}

// shownUser has the values that the schema declares.
func (a *App) shownUser(u *store.User) *store.User {
	u.Fields = a.Schema().Read(store.UserType, u.Fields)
	return u
}

func (api *adminAPI) patchUser(a *App, r *http.Request) (any, error) {
	v := values{}
	if err := readJSON(r, &v); err != nil {
		return nil, err
	}
	return api.changeUser(a, r, func(tx store.WriteTx, u *store.User) error {
		u.Fields = a.Schema().Renew(store.UserType, u.Fields)
		if err := v.apply(store.UserType, u, a.Schema()); err != nil {
			return err
		}
		u.Username = password.NormalUsername(u.Username)
		return store.SaveUser(tx, a.Schema(), u)
	})
}

func (api *adminAPI) enableUser(a *App, r *http.Request) (any, error) {
	return api.switchUser(a, r, true)
}

func (api *adminAPI) disableUser(a *App, r *http.Request) (any, error) {
	return api.switchUser(a, r, false)
}

// switchUser works whatever the schema came to ask of the user since.
func (api *adminAPI) switchUser(a *App, r *http.Request, active bool) (any, error) {
	return api.changeUser(a, r, func(tx store.WriteTx, u *store.User) error {
		u.IsActive = active
		return store.KeepUser(tx, a.Schema(), u)
	})
}

func (api *adminAPI) deleteUser(a *App, r *http.Request) (any, error) {
	return nil, a.Store().Update(r.Context(), func(tx store.WriteTx) error {
		u, err := findUser(tx, r.PathValue("user"))
		if err != nil {
			return err
		}
		if err := a.signOut(tx, u.ID); err != nil {
			return err
		}
		if err := store.Audit(tx, byOperator(), store.ActionUserDelete, store.UserParty(u)); err != nil {
			return err
		}
		return tx.DeleteUser(u.ID)
	})
}

// putPassword sets a password and ends every session: whoever knew the old one
// may hold some.
func (api *adminAPI) putPassword(a *App, r *http.Request) (any, error) {
	var body struct {
		Password string `json:"password"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	hash, err := api.hashPassword(r.Context(), body.Password)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	return nil, a.Store().Update(r.Context(), func(tx store.WriteTx) error {
		u, err := findUser(tx, r.PathValue("user"))
		if err != nil {
			return err
		}
		if err := tx.PutCredential(&store.Credential{UserID: u.ID, PasswordHash: hash, PasswordChangedAt: now}); err != nil {
			return err
		}
		if err := store.Audit(tx, byOperator(), store.ActionPasswordSet, store.UserParty(u)); err != nil {
			return err
		}
		return a.signOut(tx, u.ID)
	})
}

// auditUser writes down how a user was changed.
func auditUser(tx store.AuditWriter, was, u *store.User) error {
	action := store.ActionUserChange
	switch {
	case was.IsActive && !u.IsActive:
		action = store.ActionUserDisable
	case !was.IsActive && u.IsActive:
		action = store.ActionUserEnable
	}
	return store.Audit(tx, byOperator(), action, store.UserParty(u), store.AuditChanges(was, u)...)
}

// signOut ends the sessions of a user at the server and at the gates of this
// process, and every token, and has the clients told.
func (a *App) signOut(tx store.WriteTx, userID int64) error {
	families, err := tx.Families(userID)
	if err != nil {
		return err
	}
	for _, f := range families {
		if err := tx.DeleteFamily(f.ID); err != nil {
			return err
		}
	}
	subject := strconv.FormatInt(userID, 10)
	if err := store.QueueLogouts(tx, subject, func(*store.SignIn) bool { return true }, time.Now().UTC()); err != nil {
		return err
	}
	for _, realm := range append([]string{store.ServerRealm}, a.realms...) {
		if _, err := tx.DeleteSessionsOf(realm, subject, store.Hash{}); err != nil {
			return err
		}
	}
	return nil
}
