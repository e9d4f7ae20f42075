package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// userFields are those of the form of a user. Whether somebody is of the staff or a
// superuser is for superusers to say.
func (a *Admin) userFields(tx store.ReadTx, v *visit, u *store.User) ([]field, error) {
	flag := strconv.FormatBool
	fields := []field{
		{Name: "username", Label: lang.T("Username"), Kind: "text", Value: u.Username, Required: true},
		{Name: "email", Label: lang.T("E-mail"), Kind: "email", Value: u.Email},
		{Name: "email_verified", Label: lang.T("The address is known to be theirs"), Kind: "checkbox", Value: flag(u.EmailVerified)},
		{Name: "first_name", Label: lang.T("First name"), Kind: "text", Value: u.FirstName},
		{Name: "last_name", Label: lang.T("Last name"), Kind: "text", Value: u.LastName},
		{Name: "groups", Label: lang.T("Groups"), Kind: "text", Value: strings.Join(u.Groups, ", "), Hint: lang.T("Separated by commas.")},
	}
	own, err := a.schemaFields(tx, store.UserType, a.Schema.Read(store.UserType, u.Fields))
	if err != nil {
		return nil, err
	}
	fields = append(fields, own...)
	if v.User.IsSuperuser {
		fields = append(fields,
			field{Name: "is_staff", Label: lang.T("Staff: may administer people who are neither staff nor superusers"), Kind: "checkbox", Value: flag(u.IsStaff)},
			field{Name: "is_superuser", Label: lang.T("Superuser: may do everything"), Kind: "checkbox", Value: flag(u.IsSuperuser)})
	}
	return fields, nil
}

func (a *Admin) newUserPage(r *http.Request, v *visit) (page formPage, err error) {
	page = formPage{frame: v.frame(), Title: lang.T("New user"), Action: a.path("users/new"), Back: a.path("users"), Button: lang.T("Create user"),
		Invite: true, Mail: a.Door.SendsMail(), InLog: a.Door.MailsToLog()}
	err = a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		page.Fields, err = a.userFields(tx, v, &store.User{})
		return err
	})
	if err == nil {
		page.Fields[0].Autofocus = true
	}
	return page, err
}

// newUser asks for a sign-in of a moment ago, as createUser does, before anything is
// typed that would be lost.
func (a *Admin) newUser(_ http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	page, err := a.newUserPage(r, v)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "form", page.Title, "users", page)
}

// createUser gives somebody an account: by an address alone they have a link sent that
// opens it.
func (a *Admin) createUser(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	page, err := a.newUserPage(r, v)
	if err != nil {
		return err
	}
	invite := v.form.Get("invite")
	values, wrong, err := a.formValues(r, store.UserType, page.Fields, v.form)
	if err != nil {
		return err
	}
	u := &store.User{IsActive: true}
	if err := a.setAll(store.UserType, u, values); err != nil && !wrong.add(err) {
		return err
	}
	if len(wrong) == 0 {
		u, err = a.manage.CreateUser(r.Context(), v.actor(), u, "")
		if err != nil && !wrong.add(err) {
			return err
		}
	}
	if len(wrong) > 0 {
		page.wrongForm(v.form, wrong)
		return v.show(http.StatusUnprocessableEntity, "form", lang.T("Error: %s", page.Title), "users", page)
	}
	a.Logger.Info("user created", "user_id", u.ID, "by", v.User.ID)
	if invite == "link" || invite == "mail" {
		r.SetPathValue("id", strconv.FormatInt(u.ID, 10)) // where it is said if the link cannot be sent
		return a.invite(w, r, v, u.ID, invite == "mail")
	}
	a.goTo(w, "users/"+strconv.FormatInt(u.ID, 10), url.Values{"done": {"created"}})
	return nil
}

// givesMore says whether a change gives somebody the account, or the account more: an
// address, to which links are sent that open it, a flag, or a group, for whose members
// alone some apps are.
func givesMore(before, after *store.User) bool {
	return after.Email != "" && after.Email != before.Email || after.IsStaff && !before.IsStaff || after.IsSuperuser && !before.IsSuperuser ||
		slices.ContainsFunc(after.Groups, func(g string) bool { return !slices.Contains(before.Groups, g) })
}

// editUserPage is refused where who looks may not change the user.
func (a *Admin) editUserPage(r *http.Request, v *visit) (page formPage, u *store.User, err error) {
	id, err := userID(r)
	if err != nil {
		return page, nil, err
	}
	if u, err = a.manage.Check(r.Context(), v.actor(), manage.ByID(id)); err != nil {
		return page, nil, err
	}
	page = formPage{frame: v.frame(), Title: lang.T("Edit %s", u.Username), Action: a.userPath(id) + "/edit", Back: a.userPath(id), Button: lang.T("Save")}
	err = a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		page.Fields, err = a.userFields(tx, v, u)
		page.Seen = seenOf(page.Fields)
		return err
	})
	return page, u, err
}

func (a *Admin) editUser(_ http.ResponseWriter, r *http.Request, v *visit) error {
	page, _, err := a.editUserPage(r, v)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "form", page.Title, "users", page)
}

func (a *Admin) changeUser(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, before, err := a.editUserPage(r, v)
	if err != nil {
		return err
	}
	overtaken := func() error {
		page.sayOvertaken()
		return v.show(http.StatusConflict, "form", lang.T("Error: %s", page.Title), "users", page)
	}
	if page.overtaken(v.form) {
		return overtaken()
	}
	values, wrong, err := a.formValues(r, store.UserType, page.Fields, v.form)
	if err != nil {
		return err
	}
	if before.EmailVerified && store.CanonicalName(v.form.Get("email")) != store.CanonicalName(before.Email) {
		// The tick was for the address before.
		values = slices.DeleteFunc(values, func(v [2]string) bool { return v[0] == "email_verified" })
	}
	after := before.Clone()
	_ = a.setAll(store.UserType, after, values) // what is wrong is said below
	if givesMore(before, after) && !v.signedInWithin(changeWithin) {
		return nil
	}
	if len(wrong) == 0 {
		_, err = a.manage.ChangeUser(r.Context(), v.actor(), manage.ByID(before.ID), func(u *store.User) error {
			if v.form.Has(seenParam) && u.Version != before.Version {
				return errOvertaken
			}
			return a.setAll(store.UserType, u, values)
		})
		if errors.Is(err, errOvertaken) { // a moment ago
			if page, _, err = a.editUserPage(r, v); err != nil {
				return err
			}
			return overtaken()
		}
		if err != nil && !wrong.add(err) {
			return err
		}
	}
	if len(wrong) > 0 {
		page.wrongForm(v.form, wrong)
		return v.show(http.StatusUnprocessableEntity, "form", lang.T("Error: %s", page.Title), "users", page)
	}
	a.Logger.Info("user changed", "user_id", before.ID, "by", v.User.ID)
	a.goTo(w, "users/"+strconv.FormatInt(before.ID, 10), url.Values{"done": {"saved"}})
	return nil
}
