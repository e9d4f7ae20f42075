package authapp

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// appPage lists what a user lets clients have.
type appPage struct {
	Apps []*store.Access `json:"apps"`
}

func (api *adminAPI) listApps(a *App, r *http.Request) (any, error) {
	page := appPage{}
	err := a.Store().View(r.Context(), func(tx store.ReadTx) error {
		u, err := findUser(tx, r.PathValue("user"))
		if err != nil {
			return err
		}
		page.Apps, err = store.AccessOf(tx, u.ID, time.Now())
		return err
	})
	return page, err
}

func (api *adminAPI) revokeApp(a *App, r *http.Request) (any, error) {
	id := r.PathValue("client")
	err := a.manager().EndAccess(r.Context(), manage.Actor{}, named(r), id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refuse(http.StatusNotFound, "user %s lets client %q have nothing", r.PathValue("user"), id)
	}
	return nil, err
}

// sessionView is a browser that is signed in at the server.
type sessionView struct {
	// ID names it, and opens nothing.
	ID        string    `json:"id"`
	IP        string    `json:"ip,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
	AuthTime  time.Time `json:"auth_time"`
	LastSeen  time.Time `json:"last_seen"`
	ExpiresAt time.Time `json:"expires_at"`
}

type sessionPage struct {
	Sessions []sessionView `json:"sessions"`
}

func (api *adminAPI) listSessions(a *App, r *http.Request) (any, error) {
	page := sessionPage{[]sessionView{}}
	err := a.Store().View(r.Context(), func(tx store.ReadTx) error {
		page.Sessions = []sessionView{}
		u, err := findUser(tx, r.PathValue("user"))
		if err != nil {
			return err
		}
		list, err := tx.SessionsOf(store.ServerRealm, strconv.FormatInt(u.ID, 10))
		for _, s := range list {
			if s.Live(time.Now()) {
				page.Sessions = append(page.Sessions, sessionView{
					s.Name(), s.IP, s.UserAgent, s.AuthTime, s.LastSeen, s.ExpiresAt,
				})
			}
		}
		return err
	})
	return page, err
}

// endSession ends one, by its id.
func (api *adminAPI) endSession(a *App, r *http.Request) (any, error) {
	id := r.PathValue("session")
	err := a.manager().EndSession(r.Context(), manage.Actor{}, named(r), id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refuse(http.StatusNotFound, "user %s has no session %q; caddy auth user sessions lists them", r.PathValue("user"), id)
	}
	return nil, err
}

// endSessions signs a user out everywhere, also where they gave access for while
// they are away.
func (api *adminAPI) endSessions(a *App, r *http.Request) (any, error) {
	return nil, a.manager().SignOut(r.Context(), manage.Actor{}, named(r))
}
