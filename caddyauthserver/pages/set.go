package pages

import (
	"embed"

	"github.com/caddyito/caddyito/internal/webpage"
)

//go:embed templates/*.html
var templates embed.FS

// Set is all pages in one brand. It is safe for concurrent use.
type Set struct {
	login, consent, logout, loggedOut, setup, home, password, passwordChanged, formPost,
	personal, confirmAddress, language, accounts, apps, sessions, forgot, forgotSent, reset, resetDone,
	secondFactor, factors, newApp, newPasskey, recoveryCodes,
	device, deviceConfirm, deviceAnswered *webpage.View
}

// New parses the templates. An error is a fault in them, not in the brand.
func New(r *webpage.Renderer) (*Set, error) {
	s := new(Set)
	for file, view := range map[string]**webpage.View{
		"login.html":            &s.login,
		"consent.html":          &s.consent,
		"logout.html":           &s.logout,
		"logged_out.html":       &s.loggedOut,
		"setup.html":            &s.setup,
		"home.html":             &s.home,
		"password.html":         &s.password,
		"password_changed.html": &s.passwordChanged,
		"device.html":           &s.device,
		"device_confirm.html":   &s.deviceConfirm,
		"device_answered.html":  &s.deviceAnswered,
		"form_post.html":        &s.formPost,
		"second_factor.html":    &s.secondFactor,
		"factors.html":          &s.factors,
		"new_app.html":          &s.newApp,
		"new_passkey.html":      &s.newPasskey,
		"recovery_codes.html":   &s.recoveryCodes,
		"accounts.html":         &s.accounts,
		"personal.html":         &s.personal,
		"confirm_address.html":  &s.confirmAddress,
		"language.html":         &s.language,
		"apps.html":             &s.apps,
		"sessions.html":         &s.sessions,
		"forgot.html":           &s.forgot,
		"forgot_sent.html":      &s.forgotSent,
		"reset.html":            &s.reset,
		"reset_done.html":       &s.resetDone,
	} {
		var err error
		if *view, err = r.Parse(templates, "templates/"+file); err != nil {
			return nil, err
		}
	}
	return s, nil
}
