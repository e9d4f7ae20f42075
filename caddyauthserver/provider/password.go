package provider

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

// password is where people who are signed in change their password. That takes
// the current one; wrong ones count like those of the sign-in page. Who has none yet
// chooses one, after a sign-in by passkey (proveagain.go).
func (p *Provider) password(w http.ResponseWriter, r *http.Request) {
	in, ok := p.ownSession(w, r)
	if !ok {
		return
	}
	has, err := p.hasPassword(r, in)
	if err != nil {
		p.unavailable(w, r, "reading credential", err)
		return
	}
	if !has && !p.byPasskeyJustNow(in) {
		p.signInAgain(w, in, "password")
		return
	}
	show := func(status int, problems map[string]lang.Text) {
		p.pages.Password(w, status, pages.Password{
			Action: p.path("password"), CSRF: p.csrfToken(w, r, passwordPurpose(in)),
			Username: in.user.Username, First: !has, HomeURL: p.Prefix, Problems: problems,
		})
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
	if !p.csrfValid(r, form, passwordPurpose(in)) {
		show(http.StatusForbidden, map[string]lang.Text{"": staleForm})
		return
	}
	pw, problems := p.newPassword(form, in.user)
	if problems != nil {
		show(http.StatusUnprocessableEntity, problems)
		return
	}
	proven, ok := p.proveAgain(w, r, in, has, form, "password", show)
	if !ok {
		return
	}
	hash, ok := p.hashPassword(w, r, pw, show)
	if !ok {
		return
	}
	kept, err := p.changePassword(r, in, proven, hash)
	if errors.Is(err, errNotAnyMore) {
		seeOther(w, p.url("login"))
		return
	}
	if err != nil {
		p.unavailable(w, r, "changing password", err)
		return
	}
	p.Logger.Info("password changed", "user_id", in.user.ID)
	what := lang.T("The password of your account was changed.")
	if !has {
		what = lang.T("The first password of your account was chosen, after a sign-in by a passkey.")
	}
	p.tellOfPassword(r, in.user, !has, what)
	p.keepSessions(w, kept)
	p.pages.PasswordChanged(w, http.StatusOK, pages.PasswordChanged{First: !has, HomeURL: p.Prefix})
}

// hashPassword hashes a password that was chosen. It answers what went wrong, and
// says whether there is more to do.
func (p *Provider) hashPassword(w http.ResponseWriter, r *http.Request, pw string, show func(status int, problems map[string]lang.Text)) (hash string, ok bool) {
	hash, err := p.passwords.Hash(r.Context(), pw)
	switch {
	case errors.Is(err, password.ErrBusy):
		p.refuseLogin(w, r, err, func(status int, problem lang.Text) { show(status, map[string]lang.Text{"": problem}) })
	case err != nil:
		p.unavailable(w, r, "hashing password", err)
	}
	return hash, err == nil
}

// changePassword writes the password, gives this browser's session a new id, and
// ends every other one with all that was got through it, in one transaction with
// a last look at what it rests on.
func (p *Provider) changePassword(r *http.Request, in *signedIn, proven *provenLogin, hash string) (kept []*signedIn, err error) {
	s, id := p.newSession(r, in.user.ID, in.session.Remember)
	s.Methods, s.FactorTime = in.session.Methods, in.session.FactorTime
	err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		now, err := p.sessionIn(tx, in.session.Hash)
		if err != nil {
			return fmt.Errorf("reading session: %w", err)
		}
		if now == nil {
			return errNotAnyMore
		}
		c, err := credentialOf(tx, in.user.ID)
		if err != nil {
			return err
		}
		if c.PasswordHash != proven.verified {
			return errNotAnyMore // changed meanwhile
		}
		c.PasswordHash, c.PasswordChangedAt = hash, s.AuthTime
		if err := tx.PutCredential(c); err != nil {
			return fmt.Errorf("writing credential: %w", err)
		}
		if err := store.Audit(tx, p.byUser(r, in.user), store.ActionPasswordChange, store.UserParty(in.user)); err != nil {
			return err
		}
		if kept, err = p.startSession(tx, r, s, id, false); err != nil {
			return err
		}
		return endOthers(tx, in.user.ID, s, in.session.SID)
	})
	return kept, err
}

// endOthers ends the sessions of a person but s, and the tokens but those of the
// session sid; also those for while they are away, which a thief may have.
func endOthers(tx store.WriteTx, userID int64, s *store.Session, sid string) error {
	if _, err := tx.DeleteSessionsOf(store.ServerRealm, s.Subject, s.Hash); err != nil {
		return fmt.Errorf("ending the other sessions: %w", err)
	}
	over := func(s *store.SignIn) bool { return s.SID != sid }
	if err := store.QueueLogouts(tx, s.Subject, over, s.AuthTime); err != nil {
		return fmt.Errorf("having clients told of the other sessions' end: %w", err)
	}
	families, err := tx.Families(userID)
	if err != nil {
		return fmt.Errorf("reading tokens: %w", err)
	}
	for _, f := range families {
		if f.SID == sid && !offline(f) {
			continue
		}
		if err := tx.DeleteFamily(f.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("ending tokens: %w", err)
		}
	}
	return nil
}

func passwordPurpose(in *signedIn) string { return "password\x00" + string(in.session.Hash[:]) }
