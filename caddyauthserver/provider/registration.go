package provider

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/caddyito/caddyito/store"
)

// registration is the client configuration endpoint (RFC 7592 section 2): a client
// that registered itself reads, replaces or deletes what it said.
func (p *Provider) registration(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(strings.TrimSuffix(r.URL.Path, "/"), p.path("register/"))
	var c *client
	token, ok := p.registrationToken(w, r, func(tx store.ReadTx, token string) (err error) {
		c, err = p.selfRegistered(tx, id, token)
		return err
	})
	if !ok {
		return
	}
	var err error
	switch r.Method {
	case http.MethodPut:
		c, err = p.updateRegistered(w, r, id, token)
	case http.MethodDelete:
		err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
			c, err := p.selfRegistered(tx, id, token)
			if err != nil {
				return err
			}
			if err := p.auditClient(tx, r, store.ActionClientDelete, &c.ClientSettings, &c.Client); err != nil {
				return err
			}
			return tx.DeleteClient(id)
		})
	}
	if errors.Is(err, store.ErrNotFound) { // gone meanwhile
		err = p.badRegistrationToken()
	}
	switch {
	case err != nil:
		p.oauthFailure(w, r, "changing the registration of a client", err)
	case r.Method == http.MethodDelete:
		p.Logger.Info("a client deleted its registration", "client_id", id)
		w.WriteHeader(http.StatusNoContent)
	default:
		// A secret that was rotated meanwhile is learnt here (section 2.1).
		secret := ""
		if !c.Public && len(c.secrets) > 0 {
			secret = c.secrets[len(c.secrets)-1]
		}
		writeJSON(w, http.StatusOK, p.registered(&c.Client, token, secret))
	}
}

// updateRegistered replaces the metadata of a client (RFC 7592 section 2.2).
func (p *Provider) updateRegistered(w http.ResponseWriter, r *http.Request, id, token string) (*client, error) {
	m, err := readClientMetadata(w, r)
	if err != nil {
		return nil, err
	}
	if m.clientID != id {
		return nil, invalidMetadata("client_id must be there, and be that of the client")
	}
	var c *client
	err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		if c, err = p.selfRegistered(tx, id, token); err != nil {
			return err
		}
		if m.secret != "" && !secretMatches(c.secrets, m.secret) {
			return invalidMetadata("client_secret is not that of the client; it cannot be chosen")
		}
		if m.settings.Public != c.Public {
			return invalidMetadata("token_endpoint_auth_method cannot be changed to or from none; register anew")
		}
		was := c.ClientSettings
		m.applyTo(&c.Client)
		if err := p.checkRegistered(&c.Client); err != nil {
			return err
		}
		if err := p.auditClient(tx, r, store.ActionClientChange, &was, &c.Client); err != nil {
			return err
		}
		return tx.PutClient(&c.Client)
	})
	if err == nil {
		p.Logger.Info("a client changed its registration", "client_id", c.ID, "name", c.Name, "redirect_uris", c.RedirectURIs)
	}
	return c, err
}

// selfRegistered is the client that registered itself and was given the token, or
// store.ErrNotFound. One that is disabled is as good as gone.
func (p *Provider) selfRegistered(tx store.ClientReader, id, token string) (*client, error) {
	if _, static := p.staticClient(id); static {
		return nil, store.ErrNotFound
	}
	c, err := p.clientIn(tx, id)
	if errors.Is(err, errUnknownClient) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	shown := store.HashOf(token)
	if c.SelfRegistration == nil || subtle.ConstantTimeCompare(shown[:], c.SelfRegistration.Token[:]) != 1 {
		return nil, store.ErrNotFound
	}
	return c, nil
}
