package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// consent asks the person whether a client may have what it asks for, and
// remembers a yes. It is a step of authorize, to which it returns; only a no
// goes to the client at once.
func (p *Provider) consent(w http.ResponseWriter, r *http.Request) {
	values, ok := p.pageValues(w, r)
	if !ok {
		return
	}
	request := values.Get("request")
	req, err := p.parseAuthRequest(r, request)
	if p.refuseRequest(w, r, req, err) {
		return
	}
	a := &authorization{authRequest: req}
	if err := p.load(r, a); err != nil {
		p.unavailable(w, r, "reading session and consent", err)
		return
	}
	in := a.in
	if in == nil {
		seeOther(w, p.url("authorize")+"?"+req.query.Encode()) // which asks to sign in
		return
	}
	// The question is not for who owes a second factor, as at authorize: a yes stays.
	for _, ask := range []step{p.factorStep, p.groupStep} {
		if ask(w, r, a) {
			return
		}
	}
	if r.Method != http.MethodPost || !p.csrfValid(r, values, consentPurpose(in, request)) {
		p.showConsent(w, r, a, request)
		return
	}
	switch values.Get("decision") {
	case "allow":
		if err := p.remember(r, a); err != nil {
			p.unavailable(w, r, "writing consent", err)
			return
		}
		p.Logger.Info("consent given", "user_id", in.user.ID, "client_id", a.client.ID, "scopes", a.scopes)
		a.asked.agreed = p.agreedMark(in)
		seeOther(w, p.url("authorize")+"?"+p.continueQuery(w, r, a))
	case "deny":
		if err := p.audit(r, p.byUser(r, in.user), store.ActionConsentDeny, a.client.party()); err != nil {
			p.unavailable(w, r, "writing consent", err)
			return
		}
		p.Logger.Info("consent denied", "user_id", in.user.ID, "client_id", a.client.ID)
		p.respondError(w, r, req, &oauthError{code: "access_denied", description: "the person said no"})
	default:
		p.showConsent(w, r, a, request)
	}
}

func (p *Provider) showConsent(w http.ResponseWriter, r *http.Request, a *authorization, request string) {
	page := pages.Consent{
		Action: p.path("consent"), CSRF: p.csrfToken(w, r, consentPurpose(a.in, request)), Request: request,
		ClientName: a.client.displayName(), ClientOrigin: originOf(a.redirectURI), UserName: a.in.user.Name(),
		FormAction: []string{a.redirectURI}, Scopes: pageScopes(slices.Concat(a.scopes, a.covering)),
	}
	p.pages.Consent(w, http.StatusOK, page)
}

// pageScopes are scopes as a page shows them.
func pageScopes(scopes []string) (shown []pages.Scope) {
	for _, name := range store.Scopes() {
		if slices.Contains(scopes, name) {
			shown = append(shown, pages.Scope{Name: name, Description: scopeDescriptions[name]})
		}
	}
	for _, name := range scopes {
		if store.IsAPIScope(name) {
			shown = append(shown, pages.Scope{Name: name, Description: lang.T("Use %s for you", name)})
		}
	}
	return shown
}

// remember adds the scopes, and those of single claims, to what the person agreed
// to before.
func (p *Provider) remember(r *http.Request, a *authorization) error {
	return p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		if err := store.Audit(tx, p.byUser(r, a.in.user), store.ActionConsentGrant, a.client.party(), grantedScopes(a.scopes)...); err != nil {
			return err
		}
		return agree(tx, a.in.user.ID, a.client.ID, slices.Concat(a.scopes, a.covering), p.now())
	})
}

// agree writes down that a person said yes to a client's scopes, besides those of
// before.
func agree(tx store.WriteTx, userID int64, clientID string, scopes []string, now time.Time) error {
	agreed := &store.Consent{UserID: userID, ClientID: clientID, GrantedAt: now}
	before, err := tx.Consent(userID, clientID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("reading consent: %w", err)
	}
	if err == nil {
		agreed.Scopes = slices.Clone(before.Scopes)
	}
	for _, s := range scopes {
		if !slices.Contains(agreed.Scopes, s) {
			agreed.Scopes = append(agreed.Scopes, s)
		}
	}
	return tx.PutConsent(agreed)
}

// consentPurpose binds the form to session and request: the yes to one says
// nothing of another.
func consentPurpose(in *signedIn, request string) string {
	return "consent\x00" + string(in.session.Hash[:]) + request
}

// originOf is where a redirect URI leads, for people and for the pages' policy.
func originOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	if u.Host == "" {
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}
