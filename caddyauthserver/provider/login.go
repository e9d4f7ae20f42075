package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

// wrongLogin is the one answer to a name that is unknown, an account that is
// disabled, and a wrong password.
const wrongLogin = "Username or password is not right."

// login asks for username and password. It is a step of authorize, to which it
// returns and nowhere else: "continue" is an authorization request, not a URL.
// Without one it leads home.
func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		var err error
		if values, err = readForm(w, r); err != nil {
			p.badForm(w, r, err)
			return
		}
	}
	page := pages.Login{Action: p.path("login"), Continue: values.Get("continue"), Username: values.Get("username")}
	back := p.url("")
	if page.Continue != "" {
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
	show := func(status int, problem string) {
		page.Error = problem
		page.CSRF = p.csrfToken(w, r, "login")
		p.pages.Login(w, status, page)
	}
	if r.Method != http.MethodPost {
		show(http.StatusOK, "")
		return
	}
	if !p.csrfValid(r, values, "login") {
		show(http.StatusForbidden, "This page was open for too long, or your browser keeps no cookies. Please try again.")
		return
	}
	in, err := p.checkLogin(r, values.Get("username"), values.Get("password"))
	if err != nil {
		p.refuseLogin(w, r, err, show)
		return
	}
	id, err := p.startLogin(r, in)
	if errors.Is(err, errNotAnyMore) {
		p.refuseLogin(w, r, errWrongLogin, show)
		return
	}
	if err != nil {
		p.unavailable(w, r, "signing in", err)
		return
	}
	p.Logger.Info("signed in", "user_id", in.user.ID)
	p.setCookie(w, p.cookies.session, id, p.SessionAbsolute)
	p.rememberDevice(w, r, in.user.ID)
	seeOther(w, back)
}

var errWrongLogin = errors.New("wrong login")

// tooManyError says how long to wait before the next attempt.
type tooManyError struct{ wait time.Duration }

func (e *tooManyError) Error() string { return "too many attempts" }

func (p *Provider) refuseLogin(w http.ResponseWriter, r *http.Request, err error, show func(int, string)) {
	if errors.Is(err, errWrongLogin) {
		show(http.StatusForbidden, wrongLogin)
		return
	}
	if many, ok := errors.AsType[*tooManyError](err); ok {
		seconds := int(many.wait/time.Second) + 1
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		show(http.StatusTooManyRequests, fmt.Sprintf("Too many attempts. Please wait %d seconds and try again.", seconds))
		return
	}
	if errors.Is(err, password.ErrBusy) {
		p.Logger.Warn("too many passwords to check at once")
		w.Header().Set("Retry-After", "5")
		show(http.StatusServiceUnavailable, "Many people are signing in at the moment. Please try again in a few seconds.")
		return
	}
	p.unavailable(w, r, "checking password", err)
}

// provenLogin is who proved to be themself.
type provenLogin struct {
	user     *store.User
	verified string // the hash that the password was checked against
	rehashed string // what is to take its place, or ""
}

// checkLogin checks name and password. Whatever is wrong, the work is the same.
func (p *Provider) checkLogin(r *http.Request, name, pw string) (*provenLogin, error) {
	ctx := r.Context()
	u, hash, err := p.findLogin(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("finding user: %w", err)
	}
	attempts := p.attemptsOf(r, name, u)
	if wait := p.limits.take(attempts...); wait > 0 {
		p.Logger.Warn("too many attempts to sign in", "network", networkOf(p.ClientIP(r)))
		return nil, &tooManyError{wait}
	}
	var ok, outdated bool
	if hash == "" {
		err = p.passwords.Dummy(ctx, pw)
	} else {
		ok, outdated, err = p.passwords.Verify(ctx, hash, pw)
	}
	if errors.Is(err, password.ErrMalformed) {
		p.Logger.Error("cannot read a password hash", "user_id", u.ID, "error", err)
		ok, err = false, nil
	}
	if err != nil {
		p.limits.refund(attempts...)
		return nil, err
	}
	if !ok || !u.IsActive {
		p.Logger.Info("sign-in failed", "known_user", u != nil, "network", networkOf(p.ClientIP(r)))
		return nil, errWrongLogin
	}
	p.limits.refund(attempts...)
	proven := &provenLogin{user: u, verified: hash}
	if outdated {
		if proven.rehashed, err = p.passwords.Hash(ctx, pw); err != nil {
			p.Logger.Warn("cannot renew a password hash", "user_id", u.ID, "error", err)
		}
	}
	return proven, nil
}

// findLogin finds a user by name or e-mail address, with the password's hash.
// Without such a user both are zero.
func (p *Provider) findLogin(ctx context.Context, name string) (u *store.User, hash string, err error) {
	if len(name) > 1024 {
		return nil, "", nil
	}
	name = password.NormalUsername(name)
	err = p.Store.View(ctx, func(tx store.ReadTx) error {
		var err error
		u, hash = nil, ""
		found, err := tx.UserByUsername(name)
		if errors.Is(err, store.ErrNotFound) && strings.Contains(name, "@") {
			found, err = tx.UserByEmail(name)
		}
		if err != nil {
			return err
		}
		c, err := tx.Credential(found.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil {
			hash = c.PasswordHash
		}
		u = found
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, "", nil
	}
	return u, hash, err
}

// attemptsOf names the buckets in which an attempt counts. All spellings that
// lead to one account count as one, and unknown names count like known ones.
func (p *Provider) attemptsOf(r *http.Request, name string, u *store.User) []attempt {
	account := "name " + password.CanonicalLogin(name)
	if len(name) > 1024 {
		account = "name"
	}
	if u != nil {
		if mark, ok := p.knownDevice(r, u.ID); ok {
			return []attempt{{accountLimit, "device " + mark}}
		}
		account = "user " + strconv.FormatInt(u.ID, 10)
	}
	return []attempt{
		{accountLimit, account},
		{networkLimit, networkOf(p.ClientIP(r))},
		{overallLimit, ""},
	}
}

// startLogin writes the session, in one transaction with a last look at the
// user and the password. It returns the id for the cookie.
func (p *Provider) startLogin(r *http.Request, in *provenLogin) (string, error) {
	s, id := p.newSession(r, in.user.ID)
	err := p.Store.Update(r.Context(), func(tx store.WriteTx) error {
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
		return p.startSession(tx, r, s)
	})
	return id, err
}

// recordLogin notes when the user last signed in. A user whom the schema has
// outgrown (a field became required, or unique) can still sign in.
func (p *Provider) recordLogin(tx store.WriteTx, u *store.User, at time.Time) error {
	u.LastLogin = at
	err := store.SaveUser(tx, p.Schema, u)
	_, invalid := errors.AsType[*store.InvalidError](err)
	_, conflict := errors.AsType[*store.ConflictError](err)
	if invalid || conflict {
		p.Logger.Warn("cannot record the time of a sign-in; correct the user's record", "user_id", u.ID, "error", err)
		return nil
	}
	if err != nil {
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
	p.message(w, r, status, webpage.Message{Title: "That did not work", Text: "The form could not be read. Please go back and try again.", Detail: err.Error()})
}
