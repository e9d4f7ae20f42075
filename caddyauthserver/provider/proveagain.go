package provider

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// Who is at a browser may be somebody else by now, so what an account could be taken
// over by takes the password once more. Of who has none, and so signs in by passkeys,
// it takes a sign-in by passkey of a moment ago, as second factors do.

// hasPassword says whether the person has a password.
func (p *Provider) hasPassword(r *http.Request, in *signedIn) (has bool, err error) {
	err = p.Store.View(r.Context(), func(tx store.ReadTx) error {
		c, err := credentialOf(tx, in.user.ID)
		has = err == nil && c.PasswordHash != ""
		return err
	})
	return has, err
}

// byPasskeyJustNow says whether they signed in by a passkey within factorsWithin.
func (p *Provider) byPasskeyJustNow(in *signedIn) bool {
	passkey := func(method string) bool { return method == amrSoftware || method == amrHardware }
	return slices.ContainsFunc(in.session.Methods, passkey) && p.now().Sub(in.session.AuthTime) < factorsWithin
}

// signInAgain leads to where they sign in once more, and from there to one of
// ownPages. What was posted is not posted again.
func (p *Provider) signInAgain(w http.ResponseWriter, in *signedIn, page string) {
	seeOther(w, p.signInAgainURL(in, page))
}

func (p *Provider) signInAgainURL(in *signedIn, page string) string {
	query := continueWith(url.Values{"page": {page}}.Encode())
	query.Set("username", in.user.Username)
	return p.urlWith("login", query)
}

// proveAgain checks the current password of who is signed in, or, if they have none, that
// they just signed in by a passkey. It answers what went wrong, and says whether there is
// more to do.
func (p *Provider) proveAgain(w http.ResponseWriter, r *http.Request, in *signedIn, has bool, form url.Values, page string, show func(status int, problems map[string]lang.Text)) (proven *provenLogin, ok bool) {
	switch {
	case !has && p.byPasskeyJustNow(in):
		return &provenLogin{user: in.user}, true
	case !has:
		p.signInAgain(w, in, page)
		return nil, false
	}
	proven, err := p.checkLogin(r, in.user.Username, form.Get("current_password"))
	if err == nil && proven.user.ID != in.user.ID {
		err = errWrongLogin // the name is somebody else's by now
	}
	if err != nil {
		p.refuseLogin(w, r, err, func(status int, problem lang.Text) {
			if errors.Is(err, errWrongLogin) {
				show(status, map[string]lang.Text{"current_password": lang.T("is not right")})
				return
			}
			show(status, map[string]lang.Text{"": problem})
		})
	}
	return proven, err == nil
}
