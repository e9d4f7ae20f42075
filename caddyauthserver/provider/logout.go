package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
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
	values, ok := p.pageValues(w, r)
	if !ok {
		return
	}
	if r.Method == http.MethodPost && !values.Has("csrf") {
		// A client's form: cookies do not come with it, but with a GET.
		if len(values.Encode()) > maxQuery {
			p.badForm(w, r, errTooLarge)
			return
		}
		seeOther(w, p.urlWith("logout", values))
		return
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
		p.message(w, r, http.StatusBadRequest, webpage.Message{Title: lang.T("Cannot sign you out"), Text: re.text, Detail: re.detail})
		return
	}
	if err != nil {
		p.unavailable(w, r, "reading logout request", err)
		return
	}
	all, err := p.sessions(r)
	if err != nil {
		p.unavailable(w, r, "reading session", err)
		return
	}
	in := req.of(all)
	switch {
	case in == nil:
	case confirmed && p.csrfValid(r, values, logoutPurpose(in)):
	case !confirmed && req.hint != nil && req.hint.SID == in.session.SID && !req.misled:
	case !confirmed && req.believed:
	default:
		p.askLogout(w, r, req, in, len(all) > 1)
		return
	}
	var ending []*signedIn
	switch {
	case confirmed && values.Get("everybody") != "":
		ending = all
	case in != nil:
		ending = []*signedIn{in}
	}
	frames, err := p.endAll(r, ending, req.hint)
	if err != nil {
		p.unavailable(w, r, "signing out", err)
		return
	}
	for _, in := range ending {
		p.Logger.Info("signed out", "user_id", in.user.ID)
	}
	left := slices.DeleteFunc(all, func(in *signedIn) bool { return slices.Contains(ending, in) })
	p.loggedOut(w, r, req, left, frames)
}

// of is the session that the request is about, of those in the browser: the one that
// the client names, or else the first.
func (req *logoutRequest) of(all []*signedIn) *signedIn {
	if req.hint != nil {
		for _, in := range all {
			if in.session.SID == req.hint.SID {
				return in
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// endAll ends sessions of the browser, and what clients got through the session that
// a hint names, if that is over: it may have ended by itself, before anybody signed
// out. It returns the pages of clients that are to hear of it from the browser.
func (p *Provider) endAll(r *http.Request, ending []*signedIn, hint *idTokenClaims) (frames []string, err error) {
	if len(ending) == 0 && hint == nil {
		return nil, nil
	}
	err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		frames = nil
		for _, in := range ending {
			pages, err := p.frontChannel(tx, in.session)
			if err != nil {
				return err
			}
			frames = append(frames, pages...)
			if err := endSession(tx, in.session, p.now()); err != nil {
				return err
			}
			if err := store.Audit(tx, p.byUser(r, in.user), store.ActionSignOut, store.UserParty(in.user)); err != nil {
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
	return frames, err
}

// parseLogout trusts a redirect only if a valid hint says for which client it
// is and that client has registered exactly this URI. A hint that was tampered
// with counts for nothing.
func (p *Provider) parseLogout(r *http.Request, q url.Values) (*logoutRequest, error) {
	if len(q.Encode()) > maxQuery {
		return nil, &requestError{text: lang.T("The application sent a request that is too long.")}
	}
	if name := duplicate(q, "id_token_hint", "client_id", "post_logout_redirect_uri", "state"); name != "" {
		return nil, &requestError{text: lang.T("The application sent a request that can be read in two ways."), detail: name + " is there more than once."}
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

func (p *Provider) askLogout(w http.ResponseWriter, r *http.Request, req *logoutRequest, in *signedIn, more bool) {
	page := pages.Logout{
		More:   more,
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

// loggedOut has the browser keep those who are left, and leads on. A post from
// another site comes without the cookie: that there is no session says nothing of the
// browser then, and to take the cookie away would sign it out.
func (p *Provider) loggedOut(w http.ResponseWriter, r *http.Request, req *logoutRequest, left []*signedIn, frames []string) {
	if len(r.CookiesNamed(p.cookies.session)) > 0 {
		p.keepSessions(w, left)
	}
	if req.redirect != "" && len(frames) == 0 {
		seeOther(w, req.redirect)
		return
	}
	page := pages.LoggedOut{LinkText: lang.T("Sign in again"), LinkURL: p.path("login"), Frames: frames}
	switch {
	case req.redirect != "":
		page.LinkText, page.LinkURL, page.GoOn = lang.T("Go on"), req.redirect, true
	case len(left) > 0:
		page.LinkText, page.LinkURL = lang.T("Choose an account"), p.path("accounts")
	}
	p.pages.LoggedOut(w, http.StatusOK, page)
}

func logoutPurpose(in *signedIn) string { return "logout\x00" + string(in.session.Hash[:]) }
