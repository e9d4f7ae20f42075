package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

// wrongLogin is the one answer to a name that is unknown, an account that is
// disabled, and a wrong password.
var wrongLogin = lang.T("Username or password is not right.")

// login asks for username and password. It is a step of authorize and of others, to
// which it returns and nowhere else (wayOn). Who has a second factor gives it next
// (secondfactor.go), and is not signed in before.
func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	values, ok := p.pageValues(w, r)
	if !ok {
		return
	}
	page := pages.Login{Action: p.path("login"), ForgotURL: p.forgotURL(), Continue: values.Get("continue"), Username: values.Get("username"),
		Add: values.Get("add") != "", Remember: r.Method != http.MethodPost || values.Get("remember") != ""}
	back, err := p.wayOn(r, page.Continue)
	if p.refuseRequest(w, r, back.req, err) {
		return
	}
	page.ClientName, page.FormAction = back.clientName(), back.formAction()
	if back.req != nil && r.Method != http.MethodPost {
		page.Username = back.req.loginHint
	}
	if len(page.Username) > 254 {
		page.Username = ""
	}
	page.LanguageURL = p.path("language")
	if page.Continue != "" {
		page.LanguageURL += "?" + url.Values{"continue": {page.Continue}}.Encode()
	}
	show := func(status int, problem lang.Text) {
		page.Error = problem
		page.CSRF = p.csrfToken(w, r, "login")
		if page.Passkey, err = p.passkeyForLogin(w, r); err != nil {
			p.unavailable(w, r, "asking for a passkey", err)
			return
		}
		p.pages.Login(w, status, page)
	}
	if r.Method != http.MethodPost {
		show(http.StatusOK, lang.Text{})
		return
	}
	if !p.csrfValid(r, values, "login") {
		show(http.StatusForbidden, staleForm)
		return
	}
	if values.Get("passkey") != "" {
		p.signInByPasskey(w, r, values, back, show)
		return
	}
	p.signInByPassword(w, r, values, back, show)
}

// signInByPasskey takes the answer of a passkey, which is all that a sign-in needs.
func (p *Provider) signInByPasskey(w http.ResponseWriter, r *http.Request, values url.Values, back way, show func(int, lang.Text)) {
	kept, err := p.loginByPasskey(r, values.Get("passkey"), values.Get("remember") != "", values.Get("add") != "")
	switch {
	case errors.Is(err, errWrongPasskey):
		show(http.StatusForbidden, lang.T("This passkey did not sign you in. Try again, or use your password."))
	case errors.Is(err, errStaleChallenge):
		show(http.StatusForbidden, staleForm)
	case err != nil:
		p.refuseLogin(w, r, err, show)
	default:
		p.letIn(w, r, kept)
		seeOther(w, back.url)
	}
}

// signInByPassword takes a username and password. Who has a second factor is led on to
// that, with a cookie that remembers the password was right.
func (p *Provider) signInByPassword(w http.ResponseWriter, r *http.Request, values url.Values, back way, show func(int, lang.Text)) {
	in, err := p.checkLogin(r, values.Get("username"), values.Get("password"))
	if err != nil {
		p.refuseLogin(w, r, err, show)
		return
	}
	kept, pending, err := p.startLogin(r, in, values.Get("remember") != "", values.Get("add") != "")
	switch {
	case errors.Is(err, errNotAnyMore):
		p.refuseLogin(w, r, errWrongLogin, show)
	case err != nil:
		p.unavailable(w, r, "signing in", err)
	case pending != "":
		p.setCookie(w, p.cookies.pending, pending, pendingLifetime)
		query := continueWith(values.Get("continue"))
		query.Set("login", "1")
		seeOther(w, p.urlWith("second-factor", query))
	default:
		p.letIn(w, r, kept)
		seeOther(w, back.url)
	}
}

// letIn has the browser keep what a sign-in that is complete gave.
func (p *Provider) letIn(w http.ResponseWriter, r *http.Request, kept []*signedIn) {
	in := kept[0]
	if !in.raised {
		p.meter.signIns.Add(1)
	}
	p.Logger.Info("signed in", "user_id", in.user.ID, "methods", amrOfSession(in.session))
	if _, known := p.knownBrowser(r, in.user.ID); !known && in.again {
		p.tellOfSignIn(r, in.user)
	}
	p.keepSessions(w, kept)
	p.rememberBrowser(w, r, in.user.ID)
}

// errWrongLogin is answered by wrongLogin, whichever of the two was wrong.
var errWrongLogin = errors.New("wrong login")

// refuseLogin answers why a password was not taken, or not looked at.
func (p *Provider) refuseLogin(w http.ResponseWriter, r *http.Request, err error, show func(int, lang.Text)) {
	if errors.Is(err, errWrongLogin) {
		show(http.StatusForbidden, wrongLogin)
		return
	}
	if many, ok := errors.AsType[*tooManyError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(many.seconds()))
		show(http.StatusTooManyRequests, lang.T("Too many attempts. Please wait %d seconds and try again.", many.seconds()))
		return
	}
	if errors.Is(err, password.ErrBusy) {
		p.Logger.Warn("too many passwords to check at once")
		w.Header().Set("Retry-After", "5")
		show(http.StatusServiceUnavailable, lang.T("Many people are signing in at the moment. Please try again in a few seconds."))
		return
	}
	p.unavailable(w, r, "checking password", err)
}

// startLogin writes the session, in one transaction with a last look at the user and
// the password. It returns what the browser is to keep; or, for who has a second
// factor to give yet, the token of the pending sign-in alone.
func (p *Provider) startLogin(r *http.Request, in *provenLogin, remember, add bool) (kept []*signedIn, pending string, err error) {
	s, id := p.newSession(r, in.user.ID, remember)
	err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		kept, pending = nil, ""
		u, err := activeUser(tx, in.user.ID)
		if errors.Is(err, store.ErrNotFound) {
			return errNotAnyMore
		}
		if err != nil {
			return fmt.Errorf("reading user: %w", err)
		}
		c, err := tx.Credential(u.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && c.PasswordHash != in.verified {
			return errNotAnyMore // changed meanwhile
		}
		if err != nil {
			return fmt.Errorf("reading credential: %w", err)
		}
		if in.rehashed != "" {
			c.PasswordHash = in.rehashed
			if err := tx.PutCredential(c); err != nil {
				return fmt.Errorf("writing credential: %w", err)
			}
		}
		factors, err := tx.Factors(u.ID)
		if err != nil {
			return fmt.Errorf("reading factors: %w", err)
		}
		if len(factors) > 0 {
			pending, err = p.putPending(tx, c, remember, add)
			return err
		}
		kept, err = p.openSession(tx, r, u, s, id, add)
		return err
	})
	return kept, pending, err
}

// openSession writes the session of a sign-in that is complete.
func (p *Provider) openSession(tx store.WriteTx, r *http.Request, u *store.User, s *store.Session, id string, add bool) ([]*signedIn, error) {
	again := !u.LastLogin.IsZero()
	if err := p.recordLogin(tx, u, s.AuthTime); err != nil {
		return nil, err
	}
	if err := store.Audit(tx, p.byUser(r, u), store.ActionSignIn, store.UserParty(u), store.AuditChange{Field: "method", New: strings.Join(amrOfSession(s), " ")}); err != nil {
		return nil, err
	}
	kept, err := p.startSession(tx, r, s, id, add)
	if err != nil {
		return nil, err
	}
	kept[0].user, kept[0].again = u, again
	return kept, nil
}

// recordLogin notes when the user last signed in, also of a user whom the schema
// has outgrown (a field became required).
func (p *Provider) recordLogin(tx store.WriteTx, u *store.User, at time.Time) error {
	u.LastLogin = at
	if err := store.KeepUser(tx, p.Schema, u); err != nil {
		return fmt.Errorf("writing user: %w", err)
	}
	return nil
}
