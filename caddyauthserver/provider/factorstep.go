package provider

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/caddyito/caddyito/store"
)

// SecondFactorPolicy says who must have a second factor. The zero value: nobody, but
// who has one is asked for it.
type SecondFactorPolicy struct {
	// All people must.
	All bool
	// Groups are those whose members must.
	Groups []string
}

// covers says whether the person must have a second factor.
func (s SecondFactorPolicy) covers(u *store.User) bool {
	return s.All || slices.ContainsFunc(s.Groups, func(g string) bool { return slices.Contains(u.Groups, g) })
}

// factorDue is what is to come before somebody may go on.
type factorDue int

const (
	nothingDue factorDue = iota
	factorToGive
	factorToSetUp // they have none
)

// dueOf is what is due of a session: who has a second factor gives it, in every
// browser, also where they signed in before they had it; who has none sets one up
// where the policy says so, or the client (acr, where that is a must).
func (p *Provider) dueOf(r *http.Request, in *signedIn, acr []string) (factorDue, error) {
	if multi(in.session) {
		return nothingDue, nil
	}
	var factors []*store.Factor
	err := p.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		factors, err = tx.Factors(in.user.ID)
		return err
	})
	switch {
	case err != nil:
		return nothingDue, fmt.Errorf("reading factors: %w", err)
	case len(factors) > 0:
		return factorToGive, nil
	case p.SecondFactor.covers(in.user), mustBeMulti(acr):
		return factorToSetUp, nil
	}
	return nothingDue, nil
}

// mustBeMulti says whether none of the classes is had by a password alone.
func mustBeMulti(acr []string) bool { return len(acr) > 0 && !slices.Contains(acr, acrPassword) }

// acr are the classes of which the client must have one; none is any.
func (a *authRequest) acr() []string {
	if a.claims == nil {
		return nil
	}
	return a.claims.acr
}

// acrAsked are the classes that the client asked for: those it must have, or else
// those it would like (OpenID Connect Core sections 3.1.2.1 and 5.5.1.1). A wish for
// several factors needs no step of its own, since who has a second one always gives
// it; who has none goes on and is said to have given a password.
func (a *authRequest) acrAsked() []string {
	switch {
	case len(a.acr()) > 0:
		return a.acr()
	case a.claims != nil && len(a.claims.acrWished) > 0:
		return a.claims.acrWished
	}
	return a.acrWished
}

// factorStep asks for the second factor that is due.
func (p *Provider) factorStep(w http.ResponseWriter, r *http.Request, a *authorization) bool {
	return p.askForFactor(w, r, a.in, p.continueQuery(w, r, a), a)
}

// askForFactor leads to where somebody gives, or sets up, the second factor that is
// due, and from there on to what is handed back (wayOn). It says whether it answered.
// a is the client's request, if there is one.
func (p *Provider) askForFactor(w http.ResponseWriter, r *http.Request, in *signedIn, goOn string, a *authorization) bool {
	var acr []string
	if a != nil {
		acr = a.acr()
	}
	due, err := p.dueOf(r, in, acr)
	if err != nil {
		p.unavailable(w, r, "reading factors", err)
		return true
	}
	if due == nothingDue {
		return false
	}
	if a != nil && a.prompts("none") {
		p.respondError(w, r, a.authRequest, &oauthError{code: "interaction_required", description: "a second factor is needed"})
		return true
	}
	if !in.current { // it is they who go on, so the pages are for them
		all, err := p.sessions(r)
		if err != nil {
			p.unavailable(w, r, "reading session", err)
			return true
		}
		p.keepSessions(w, append([]*signedIn{in}, slices.DeleteFunc(all, func(o *signedIn) bool { return o.id == in.id })...))
	}
	if due == factorToSetUp {
		seeOther(w, p.urlWith("account/security", continueWith(goOn)))
		return true
	}
	seeOther(w, p.urlWith("second-factor", continueWith(goOn)))
	return true
}

// stepUp has somebody prove anew who they are, unless they did so within d: by their
// password or passkey, and by a second factor if they have one or must have one. A
// second factor that was given lately is not enough: it may lie beside a browser that
// was left open. Ask it before what gives power or cannot be undone, for a request to show a form as
// well as for the one that posts it:
//
//	if p.stepUp(w, r, in, 15*time.Minute, goOn) {
//		return // it answered; the browser comes back to goOn (see wayOn)
//	}
//
// What was posted is not posted again.
func (p *Provider) stepUp(w http.ResponseWriter, r *http.Request, in *signedIn, d time.Duration, goOn string) bool {
	if p.now().Sub(in.session.AuthTime) < d {
		return p.askForFactor(w, r, in, goOn, nil)
	}
	query := continueWith(goOn)
	query.Set("username", in.user.Username)
	seeOther(w, p.urlWith("login", query))
	return true
}

// ownPages are those of somebody's account that ask for the second factor first: a
// browser that was signed in before there was one, by somebody who knew the password,
// say, changes nothing there.
var ownPages = []string{"password", "account/apps", "account/sessions", "account/profile", "account/email", "account/data"}

// ownPage answers one of them.
func (p *Provider) ownPage(page string, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in, err := p.currentSession(r)
		if err != nil {
			p.unavailable(w, r, "reading session", err)
			return
		}
		if in != nil {
			due, err := p.dueOf(r, in, nil)
			if err != nil {
				p.unavailable(w, r, "reading factors", err)
				return
			}
			if due == factorToGive {
				seeOther(w, p.urlWith("second-factor", continueWith(url.Values{"page": {page}}.Encode())))
				return
			}
		}
		serve(w, r)
	}
}

// forOwnPage says whether what is handed back is one of them, and is its address; of
// a page that is none, home.
func (p *Provider) forOwnPage(handedBack string) (address string, ok bool) {
	q, err := url.ParseQuery(handedBack)
	if err != nil || !q.Has("page") || q.Has("client_id") {
		return "", false
	}
	if page := q.Get("page"); slices.Contains(ownPages, page) {
		return p.url(page), true
	}
	return p.url(""), true
}

// administer has those who come to administration give their second factor first.
func (p *Provider) administer(w http.ResponseWriter, r *http.Request) {
	in, err := p.currentSession(r)
	if err != nil {
		p.unavailable(w, r, "reading session", err)
		return
	}
	back := r.URL.EscapedPath()
	if r.Method != http.MethodPost {
		back = r.URL.RequestURI()
	}
	if in != nil && p.askForFactor(w, r, in, continueAdmin(back), nil) {
		return
	}
	p.admin.ServeHTTP(w, r)
}
