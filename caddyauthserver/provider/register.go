package provider

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"github.com/caddyito/caddyito/store"
)

// register is the client registration endpoint (RFC 7591 section 3), for who holds
// an initial access token. Everything that can be wrong is looked at before the
// token is spent, so that a mistake costs none.
func (p *Provider) register(w http.ResponseWriter, r *http.Request) {
	token, ok := p.registrationToken(w, r, func(tx store.ReadTx, token string) error {
		_, err := p.invitation(tx, token)
		return err
	})
	if !ok {
		return
	}
	m, err := readClientMetadata(w, r)
	if err != nil {
		p.oauthFailure(w, r, "reading client metadata", err)
		return
	}
	c, access, secret, err := p.registerClient(r, token, m)
	if errors.Is(err, store.ErrNotFound) { // somebody else spent it meanwhile
		err = p.badRegistrationToken()
	}
	if err != nil {
		p.oauthFailure(w, r, "registering a client", err)
		return
	}
	p.Logger.Info("a client registered itself", "client_id", c.ID, "name", c.Name, "redirect_uris", c.RedirectURIs, "client_ip", p.ClientIP(r))
	writeJSON(w, http.StatusCreated, p.registered(c, access, secret))
}

// registerClient spends the initial access token for a client.
func (p *Provider) registerClient(r *http.Request, token string, m *clientMetadata) (c *store.Client, access, secret string, err error) {
	access = store.NewSecret()
	err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		secret = ""
		invitation, err := p.invitation(tx, token)
		if err != nil {
			return err
		}
		// Never that of a client of the config, nor guessed: who knows an id could
		// otherwise wait for what is to be registered.
		c = &store.Client{
			ID: strings.ToLower(rand.Text()), CreatedAt: p.now(),
			SelfRegistration: &store.SelfRegistration{Token: store.HashOf(access), Invitation: *invitation},
			ClientSettings: store.ClientSettings{
				SkipConsent: invitation.SkipConsent, AllowGroups: invitation.AllowGroups,
				Sync: invitation.Sync, Fields: invitation.Fields,
			},
		}
		m.applyTo(c)
		if err := p.checkRegistered(c); err != nil {
			return err
		}
		if !c.Public {
			var sealed store.ClientSecret
			secret, sealed = store.NewClientSecret(p.MasterKey, c.ID, c.CreatedAt)
			c.Secrets = []store.ClientSecret{sealed}
		}
		if _, err := tx.SpendTicket(store.InvitationKind, store.HashOf(token)); err != nil {
			return err
		}
		if err := p.auditClient(tx, r, store.ActionClientRegister, nil, c); err != nil {
			return err
		}
		return tx.PutClient(c)
	})
	return c, access, secret, err
}

// invitation is what an initial access token is good for, or store.ErrNotFound.
func (p *Provider) invitation(tx store.TicketReader, token string) (*store.Invitation, error) {
	t, err := tx.Ticket(store.InvitationKind, store.HashOf(token))
	if err == nil && !p.now().Before(t.ExpiresAt) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return store.InvitationOf(t)
}

// registrationToken reads the bearer token of a registration, from the header
// alone, and has look see whether it is good: store.ErrNotFound if not. It answers
// every refusal, and says whether there is more to do. What is wrong is counted, by
// network (guessing.go).
func (p *Provider) registrationToken(w http.ResponseWriter, r *http.Request, look func(tx store.ReadTx, token string) error) (string, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if len(r.Header["Authorization"]) != 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
		p.oauthError(w, &oauthError{status: http.StatusUnauthorized, code: "invalid_token",
			description: "show the token in the Authorization header, as Bearer", challenge: p.challenge("", "")})
		return "", false
	}
	err := p.Store.View(r.Context(), func(tx store.ReadTx) error { return look(tx, token) })
	if errors.Is(err, store.ErrNotFound) {
		ip := p.ClientIP(r)
		refused := p.badRegistrationToken()
		if err = p.slowDown(refused, attempt{secretLimit, "register " + networkOf(ip)}); err == error(refused) {
			p.Logger.Info("registration refused", "reason", "the token is unknown, used or expired", "client_ip", ip)
		}
	}
	if err != nil {
		p.oauthFailure(w, r, "looking up the token of a registration", err)
		return "", false
	}
	return token, true
}

func (p *Provider) badRegistrationToken() *oauthError {
	return &oauthError{status: http.StatusUnauthorized, code: "invalid_token",
		description: "the token is unknown, used, expired or of another client", challenge: p.challenge("invalid_token", "")}
}
