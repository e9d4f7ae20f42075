package provider

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// To remove a second factor or to make new recovery codes takes away what somebody may
// need to get in again, so a page of its own asks first, and says what follows.

// errLastFactor says that somebody must keep one; errOnlyWay that they would have no
// way left to sign in.
var (
	errLastFactor = errors.New("the last factor of who must have one")
	errOnlyWay    = errors.New("the last passkey of who has no password")
)

// removable finds a factor among those of its owner, and those that are left without
// it. It may be one that has to stay: errLastFactor, errOnlyWay.
func (p *Provider) removable(tx store.CredentialReader, u *store.User, factors []*store.Factor, id string) (f *store.Factor, left []*store.Factor, err error) {
	for _, one := range factors {
		if one.ID == id {
			f = one
		} else {
			left = append(left, one)
		}
	}
	if f == nil {
		return nil, nil, store.ErrNotFound
	}
	c, err := credentialOf(tx, u.ID)
	switch {
	case err != nil:
		return nil, nil, err
	case c.PasswordHash == "" && !hasKind(left, store.FactorPasskey):
		return nil, nil, errOnlyWay
	case len(left) == 0 && p.SecondFactor.covers(u):
		return nil, nil, errLastFactor
	}
	return f, left, nil
}

// refuseRemoval answers why a factor is not removed; nil if it did. Where the factor is
// gone already there is nothing left to do.
func (p *Provider) refuseRemoval(w http.ResponseWriter, r *http.Request, v *factorVisit, err error) error {
	switch {
	case errors.Is(err, errLastFactor):
		return p.showFactors(w, r, v, lang.T("This server asks you to have a second factor. Add another one before you remove this."))
	case errors.Is(err, errOnlyWay):
		return p.showFactors(w, r, v, lang.T("You have no password, and no other passkey to sign in with. Choose a password or add a passkey before you remove this."))
	case errors.Is(err, store.ErrNotFound):
		seeOther(w, p.securityURL("", v.goOn))
		return nil
	}
	return err
}

// askToRemove asks whether a factor is to be removed.
func (p *Provider) askToRemove(w http.ResponseWriter, r *http.Request, v *factorVisit, problem lang.Text) error {
	page := pages.RemoveFactor{Action: p.path("account/security/remove"), Continue: v.goOn, Error: problem, BackURL: p.securityURL("", v.goOn)}
	err := p.Store.View(r.Context(), func(tx store.ReadTx) error {
		page.Left = nil
		factors, err := tx.Factors(v.in.user.ID)
		if err != nil {
			return fmt.Errorf("reading factors: %w", err)
		}
		f, left, err := p.removable(tx, v.in.user, factors, v.values.Get("factor"))
		if err != nil {
			return err
		}
		page.Factor = p.pageFactor(f, v.goOn)
		for _, f := range left {
			page.Left = append(page.Left, p.pageFactor(f, v.goOn))
		}
		codes, err := tx.RecoveryCodes(v.in.user.ID)
		page.CodesLeft = len(codes)
		return err
	})
	if err != nil {
		return p.refuseRemoval(w, r, v, err)
	}
	page.CSRF = p.csrfToken(w, r, v.purpose())
	p.pages.RemoveFactor(w, statusOf(problem), page)
	return nil
}

// removeFactor removes it.
func (p *Provider) removeFactor(w http.ResponseWriter, r *http.Request, v *factorVisit) error {
	id := v.values.Get("factor")
	var name string
	err := p.changeAsSignedIn(r, v.in, func(tx store.WriteTx, in *signedIn, factors []*store.Factor) error {
		f, _, err := p.removable(tx, in.user, factors, id)
		if err != nil {
			return err
		}
		name = f.Name
		if err := store.Audit(tx, p.byUser(r, in.user), store.ActionFactorRemove, store.UserParty(in.user), store.AuditChange{Field: string(f.Kind), Old: name}); err != nil {
			return err
		}
		return store.RemoveFactor(tx, in.user.ID, id)
	})
	if err != nil {
		return p.refuseRemoval(w, r, v, err)
	}
	p.Logger.Info("second factor removed", "user_id", v.in.user.ID)
	p.tellOfFactor(r, v.in.user, lang.T("“%s” was removed as a second factor of your account.", name))
	seeOther(w, p.securityURL("", v.goOn))
	return nil
}

// askForCodes asks whether recovery codes are to be made anew. Who has no second factor
// has none.
func (p *Provider) askForCodes(w http.ResponseWriter, r *http.Request, v *factorVisit, problem lang.Text) error {
	page := pages.RenewCodes{Action: p.path("account/security/codes"), Continue: v.goOn, Error: problem, BackURL: p.securityURL("", v.goOn)}
	have := false
	err := p.Store.View(r.Context(), func(tx store.ReadTx) error {
		factors, err := tx.Factors(v.in.user.ID)
		if err != nil {
			return fmt.Errorf("reading factors: %w", err)
		}
		codes, err := tx.RecoveryCodes(v.in.user.ID)
		have, page.CodesLeft = len(factors) > 0, len(codes)
		return err
	})
	if err != nil {
		return err
	}
	if !have {
		seeOther(w, p.securityURL("", v.goOn))
		return nil
	}
	page.CSRF = p.csrfToken(w, r, v.purpose())
	p.pages.RenewCodes(w, statusOf(problem), page)
	return nil
}

// renewCodes makes recovery codes, which are shown this once.
func (p *Provider) renewCodes(w http.ResponseWriter, r *http.Request, v *factorVisit) error {
	shown, kept := store.NewRecoveryCodes()
	err := p.changeAsSignedIn(r, v.in, func(tx store.WriteTx, in *signedIn, factors []*store.Factor) error {
		if len(factors) == 0 {
			return store.ErrNotFound
		}
		if err := store.Audit(tx, p.byUser(r, in.user), store.ActionRecoveryCodes, store.UserParty(in.user)); err != nil {
			return err
		}
		return tx.PutRecoveryCodes(in.user.ID, kept)
	})
	if errors.Is(err, store.ErrNotFound) {
		seeOther(w, p.securityURL("", v.goOn))
		return nil
	}
	if err != nil {
		return err
	}
	p.Logger.Info("recovery codes made", "user_id", v.in.user.ID)
	p.tellOfFactor(r, v.in.user, lang.T("New recovery codes were made for your account. The old ones do not work any more."))
	p.showCodes(w, v, shown)
	return nil
}
