package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// factorsPage asks whether all second factors of a user are to be taken away. It posts
// nothing but the token.
type factorsPage struct {
	frame
	Username, Action, Back string
	Factors                []ownFactor
	CodesLeft              int  // recovery codes that were not used
	Password               bool // they have one
	Required               bool // they must have a second factor
}

type ownFactor struct {
	Name    string
	Passkey bool // otherwise an app
}

// askFactors names what would be gone, and says how the person signs in from then on.
func (a *Admin) askFactors(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := userID(r)
	if err != nil {
		return err
	}
	page := factorsPage{frame: v.frame(), Action: a.userPath(id) + "/factors", Back: a.userPath(id)}
	err = a.Store.View(r.Context(), func(tx store.ReadTx) error {
		page.Factors = nil
		u, err := a.manage.CheckIn(tx, v.actor(), manage.ByID(id))
		if err != nil {
			return err
		}
		page.Username, page.Required = u.Username, a.Door.NeedsFactor(u)
		factors, err := tx.Factors(id)
		if err != nil {
			return err
		}
		for _, f := range factors {
			page.Factors = append(page.Factors, ownFactor{f.Name, f.Kind == store.FactorPasskey})
		}
		codes, err := tx.RecoveryCodes(id)
		if err != nil {
			return err
		}
		page.CodesLeft = len(codes)
		c, err := tx.Credential(id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		page.Password = err == nil && c.PasswordHash != ""
		return nil
	})
	if err != nil {
		return err
	}
	if len(page.Factors) == 0 { // it was done meanwhile
		a.goTo(w, "users/"+strconv.FormatInt(id, 10), nil)
		return nil
	}
	return v.show(http.StatusOK, "userfactors", lang.T("Take away the second factors of %s?", page.Username), "users", page)
}

func (a *Admin) resetFactors(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := userID(r)
	if err != nil {
		return err
	}
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	u, had, err := a.manage.ResetFactors(r.Context(), v.actor(), manage.ByID(id))
	if err != nil {
		return err
	}
	if had > 0 {
		a.Door.TellOfFactorsReset(u)
	}
	a.Logger.Info("second factors taken away", "user_id", id, "by", v.User.ID)
	a.goTo(w, "users/"+strconv.FormatInt(id, 10), url.Values{"done": {"factors"}})
	return nil
}
