package provider

import (
	"errors"
	"net/url"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

// newPassword is the password that the form chooses for somebody, or what is wrong
// with it by the name of the field.
func (p *Provider) newPassword(form url.Values, u *store.User) (pw string, problems map[string]lang.Text) {
	pw = form.Get("new_password")
	if err := p.CheckNewPassword(pw, u); err != nil {
		return "", map[string]lang.Text{"new_password": lang.Of(err)}
	}
	if pw != form.Get("new_password_again") {
		return "", map[string]lang.Text{"new_password_again": lang.T("is not the same")}
	}
	return pw, nil
}

// CheckNewPassword says what is wrong with a password for somebody. That the list of
// breached ones cannot be read keeps nobody from choosing one.
func (p *Provider) CheckNewPassword(pw string, u *store.User) error {
	if err := password.Check(pw); err != nil {
		return err
	}
	if err := password.CheckStrength(pw, u.Username, u.Email, u.FirstName, u.LastName, p.Brand.Name); err != nil {
		return err
	}
	if p.Breached == nil {
		return nil
	}
	err := p.Breached.Check(pw)
	if err != nil && !errors.Is(err, password.ErrKnown) {
		p.Logger.Error("cannot look for a password among breached ones", "error", err)
		return nil
	}
	return err
}
