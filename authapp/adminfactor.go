package authapp

import (
	"net/http"
	"time"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// factorView is a second factor, without what proves it.
type factorView struct {
	ID        string           `json:"id"`
	Kind      store.FactorKind `json:"kind"`
	Name      string           `json:"name,omitempty"`
	CreatedAt time.Time        `json:"created_at"`
	LastUsed  time.Time        `json:"last_used,omitzero"`
}

type factorPage struct {
	Factors []factorView `json:"factors"`
	// RecoveryCodes that were not used yet.
	RecoveryCodes int `json:"recovery_codes"`
}

func (api *adminAPI) listFactors(a *App, r *http.Request) (any, error) {
	page := factorPage{}
	err := a.Store().View(r.Context(), func(tx store.ReadTx) error {
		page.Factors = []factorView{}
		u, err := findUser(tx, r.PathValue("user"))
		if err != nil {
			return err
		}
		list, err := tx.Factors(u.ID)
		if err != nil {
			return err
		}
		for _, f := range list {
			page.Factors = append(page.Factors, factorView{f.ID, f.Kind, f.Name, f.CreatedAt, f.LastUsed})
		}
		codes, err := tx.RecoveryCodes(u.ID)
		page.RecoveryCodes = len(codes)
		return err
	})
	return page, err
}

// resetFactors takes all of them away, for who lost what they sign in with, and signs
// the user out: whoever found it may be signed in.
func (api *adminAPI) resetFactors(a *App, r *http.Request) (any, error) {
	u, had, err := a.manager().ResetFactors(r.Context(), manage.Actor{}, named(r))
	if err == nil && had > 0 {
		a.tellOwner(func(t OwnerTeller) { t.TellOfFactorsReset(u) })
	}
	return nil, err
}
