package authapp

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyito/caddyito/internal/registration"
	"github.com/caddyito/caddyito/store"
)

// RegistrationServer is a server at which software may register itself.
type RegistrationServer interface {
	// TakesRegistrations says whether it is on.
	TakesRegistrations() bool
}

func (api *adminAPI) registrationRoutes() {
	api.handle("POST /auth/registrations", api.createRegistration)
	api.handle("DELETE /auth/registrations", api.revokeRegistrations)
}

// registrationView is an initial access token, with what it is good for.
type registrationView struct {
	store.Invitation
	// Token is shown this once.
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
	Issuer    string    `json:"issuer,omitempty"`
}

// registrationOrder asks for one.
type registrationOrder struct {
	store.Invitation
	Expires string `json:"expires"` // as in "24h"
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
	if err != nil || lifetime <= 0 || lifetime > store.MaxInvitationLifetime {
		return nil, refuse(http.StatusBadRequest, "expires %q: it is a time of at most 90d, as in 24h", body.Expires)
	}
	rules := registration.Rules{Schema: a.Schema(), PlainHosts: a.AllowHTTPSync}
	if problems := rules.CheckInvitation(&body.Invitation); len(problems) > 0 {
		return nil, &store.InvalidError{Type: "registration", Problems: problems}
	}
	data, err := json.Marshal(body.Invitation)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	v := &registrationView{Invitation: body.Invitation, Token: store.NewSecret(), ExpiresAt: now.Add(lifetime), Issuer: issuer}
	err = a.Store().Update(r.Context(), func(tx store.WriteTx) error {
		if err := store.Audit(tx, byOperator(), store.ActionRegistrationMake, store.AuditParty{}, store.AuditChange{Field: "expires_at", New: v.ExpiresAt.Format(time.RFC3339)}); err != nil {
			return err
		}
		return tx.PutTicket(&store.Ticket{
			Kind: store.InvitationKind, Hash: store.HashOf(v.Token), Data: string(data), CreatedAt: now, ExpiresAt: v.ExpiresAt,
		})
	})
	if err != nil {
		return nil, err
	}
	return created{v}, nil
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
	return nil, a.Store().Update(r.Context(), func(tx store.WriteTx) error {
		if err := store.Audit(tx, byOperator(), store.ActionRegistrationEnd, store.AuditParty{}); err != nil {
			return err
		}
		return tx.DeleteTickets(store.InvitationKind)
	})
}
