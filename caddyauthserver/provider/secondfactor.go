package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// Who gave the right password and has a second factor is not signed in yet. A ticket
// remembers the password for a while, by a cookie of this browser; it is spent in the
// transaction that writes the session.
const (
	pendingTicket   = "sign-in"
	pendingLifetime = 10 * time.Minute
)

// pendingData is the Data of such a ticket.
type pendingData struct {
	// Password is the hash of the password's hash: if it is changed, the ticket is over.
	Password store.Hash `json:"password"`
	Remember bool       `json:"remember,omitempty"`
	Add      bool       `json:"add,omitempty"`
}

func (p *Provider) putPending(tx store.WriteTx, c *store.Credential, remember, add bool) (token string, err error) {
	data, err := json.Marshal(pendingData{store.HashOf(c.PasswordHash), remember, add})
	if err != nil {
		return "", err
	}
	now := p.now()
	token = store.NewSecret()
	return token, tx.PutTicket(&store.Ticket{
		Kind: pendingTicket, Hash: store.HashOf(token), UserID: c.UserID, Data: string(data), CreatedAt: now, ExpiresAt: now.Add(pendingLifetime),
	})
}

// pendingOf is who a pending sign-in is of, as long as it holds; otherwise
// errNotAnyMore.
func (p *Provider) pendingOf(tx store.ReadTx, token string) (*store.User, pendingData, error) {
	var data pendingData
	t, err := tx.Ticket(pendingTicket, store.HashOf(token))
	if errors.Is(err, store.ErrNotFound) || err == nil && !p.now().Before(t.ExpiresAt) {
		return nil, data, errNotAnyMore
	}
	if err != nil {
		return nil, data, fmt.Errorf("reading pending sign-in: %w", err)
	}
	if err := json.Unmarshal([]byte(t.Data), &data); err != nil {
		return nil, data, fmt.Errorf("reading pending sign-in: %w", err)
	}
	u, err := activeUser(tx, t.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, data, errNotAnyMore
	}
	if err != nil {
		return nil, data, fmt.Errorf("reading user: %w", err)
	}
	c, err := credentialOf(tx, u.ID)
	if err != nil {
		return nil, data, err
	}
	if store.HashOf(c.PasswordHash) != data.Password {
		return nil, data, errNotAnyMore
	}
	return u, data, nil
}

// asking is for whom the page of the second factor is: somebody about to sign in, or
// who is signed in and has to prove more.
type asking struct {
	token   string    // of the pending sign-in
	in      *signedIn // nil: they are about to
	user    *store.User
	factors []*store.Factor
	codes   []store.Hash // recovery codes
}

// purpose binds forms to it.
func (a *asking) purpose() string {
	if a.in == nil {
		return "second-factor\x00" + a.token
	}
	return "second-factor\x00" + string(a.in.session.Hash[:])
}

// secondFactor asks for a code of an app, a passkey or a recovery code, after the
// password, or of somebody signed in who has to prove more. It is a step of those of
// which login is one, and leads on as it does.
func (p *Provider) secondFactor(w http.ResponseWriter, r *http.Request) {
	values, ok := p.pageValues(w, r)
	if !ok {
		return
	}
	page := pages.SecondFactor{
		Action: p.path("second-factor"), Continue: values.Get("continue"), Login: values.Get("login") != "", Recovery: values.Get("recovery") != "",
	}
	way, err := p.wayOn(r, page.Continue)
	if p.refuseRequest(w, r, way.req, err) {
		return
	}
	again := p.urlWith("login", continueWith(page.Continue))
	who, err := p.whoIsAsked(r, page.Login)
	switch {
	case errors.Is(err, errNotAnyMore):
		seeOther(w, again)
		return
	case err != nil:
		p.unavailable(w, r, "reading who is to give a second factor", err)
		return
	case len(who.factors) == 0: // removed meanwhile; who signs in does so anew
		if who.in == nil {
			way.url = again
		}
		seeOther(w, way.url)
		return
	}
	page.UserName, page.ClientName, page.FormAction = who.user.Name(), way.clientName(), way.formAction()
	page.OtherURL = again
	show := func(status int, problem lang.Text) { p.showSecondFactor(w, r, status, page, who, problem) }
	if r.Method != http.MethodPost {
		show(http.StatusOK, lang.Text{})
		return
	}
	if !p.csrfValid(r, values, who.purpose()) {
		show(http.StatusForbidden, staleForm)
		return
	}
	proof, err := p.checkFactor(r, who, values)
	if err == nil {
		var kept []*signedIn
		if kept, err = p.acceptFactor(r, who, proof); err == nil {
			if who.in == nil {
				p.setCookie(w, p.cookies.pending, "", -1)
			}
			if proof.recovery {
				p.tellOfFactor(r, who.user, lang.T("One of your recovery codes was used. It does not work any more."))
			}
			p.letIn(w, r, kept)
			seeOther(w, way.url)
			return
		}
	}
	switch {
	case errors.Is(err, errNotAnyMore):
		seeOther(w, again)
	case errors.Is(err, errStaleChallenge):
		show(http.StatusForbidden, staleForm)
	case errors.Is(err, errWrongFactor), errors.Is(err, errWrongPasskey):
		p.meter.failedSignIns.Add(1)
		p.failures.add(r, who.user)
		p.Logger.Info("second factor refused", "user_id", who.user.ID, "client_ip", p.ClientIP(r))
		show(http.StatusForbidden, wrongFactor(values))
	default:
		p.refuseLogin(w, r, err, show)
	}
}

// whoIsAsked finds out; errNotAnyMore if there is nobody.
func (p *Provider) whoIsAsked(r *http.Request, login bool) (who *asking, err error) {
	who = new(asking)
	if login {
		who.token = cookie(r, p.cookies.pending)
	} else if who.in, err = p.currentSession(r); err != nil {
		return nil, err
	} else if who.in == nil {
		return nil, errNotAnyMore
	}
	err = p.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		if who.in != nil {
			who.user = who.in.user
		} else if who.user, _, err = p.pendingOf(tx, who.token); err != nil {
			return err
		}
		if who.factors, err = tx.Factors(who.user.ID); err != nil {
			return fmt.Errorf("reading factors: %w", err)
		}
		who.codes, err = tx.RecoveryCodes(who.user.ID)
		return err
	})
	return who, err
}

func (p *Provider) showSecondFactor(w http.ResponseWriter, r *http.Request, status int, page pages.SecondFactor, who *asking, problem lang.Text) {
	page.Error = problem
	page.CSRF = p.csrfToken(w, r, who.purpose())
	page.App = hasKind(who.factors, store.FactorTOTP)
	query := continueWith(page.Continue)
	if page.Login {
		query.Set("login", "1")
	}
	page.CodeURL = p.path("second-factor") + "?" + query.Encode()
	if len(who.codes) > 0 {
		query.Set("recovery", "1")
		page.RecoveryURL = p.path("second-factor") + "?" + query.Encode()
	}
	var err error
	if page.Passkey, err = p.passkeyForFactor(w, r, who); err != nil {
		p.unavailable(w, r, "asking for a passkey", err)
		return
	}
	p.pages.SecondFactor(w, status, page)
}

func hasKind(factors []*store.Factor, kind store.FactorKind) bool {
	for _, f := range factors {
		if f.Kind == kind {
			return true
		}
	}
	return false
}

// errWrongFactor says that a code is not right, or was used before.
var errWrongFactor = errors.New("wrong second factor")

func wrongFactor(values url.Values) lang.Text {
	if values.Get("passkey") != "" {
		return lang.T("This passkey is not one of yours, or did not answer rightly. Please try again.")
	}
	if values.Get("recovery") != "" {
		return lang.T("This is none of your recovery codes, or it was used before.")
	}
	return lang.T("This code is not right, or was used before. Wait for the next one and try again.")
}

// factorProof is a second factor that was found right, and what is to be written when
// it is accepted: errWrongFactor if it was used meanwhile.
type factorProof struct {
	method   string // of amr
	recovery bool   // by a recovery code
	use      func(tx store.WriteTx, now time.Time) error
}

// checkFactor finds out what was given. Codes of an app are short, so attempts at
// them are counted before they are looked at (guessing.go); recovery codes are long.
func (p *Provider) checkFactor(r *http.Request, who *asking, values url.Values) (*factorProof, error) {
	if raw := values.Get("passkey"); raw != "" {
		return p.checkPasskeyFactor(r, who, raw)
	}
	typed := values.Get("otp")
	if code, ok := store.RecoveryCode(typed); ok {
		return p.checkRecoveryCode(r, who, code)
	}
	attempts := p.factorAttempts(r, who.user)
	if wait := p.limits.take(attempts...); wait > 0 {
		p.Logger.Warn("too many attempts at a second factor", "user_id", who.user.ID, "client_ip", p.ClientIP(r))
		if who.in == nil {
			p.tellOfGuessing(r, who.user)
		}
		return nil, &tooManyError{wait}
	}
	proof, err := p.checkTOTP(who, typed)
	if err == nil {
		p.limits.refund(attempts...)
	}
	return proof, err
}

// factorAttempts names the buckets in which a wrong code counts: the owner's browser
// has one of its own, as for passwords.
func (p *Provider) factorAttempts(r *http.Request, u *store.User) []attempt {
	if mark, ok := p.knownBrowser(r, u.ID); ok {
		return []attempt{{factorLimit, "device " + mark}}
	}
	ip := p.ClientIP(r)
	return []attempt{
		{factorLimit, "user " + strconv.FormatInt(u.ID, 10)},
		{networkLimit, "factor " + networkOf(ip)},
		{siteLimit, "factor " + siteOf(ip)},
		{overallLimit, "factor"},
	}
}

func (p *Provider) checkPasskeyFactor(r *http.Request, who *asking, raw string) (*factorProof, error) {
	attempts := p.passkeyAttempts(r)
	if wait := p.limits.take(attempts...); wait > 0 {
		return nil, &tooManyError{wait}
	}
	a, err := p.checkPasskey(r, raw, "passkey "+who.purpose(), who)
	if err != nil {
		return nil, err
	}
	p.limits.refund(attempts...)
	return &factorProof{method: a.method(), use: a.accept}, nil
}

func (p *Provider) checkRecoveryCode(r *http.Request, who *asking, code store.Hash) (*factorProof, error) {
	found := false
	for _, kept := range who.codes {
		found = found || kept == code // hashes: nothing to be learnt from how long it takes
	}
	if !found {
		return nil, p.slowDown(errWrongFactor, attempt{grantLimit, "recovery " + networkOf(p.ClientIP(r))})
	}
	return &factorProof{method: amrOTP, recovery: true, use: func(tx store.WriteTx, _ time.Time) error {
		err := tx.SpendRecoveryCode(who.user.ID, code)
		if errors.Is(err, store.ErrNotFound) {
			return errWrongFactor
		}
		return err
	}}, nil
}

// acceptFactor spends what was given, in the transaction that writes the session: a
// new one, with a new id, in both cases. Who was signed in before keeps what limits
// the session, and when it began.
func (p *Provider) acceptFactor(r *http.Request, who *asking, proof *factorProof) (kept []*signedIn, err error) {
	err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		now := p.now()
		if who.in != nil {
			kept, err = p.raiseSession(tx, r, who.in, proof.method, now)
		} else {
			kept, err = p.completeLogin(tx, r, who, proof.method)
		}
		if err != nil {
			return err
		}
		return proof.use(tx, now)
	})
	return kept, err
}

// completeLogin spends the pending sign-in for the session.
func (p *Provider) completeLogin(tx store.WriteTx, r *http.Request, who *asking, method string) ([]*signedIn, error) {
	u, data, err := p.pendingOf(tx, who.token)
	if err != nil {
		return nil, err
	}
	if _, err := tx.SpendTicket(pendingTicket, store.HashOf(who.token)); err != nil {
		return nil, fmt.Errorf("spending pending sign-in: %w", err)
	}
	s, id := p.newSession(r, u.ID, data.Remember)
	s.Methods, s.FactorTime = withFactor(nil, method), s.AuthTime
	return p.openSession(tx, r, u, s, id, data.Add)
}

// raiseSession puts a session, of which more was proved, in the place of the one
// there is.
func (p *Provider) raiseSession(tx store.WriteTx, r *http.Request, in *signedIn, method string, now time.Time) ([]*signedIn, error) {
	old, err := p.sessionIn(tx, in.session.Hash)
	if err != nil {
		return nil, fmt.Errorf("reading session: %w", err)
	}
	if old == nil {
		return nil, errNotAnyMore
	}
	s, id := p.newSession(r, old.user.ID, old.session.Remember)
	s.CreatedAt, s.AuthTime, s.ExpiresAt = old.session.CreatedAt, old.session.AuthTime, old.session.ExpiresAt
	s.Methods, s.FactorTime = withFactor(old.session.Methods, method), now
	kept, err := p.startSession(tx, r, s, id, true)
	if err != nil {
		return nil, err
	}
	kept[0].user, kept[0].raised = old.user, true
	return kept, nil
}
