package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// personal is where people change their own name and e-mail address, and nothing else
// of what is kept of them. A name counts at once, an address when the link that is
// sent to it was followed (emailchange.go). To ask for another address takes the
// password, or a passkey of who has none (proveagain.go), since forgotten passwords are
// mailed there.
func (p *Provider) personal(w http.ResponseWriter, r *http.Request) {
	in, ok := p.ownSession(w, r)
	if !ok {
		return
	}
	has, err := p.hasPassword(r, in)
	if err != nil {
		p.unavailable(w, r, "reading credential", err)
		return
	}
	page := pages.Personal{
		Action: p.path("account/profile"), HomeURL: p.Prefix, Username: in.user.Username,
		FirstName: in.user.FirstName, LastName: in.user.LastName, Email: in.user.Email,
		Saved: r.URL.Query().Has("saved"), MayChangeEmail: p.Mailer != nil, InLog: p.MailsToLog(), AskPassword: has,
		Unverified: p.Mailer != nil && in.user.Email != "" && !in.user.EmailVerified,
	}
	if page.MayChangeEmail && !has && !p.byPasskeyJustNow(in) {
		page.MayChangeEmail, page.SignInAgainURL = false, p.signInAgainURL(in, "account/profile")
	}
	purpose := "profile\x00" + string(in.session.Hash[:])
	show := func(status int, problems map[string]lang.Text) {
		page.CSRF, page.Problems = p.csrfToken(w, r, purpose), problems
		p.pages.Personal(w, status, page)
	}
	if r.Method != http.MethodPost {
		show(http.StatusOK, nil)
		return
	}
	form, err := readForm(w, r)
	if err != nil {
		p.badForm(w, r, err)
		return
	}
	if !p.csrfValid(r, form, purpose) {
		show(http.StatusForbidden, map[string]lang.Text{"": staleForm})
		return
	}
	page.Saved = false
	page.FirstName, page.LastName = strings.TrimSpace(form.Get("first_name")), strings.TrimSpace(form.Get("last_name"))
	if form.Has("email") && p.Mailer != nil {
		page.Email = strings.TrimSpace(form.Get("email"))
	}
	if problems := p.personalProblems(in.user, page); problems != nil {
		show(http.StatusUnprocessableEntity, problems)
		return
	}
	other := page.Email != in.user.Email
	if other {
		if _, ok := p.proveAgain(w, r, in, has, form, "account/profile", show); !ok {
			return
		}
	}
	err = p.changeName(r, in, page.FirstName, page.LastName)
	if errors.Is(err, errNotAnyMore) {
		seeOther(w, p.url("login"))
		return
	}
	if err != nil {
		p.unavailable(w, r, "writing user", err)
		return
	}
	if !other && !(page.Unverified && form.Has("verify")) {
		seeOther(w, p.urlWith("account/profile", url.Values{"saved": {"1"}}))
		return
	}
	err = p.mailAddressLink(r, in, page.Email)
	if _, many := errors.AsType[*tooManyError](err); many {
		p.refuseLogin(w, r, err, func(status int, problem lang.Text) { show(status, map[string]lang.Text{"email": problem}) })
		return
	}
	if errors.Is(err, errNotAnyMore) {
		seeOther(w, p.url("login"))
		return
	}
	if err != nil {
		p.unavailable(w, r, "sending a link to verify an address", err)
		return
	}
	page.SentTo, page.Email = page.Email, in.user.Email
	show(http.StatusOK, nil)
}

// personalProblems is what is wrong with what was typed, by the name of the field.
// What is wrong with the user otherwise is not theirs to mend.
func (p *Provider) personalProblems(u *store.User, page pages.Personal) map[string]lang.Text {
	if page.Email == "" && u.Email != "" {
		return map[string]lang.Text{"email": lang.T("must not be empty")}
	}
	changed := u.Clone()
	changed.FirstName, changed.LastName, changed.Email = page.FirstName, page.LastName, page.Email
	invalid, ok := errors.AsType[*store.InvalidError](p.Schema.CheckUser(changed))
	if !ok {
		return nil
	}
	problems := map[string]lang.Text{}
	for _, pr := range invalid.Problems {
		switch pr.Field {
		case "first_name", "last_name", "email":
			problems[pr.Field] = problemText(pr)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// changeName writes the name, in one transaction with a last look at the session.
func (p *Provider) changeName(r *http.Request, was *signedIn, first, last string) error {
	changed := false
	err := p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		in, err := p.sessionIn(tx, was.session.Hash)
		if err != nil {
			return fmt.Errorf("reading session: %w", err)
		}
		if in == nil {
			return errNotAnyMore
		}
		if changed = in.user.FirstName != first || in.user.LastName != last; !changed {
			return nil
		}
		before := in.user.Clone()
		in.user.FirstName, in.user.LastName = first, last
		return p.keepOwn(tx, r, before, in.user)
	})
	if err == nil && changed {
		p.Logger.Info("name changed by the person", "user_id", was.user.ID)
	}
	return err
}

// keepOwn writes what a person changed of themselves.
func (p *Provider) keepOwn(tx store.WriteTx, r *http.Request, before, after *store.User) error {
	if err := store.KeepUser(tx, p.Schema, after); err != nil {
		return err
	}
	return store.Audit(tx, p.byUser(r, after), store.ActionUserChange, store.UserParty(after), store.AuditChanges(before, after)...)
}
