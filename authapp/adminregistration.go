package authapp

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// RegistrationServer is a server at which software may register itself.
type RegistrationServer interface {
	// TakesRegistrations says whether it is on.
	TakesRegistrations() bool
}

func (api *adminAPI) registrationRoutes() {
	api.handleKept("GET /auth/registrations", api.listRegistrations)
	api.handleKept("POST /auth/registrations", api.createRegistration)
	api.handleKept("DELETE /auth/registrations", api.revokeRegistrations)
	api.handleKept("DELETE /auth/registrations/{id}", api.revokeRegistration)
}

// registrationView is an initial access token, with what it is good for.
type registrationView struct {
	manage.PendingRegistration
	// Token is shown once: when it was made.
	Token  string `json:"token,omitempty"`
	Issuer string `json:"issuer,omitempty"`
}

// registrationOrder asks for one.
type registrationOrder struct {
	store.Invitation
	Expires string `json:"expires"` // as in "24h"
}

// registrations does what is asked of tokens.
func (a *App) registrations() *manage.Registrations {
	return &manage.Registrations{Manager: a.clients().Manager, PlainHosts: a.AllowHTTPSync}
}

// createRegistration makes a token by which software registers itself, once.
func (api *adminAPI) createRegistration(a *App, r *http.Request) (any, error) {
	var body registrationOrder
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	issuer, err := a.registrationIssuer()
	if err != nil {
		return nil, err
	}
	lifetime, err := caddy.ParseDuration(cmp.Or(body.Expires, store.DefaultInvitationLifetime.String()))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "expires %q: it is a time of at most 90d, as in 24h", body.Expires)
	}
	made, token, err := a.registrations().Create(r.Context(), manage.Actor{}, &body.Invitation, lifetime)
	if err != nil {
		return nil, err
	}
	return created{&registrationView{PendingRegistration: *made, Token: token, Issuer: issuer}}, nil
}

// registrationPage is a page of the tokens that were not used yet.
type registrationPage struct {
	Registrations []*manage.PendingRegistration `json:"registrations"`
	Next          string                        `json:"next,omitempty"`
}

func (api *adminAPI) listRegistrations(a *App, r *http.Request) (any, error) {
	limit, err := pageLimit(r)
	if err != nil {
		return nil, err
	}
	page := registrationPage{Registrations: []*manage.PendingRegistration{}}
	err = a.Store().View(r.Context(), func(tx store.ReadTx) error {
		list, more, err := a.registrations().List(tx, r.URL.Query().Get("after"), limit)
		page.Registrations = append(page.Registrations, list...)
		if more {
			page.Next = list[len(list)-1].ID
		}
		return err
	})
	return page, err
}

// registrationIssuer is the server at which a token can be used; "" where there are
// several.
func (a *App) registrationIssuer() (string, error) {
	var issuers []string
	for _, s := range a.servers {
		if rs, ok := s.(RegistrationServer); ok && rs.TakesRegistrations() {
			issuers = append(issuers, s.Issuer())
		}
	}
	switch issuers = sortedSet(issuers); len(issuers) {
	case 0:
		return "", refuse(http.StatusConflict, "no auth_server here lets software register itself; add the option dynamic_registration to it, and reload")
	case 1:
		return issuers[0], nil
	}
	return "", nil
}

// revokeRegistrations ends all tokens that were not used.
func (api *adminAPI) revokeRegistrations(a *App, r *http.Request) (any, error) {
	return nil, a.registrations().RevokeAll(r.Context(), manage.Actor{})
}

// revokeRegistration ends one of them.
func (api *adminAPI) revokeRegistration(a *App, r *http.Request) (any, error) {
	id := r.PathValue("id")
	err := a.registrations().Revoke(r.Context(), manage.Actor{}, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refuse(http.StatusNotFound, "there is no token %.40q for registration that was not used yet; caddy auth registration list shows them", id)
	}
	return nil, err
}
