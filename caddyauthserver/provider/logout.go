package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

// logoutRequest is what a client asks (OpenID Connect RP-Initiated Logout
// section 2), as far as it can be trusted.
type logoutRequest struct {
	query  url.Values
	hint   *idTokenClaims // nil: none, or not ours
	client *client        // nil: not sure which
	// redirect is where to go afterwards, with state; "" where no client that
	// proved itself has registered it. misled: it asks for one that the client has
	// not registered.
	redirect string
	misled   bool
	// believed: the client proved itself otherwise than by a hint.
	believed bool
}

// logout ends the session. A client that shows an ID token of this very session
// is believed, unless it wants people sent where it has registered nothing, and so
// is one of format djangito whose page the person comes from;
// anybody else gets a page that asks the person, since a link or an image could
// lead here.
func (p *Provider) logout(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		var err error
		if values, err = readForm(w, r); err != nil {
			p.badForm(w, r, err)
			return
		}
		if !values.Has("csrf") {
			// A client's form: cookies do not come with it, but with a GET.
			if len(values.Encode()) > maxQuery {
				p.badForm(w, r, errTooLarge)
				return
			}
			seeOther(w, p.urlWith("logout", values))
			return
		}
	}
	confirmed := r.Method == http.MethodPost
	query := values
	if confirmed {
		var err error
		if query, err = url.ParseQuery(values.Get("request")); err != nil {
			p.badForm(w, r, errBadForm)
			return
		}
	}
	req, err := p.parseLogout(r, query)
	if re, ok := errors.AsType[*requestError](err); ok {
		p.message(w, r, http.StatusBadRequest, webpage.Message{Title: "Cannot sign you out", Text: re.text, Detail: re.detail})
		return
	}
	if err != nil {
		p.unavailable(w, r, "reading logout request", err)
		return
	}
	in, err := p.currentSession(r)
	if err != nil {
		p.unavailable(w, r, "reading session", err)
		return
	}
	switch {
	case in == nil:
	case confirmed && p.csrfValid(r, values, logoutPurpose(in)):
	case !confirmed && req.hint != nil && req.hint.SID == in.session.SID && !req.misled:
	case !confirmed && req.believed:
	default:
		p.askLogout(w, r, req, in)
		return
	}
	if err := p.endAll(r.Context(), in, req.hint); err != nil {
		p.unavailable(w, r, "signing out", err)
		return
	}
	if in != nil {
		p.Logger.Info("signed out", "user_id", in.user.ID)
	}
	p.loggedOut(w, r, req)
}

// endAll ends the browser's session, if there is one, and what clients got
// through the session that a hint names, if that is over: it may have ended by
// itself, before anybody signed out.
func (p *Provider) endAll(ctx context.Context, in *signedIn, hint *idTokenClaims) error {
	if in == nil && hint == nil {
		return nil
	}
	return p.Store.Update(ctx, func(tx store.WriteTx) error {
		if in != nil {
			if err := endSession(tx, in.session, p.now()); err != nil {
				return err
			}
		}
		if hint == nil || hint.SID == "" {
			return nil
		}
		sessions, err := tx.SessionsOf(store.ServerRealm, hint.Subject)
		if err != nil {
			return fmt.Errorf("reading sessions: %w", err)
		}
		for _, s := range sessions {
			// Whoever shows a hint need not be the browser whose session it is.
			if s.SID == hint.SID && s.Live(p.now()) {
				return nil
			}
		}
		return endSID(tx, hint.Subject, hint.SID, p.now())
	})
}

// parseLogout trusts a redirect only if a valid hint says for which client it
// is and that client has registered exactly this URI. A hint that was tampered
// with counts for nothing.
func (p *Provider) parseLogout(r *http.Request, q url.Values) (*logoutRequest, error) {
	if len(q.Encode()) > maxQuery {
		return nil, &requestError{text: "The application sent a request that is too long."}
	}
	if name := duplicate(q, "id_token_hint", "client_id", "post_logout_redirect_uri", "state"); name != "" {
		return nil, &requestError{text: "The application sent a request that can be read in two ways.", detail: name + " is there more than once."}
	}
	req := &logoutRequest{query: q}
	raw := q.Get("id_token_hint")
	if raw == "" && len(q) == 0 && r.Method == http.MethodGet {
		var err error
		req.client, req.redirect, err = p.cameFrom(r.Context(), r)
		req.believed = req.client != nil
		return req, err
	}
	if raw == "" {
		return req, nil
	}
	hint, err := p.parseHint(r.Context(), raw)
	if errors.Is(err, errBadHint) {
		return req, nil
	}
	if err != nil {
		return nil, err
	}
	if id := q.Get("client_id"); id != "" && id != hint.Audience {
		return req, nil
	}
	c, err := p.findClient(r.Context(), hint.Audience)
	if errors.Is(err, errUnknownClient) {
		return req, nil
	}
	if err != nil {
		return nil, err
	}
	req.hint, req.client = hint, c
	uri := q.Get("post_logout_redirect_uri")
	switch {
	case uri == "":
	case !redirectAllowed(c.PostLogoutRedirectURIs, uri):
		req.misled = true
		p.Logger.Warn("post_logout_redirect_uri is not registered", "client_id", c.ID, "post_logout_redirect_uri", printable(uri, 500))
	case q.Has("state"):
		req.redirect = appendQuery(uri, url.Values{"state": {q.Get("state")}})
	default:
		req.redirect = uri
	}
	return req, nil
}

func (p *Provider) askLogout(w http.ResponseWriter, r *http.Request, req *logoutRequest, in *signedIn) {
	page := pages.Logout{
		Action: p.path("logout"), CSRF: p.csrfToken(w, r, logoutPurpose(in)), Request: req.again().Encode(),
		UserName: in.user.Name(),
	}
	if req.client != nil {
		page.ClientName = req.client.displayName()
	}
	if req.redirect != "" {
		page.FormAction = []string{req.redirect}
	}
	p.pages.Logout(w, http.StatusOK, page)
}

// again is the request as the form hands it back.
func (req *logoutRequest) again() url.Values {
	q := url.Values{}
	for _, name := range []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state"} {
		if req.query.Has(name) {
			q.Set(name, req.query.Get(name))
		}
	}
	return q
}

// loggedOut takes the cookie away and leads on. A post from another site comes
// without the cookie: that there is no session says nothing of the browser then,
// and to take the cookie away would sign it out.
func (p *Provider) loggedOut(w http.ResponseWriter, r *http.Request, req *logoutRequest) {
	if len(r.CookiesNamed(p.cookies.session)) > 0 {
		p.setCookie(w, p.cookies.session, "", -1)
	}
	if req.redirect != "" {
		seeOther(w, req.redirect)
		return
	}
	p.pages.LoggedOut(w, http.StatusOK, pages.LoggedOut{LinkText: "Sign in again", LinkURL: p.path("login")})
}

func logoutPurpose(in *signedIn) string { return "logout\x00" + string(in.session.Hash[:]) }
