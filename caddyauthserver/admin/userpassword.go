package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

// passwordPage gives a user a password. It posts new_password and
// new_password_again, which never go back to the browser.
type passwordPage struct {
	frame
	Username, Action, Back string
	MinLength, MaxLength   int
	Hint                   lang.Text
	// New and Again are what is wrong with the one and the other.
	Alert, New, Again lang.Text
}

// setsPassword is whose password the visitor may set; nil where that was answered.
// Their own they change as everybody does, by the one that they have.
func (a *Admin) setsPassword(w http.ResponseWriter, r *http.Request, v *visit) (*store.User, error) {
	id, err := userID(r)
	if err != nil {
		return nil, err
	}
	u, err := a.manage.Check(r.Context(), v.actor(), manage.ByID(id))
	if err != nil {
		return nil, err
	}
	if id == v.User.ID {
		w.Header().Set("Location", a.AccountURL+"/password")
		w.WriteHeader(http.StatusSeeOther)
		return nil, nil
	}
	if !v.signedInWithin(changeWithin) {
		return nil, nil
	}
	return u, nil
}

func (a *Admin) passwordPage(v *visit, u *store.User) passwordPage {
	return passwordPage{
		frame: v.frame(), Username: u.Username, Action: a.userPath(u.ID) + "/password", Back: a.userPath(u.ID),
		MinLength: password.MinLength, MaxLength: password.MaxLength, Hint: lang.T("Minimum %d characters", password.MinLength),
	}
}

func (a *Admin) askPassword(w http.ResponseWriter, r *http.Request, v *visit) error {
	u, err := a.setsPassword(w, r, v)
	if err != nil || u == nil {
		return err
	}
	return v.show(http.StatusOK, "userpassword", lang.T("Password for %s", u.Username), "users", a.passwordPage(v, u))
}

// setPassword ends every session of the user: whoever knew the old password may hold
// some.
func (a *Admin) setPassword(w http.ResponseWriter, r *http.Request, v *visit) error {
	u, err := a.setsPassword(w, r, v)
	if err != nil || u == nil {
		return err
	}
	page := a.passwordPage(v, u)
	refuse := func(status int) error {
		if page.Alert.IsZero() {
			page.Alert = lang.T("Please correct what is marked below.")
		}
		return v.show(status, "userpassword", lang.T("Error: %s", lang.T("Password for %s", u.Username)), "users", page)
	}
	pw := v.form.Get("new_password")
	if err := a.Door.CheckNewPassword(pw, u); err != nil {
		page.New = lang.Of(err)
		return refuse(http.StatusUnprocessableEntity)
	}
	if pw != v.form.Get("new_password_again") {
		page.Again = lang.T("is not the same")
		return refuse(http.StatusUnprocessableEntity)
	}
	hash, err := a.Door.HashPassword(r.Context(), pw)
	if errors.Is(err, password.ErrBusy) {
		w.Header().Set("Retry-After", "5")
		page.Alert = lang.T("Many people are signing in at the moment. Please try again in a few seconds.")
		return refuse(http.StatusServiceUnavailable)
	}
	if err != nil {
		return err
	}
	if u, err = a.manage.SetPassword(r.Context(), v.actor(), manage.ByID(u.ID), hash); err != nil {
		return err
	}
	a.Logger.Info("password set", "user_id", u.ID, "by", v.User.ID)
	a.Door.TellOfPasswordSet(u)
	a.goTo(w, "users/"+strconv.FormatInt(u.ID, 10), url.Values{"done": {"password"}})
	return nil
}
