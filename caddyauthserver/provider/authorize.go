package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

// authorization is a request on its way through the steps.
type authorization struct {
	*authRequest
	in      *signedIn      // nil: nobody
	others  bool           // nobody is, but others are signed in here
	consent *store.Consent // nil: none
}

// step asks for one thing a code rests on. It answers the request and returns
// true, or returns false if the thing is there.
type step func(http.ResponseWriter, *http.Request, *authorization) bool

// authorize is the one dispatcher: each step returns only here, and looks
// again at everything.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		// Cookies that are SameSite=Lax do not come with a post from another
		// site, but they do with the GET this leads to.
		form, err := readForm(w, r)
		if err != nil {
			p.message(w, r, http.StatusBadRequest, webpage.Message{Title: lang.T("Cannot sign you in"), Text: lang.T("The application sent a request that cannot be read."), Detail: err.Error()})
			return
		}
		if len(form.Encode()) > maxQuery {
			p.refuseRequest(w, r, nil, errRequestTooLong)
			return
		}
		seeOther(w, p.urlWith("authorize", form))
		return
	}
	req, err := p.parseAuthRequest(r, r.URL.RawQuery)
	if p.refuseRequest(w, r, req, err) {
		return
	}
	a := &authorization{authRequest: req}
	if err := p.load(r, a); err != nil {
		p.unavailable(w, r, "reading session and consent", err)
		return
	}
	for _, ask := range []step{p.signInStep, p.factorStep, p.groupStep, p.consentStep} {
		if ask(w, r, a) {
			return
		}
	}
	p.issueCode(w, r, a)
}

// refuseRequest answers a request that cannot be parsed, and says whether it
// did.
func (p *Provider) refuseRequest(w http.ResponseWriter, r *http.Request, req *authRequest, err error) bool {
	if err == nil {
		return false
	}
	if re, ok := errors.AsType[*requestError](err); ok {
		p.message(w, r, http.StatusBadRequest, webpage.Message{Title: lang.T("Cannot sign you in"), Text: re.text, Detail: re.detail})
		return true
	}
	if oe, ok := errors.AsType[*oauthError](err); ok {
		p.respondError(w, r, req, oe)
		return true
	}
	p.unavailable(w, r, "answering authorization request", err)
	return true
}

// load reads who is signed in and what they agreed to.
func (p *Provider) load(r *http.Request, a *authorization) error {
	all, err := p.sessions(r)
	if err != nil {
		return err
	}
	in := a.whom(all)
	a.in, a.others = in, in == nil && len(all) > 0
	if in == nil {
		return nil
	}
	return p.Store.View(r.Context(), func(tx store.ReadTx) error {
		c, err := tx.Consent(in.user.ID, a.client.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		a.consent = c
		return nil
	})
}

// whom is whose session the request goes on with: that of whom the client means, or
// whom the person chose, or else the current one.
func (a *authorization) whom(all []*signedIn) *signedIn {
	for _, in := range all {
		switch {
		case len(a.subs) > 0 && a.means(in):
			return in
		case len(a.subs) == 0 && a.chose(in):
			return in
		}
	}
	if len(all) > 0 && all[0].current {
		return all[0]
	}
	return nil
}

// means says whether in may be whom the client means.
func (a *authRequest) means(in *signedIn) bool {
	for _, meant := range a.subs {
		if !slices.Contains(meant, in.session.Subject) {
			return false
		}
	}
	return true
}

// chose says whether the person chose to go on as in.
func (a *authRequest) chose(in *signedIn) bool {
	return a.returned && a.asked.account != "" && a.asked.account == in.session.SID
}

// signInStep asks the person to sign in: if nobody is signed in, if the client
// wants it done again, or wants somebody else.
func (p *Provider) signInStep(w http.ResponseWriter, r *http.Request, a *authorization) bool {
	if a.in != nil && !p.mustSignInAgain(a) {
		return false
	}
	if a.prompts("none") || a.in != nil && a.since(a.in.session.AuthTime) {
		// Either may not be asked, or just was and is not whom the client wants.
		p.respondError(w, r, a.authRequest, &oauthError{code: "login_required"})
		return true
	}
	if a.mustChoose() {
		seeOther(w, p.urlWith("accounts", url.Values{"continue": {p.continueQuery(w, r, a)}}))
		return true
	}
	seeOther(w, p.urlWith("login", url.Values{"continue": {p.continueQuery(w, r, a)}}))
	return true
}

// mustChoose says whether the person is to choose whom to go on as, rather than
// sign in.
func (a *authorization) mustChoose() bool {
	if len(a.subs) > 0 || a.prompts("login") {
		return false // the client knows who, or wants them to sign in anyway
	}
	return a.prompts("select_account") && a.in != nil && !a.chose(a.in) || a.others
}

func (p *Provider) mustSignInAgain(a *authorization) bool {
	if !a.means(a.in) {
		return true
	}
	if a.since(a.in.session.AuthTime) {
		return false
	}
	if a.prompts("login") || a.prompts("select_account") && !a.chose(a.in) {
		return true
	}
	return a.maxAge >= 0 && p.now().Sub(a.in.session.AuthTime) >= a.maxAge
}

// since says whether t, when the person did something, is after the dispatcher
// asked for it.
func (a *authRequest) since(t time.Time) bool { return a.returned && !t.Before(a.asked.at) }

// groupStep turns away who is in none of the groups for which the client is. It
// says so here, with a way out: a client that is told would often just begin
// again.
func (p *Provider) groupStep(w http.ResponseWriter, r *http.Request, a *authorization) bool {
	if a.client.Admits(a.in.user) {
		return false
	}
	p.Logger.Info("turned away: in none of the client's groups", "user_id", a.in.user.ID, "client_id", a.client.ID)
	if a.prompts("none") {
		p.respondError(w, r, a.authRequest, &oauthError{code: "access_denied", description: "this client is not open to the person who is signed in"})
		return true
	}
	p.turnAway(w, r, a.in, a.client, p.continueQuery(w, r, a))
	return true
}

// turnAway tells a person that the client is not for them, and leads to where they
// can go on as somebody else.
func (p *Provider) turnAway(w http.ResponseWriter, r *http.Request, in *signedIn, c *client, goOn string) {
	p.message(w, r, http.StatusForbidden, webpage.Message{
		Title: lang.T("Not open to you"),
		Text: lang.T("You are signed in as %s, and may not use %s. Ask whoever runs it to let you in, or sign in as somebody else.",
			in.user.Name(), c.displayName()),
		Detail:   fmt.Sprintf("Client %q is only for members of some groups.", c.ID),
		LinkText: lang.T("Sign in as somebody else"),
		LinkURL:  p.urlWith("accounts", url.Values{"continue": {goOn}}),
	})
}

// consentStep asks the person to agree, unless they did before or the client
// is first-party. What they said of an app that any program may pass for, counts
// once (RFC 8252 section 8.6), for exactly this request: another program may have one
// on its way when they say yes to the app's.
func (p *Provider) consentStep(w http.ResponseWriter, r *http.Request, a *authorization) bool {
	agreed := a.consent != nil && covers(a.consent.Scopes, a.scopes) && covers(a.consent.Scopes, a.covering)
	switch {
	case a.prompts("consent"), !a.client.SkipConsent && a.client.anyProgram(a.redirectURI):
		agreed = agreed && a.returned && a.asked.agreed == p.agreedMark(a.in)
	case a.client.SkipConsent:
		agreed = true
	}
	if agreed {
		return false
	}
	if a.prompts("none") {
		p.respondError(w, r, a.authRequest, &oauthError{code: "consent_required"})
		return true
	}
	seeOther(w, p.urlWith("consent", url.Values{"request": {p.continueQuery(w, r, a)}}))
	return true
}

// continueQuery is the request as a step hands it back.
func (p *Provider) continueQuery(w http.ResponseWriter, r *http.Request, a *authorization) string {
	return p.withAsked(a.query, a.asked, p.browserSecret(w, r)).Encode()
}

// errNotAnyMore says that what the steps found is gone by the time the code is
// written: signed out, disabled or taken out of a group meanwhile.
var errNotAnyMore = errors.New("no longer signed in")

// issueCode writes the code, in one transaction with a last look at the session
// and user it rests on.
func (p *Provider) issueCode(w http.ResponseWriter, r *http.Request, a *authorization) {
	code, err := p.writeCode(r.Context(), a)
	if errors.Is(err, errNotAnyMore) {
		seeOther(w, p.url("authorize")+"?"+p.continueQuery(w, r, a))
		return
	}
	if p.refuseRequest(w, r, nil, err) {
		return
	}
	p.Logger.Info("signed in at client", "user_id", a.in.user.ID, "client_id", a.client.ID, "scopes", a.scopes)
	p.respond(w, a.authRequest, url.Values{"code": {code}})
}

func (p *Provider) writeCode(ctx context.Context, a *authorization) (string, error) {
	var code string
	err := p.Store.Update(ctx, func(tx store.WriteTx) error {
		in, err := p.sessionIn(tx, a.in.session.Hash)
		if err != nil {
			return fmt.Errorf("reading session: %w", err)
		}
		if in == nil || !a.client.Admits(in.user) {
			return errNotAnyMore
		}
		if err := spendPushed(tx, a.authRequest); err != nil {
			return err
		}
		now := p.now()
		// Until it is redeemed there is nothing to outlive the code.
		family := p.familyOf(in, a.client, a.scopes, a.resources, now.Add(p.CodeLifetime+time.Minute))
		family.Claims = a.claims.kept()
		family.ACR = acrFor(in.session, a.acrAsked())
		if code, err = p.grants(tx, a.client, now).newCode(ctx, family, a); err != nil {
			return err
		}
		return p.noteVisit(tx, a.client, in)
	})
	return code, err
}

// familyOf is a new family of what a client gets through somebody's session. It lasts
// until then, for what it buys to prolong.
func (p *Provider) familyOf(in *signedIn, c *client, scopes, resources []string, until time.Time) *store.Family {
	f := &store.Family{
		ID: store.NewSecret(), ClientID: c.ID, UserID: in.user.ID, Scopes: slices.Clone(scopes), Resources: slices.Clone(resources),
		ACR: acrOf(in.session), Methods: in.session.Methods, SID: in.session.SID, AuthTime: in.session.AuthTime, CreatedAt: p.now(),
	}
	f.ExpiresAt = p.familyEnd(f, until)
	return f
}

// noteVisit notes that somebody got to a client through their session: so that it is
// told of them, and of the session's end.
func (p *Provider) noteVisit(tx store.WriteTx, c *client, in *signedIn) error {
	if err := store.Visit(tx, p.Schema, &c.Client, in.user); err != nil {
		return fmt.Errorf("noting who visited the client: %w", err)
	}
	return p.noteSignIn(tx, c, in.session)
}
