package authapp

import (
	"context"
	"fmt"
	"net/http"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

// PasswordChecker is a server that says what is wrong with a password for somebody,
// also in its own config: a list of breached ones, say.
type PasswordChecker interface {
	CheckNewPassword(pw string, u *store.User) error
}

// chosenPassword is a password that comes in a request.
type chosenPassword struct {
	text string
	// weak takes one that is guessed soon, too, for programs that set up systems to
	// be thrown away: ?weak=true.
	weak bool
}

func (a *App) chosenPassword(r *http.Request, text string) chosenPassword {
	return chosenPassword{text, r.URL.Query().Get("weak") == "true"}
}

// hashPassword hashes a password for somebody that is asked of it what the pages ask.
func (api *adminAPI) hashPassword(ctx context.Context, a *App, pw chosenPassword, u *store.User) (string, error) {
	err := password.Check(pw.text)
	if err == nil && !pw.weak {
		if err = a.checkStrength(pw.text, u); err != nil {
			err = fmt.Errorf("%w. To have it all the same: --weak, or ?weak=true", err)
		}
	}
	if err != nil {
		return "", &store.InvalidError{Type: store.UserType, Problems: []store.Problem{store.ProblemOf("password", err)}}
	}
	return api.hasher.Hash(ctx, pw.text)
}

// checkStrength asks every server, and does without one.
func (a *App) checkStrength(pw string, u *store.User) error {
	for _, s := range a.servers {
		if checker, ok := s.(PasswordChecker); ok {
			if err := checker.CheckNewPassword(pw, u); err != nil {
				return err
			}
		}
	}
	return password.CheckStrength(pw, u.Username, u.Email, u.FirstName, u.LastName)
}

// putPassword sets a password and ends every session: whoever knew the old one
// may hold some.
func (api *adminAPI) putPassword(a *App, r *http.Request) (any, error) {
	var body struct {
		Password string `json:"password"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	u, err := a.manager().Check(r.Context(), manage.Actor{}, named(r))
	if err != nil {
		return nil, err
	}
	hash, err := api.hashPassword(r.Context(), a, a.chosenPassword(r, body.Password), u)
	if err != nil {
		return nil, err
	}
	if u, err = a.manager().SetPassword(r.Context(), manage.Actor{}, manage.ByID(u.ID), hash); err == nil {
		a.tellOwner(func(t OwnerTeller) { t.TellOfPasswordSet(u) })
	}
	return nil, err
}
