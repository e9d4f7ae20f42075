package provider

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

// wrongLogin is the one answer to a name that is unknown, an account that is
// disabled, and a wrong password.
var wrongLogin = lang.T("Username or password is not right.")

// login asks for username and password. It is a step of authorize, of device and of
// administration, to which it returns and nowhere else: "continue" is an
// authorization request, a user code or a page of administration, not a URL. Without
// one it leads home.
func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	values, ok := p.pageValues(w, r)
	if !ok {
		return
	}
	page := pages.Login{Action: p.path("login"), ForgotURL: p.forgotURL(), Continue: values.Get("continue"), Username: values.Get("username"),
		Add: values.Get("add") != "", Remember: r.Method != http.MethodPost || values.Get("remember") != ""}
	back := p.url("")
	if code, ok := forDevice(page.Continue); ok {
		back = p.deviceURL(code)
	} else if address, ok := p.forAdmin(page.Continue); ok {
		back = address
	} else if page.Continue != "" {
		req, err := p.parseAuthRequest(r.Context(), page.Continue)
		if p.refuseRequest(w, r, req, err) {
			return
		}
		back = p.url("authorize") + "?" + req.query.Encode()
		page.ClientName = req.client.displayName()
		page.FormAction = []string{req.redirectURI}
		if r.Method != http.MethodPost {
			page.Username = req.loginHint
		}
	}
	if len(page.Username) > 254 {
		page.Username = ""
	}
	show := func(status int, problem lang.Text) {
		page.Error = problem
		page.CSRF = p.csrfToken(w, r, "login")
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
	in, err := p.checkLogin(r, values.Get("username"), values.Get("password"))
	if err != nil {
		p.refuseLogin(w, r, err, show)
		return
	}
	kept, err := p.startLogin(r, in, values.Get("remember") != "", values.Get("add") != "")
	if errors.Is(err, errNotAnyMore) {
		p.refuseLogin(w, r, errWrongLogin, show)
		return
	}
	if err != nil {
		p.unavailable(w, r, "signing in", err)
		return
	}
	p.Logger.Info("signed in", "user_id", in.user.ID)
	p.keepSessions(w, kept)
	p.rememberBrowser(w, r, in.user.ID)
	seeOther(w, back)
}

var errWrongLogin = errors.New("wrong login")

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

// startLogin writes the session, in one transaction with a last look at the
// user and the password. It returns what the browser is to keep.
func (p *Provider) startLogin(r *http.Request, in *provenLogin, remember, add bool) (kept []*signedIn, err error) {
	s, id := p.newSession(r, in.user.ID, remember)
	err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
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
		if err := p.recordLogin(tx, u, s.AuthTime); err != nil {
			return err
		}
		kept, err = p.startSession(tx, r, s, id, add)
		return err
	})
	return kept, err
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

// badForm answers a person whose form cannot be read.
func (p *Provider) badForm(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusBadRequest
	switch {
	case errors.Is(err, errTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, errNotForm):
		status = http.StatusUnsupportedMediaType
	}
	p.message(w, r, status, webpage.Message{Title: lang.T("That did not work"), Text: lang.T("The form could not be read. Please go back and try again."), Detail: err.Error()})
}
