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
	secondFactor, factors, removeFactor, renewCodes, newApp, newPasskey, recoveryCodes,
	device, deviceConfirm, deviceAnswered *webpage.View
}

// New parses the templates. An error is a fault in them, or in an operator's own, not
// in the brand.
func New(r *webpage.Renderer) (*Set, error) {
	s := new(Set)
	for file, page := range map[string]struct {
		view  **webpage.View
		model any // what its template sees
	}{
		"login.html":            {&s.login, Login{}},
		"consent.html":          {&s.consent, Consent{}},
		"logout.html":           {&s.logout, Logout{}},
		"logged_out.html":       {&s.loggedOut, LoggedOut{}},
		"setup.html":            {&s.setup, setupView{}},
		"home.html":             {&s.home, Home{}},
		"password.html":         {&s.password, passwordView{}},
		"password_changed.html": {&s.passwordChanged, PasswordChanged{}},
		"device.html":           {&s.device, Device{}},
		"device_confirm.html":   {&s.deviceConfirm, DeviceConfirm{}},
		"device_answered.html":  {&s.deviceAnswered, DeviceAnswered{}},
		"form_post.html":        {&s.formPost, FormPost{}},
		"second_factor.html":    {&s.secondFactor, SecondFactor{}},
		"factors.html":          {&s.factors, Factors{}},
		"remove_factor.html":    {&s.removeFactor, RemoveFactor{}},
		"renew_codes.html":      {&s.renewCodes, RenewCodes{}},
		"new_app.html":          {&s.newApp, NewApp{}},
		"new_passkey.html":      {&s.newPasskey, NewPasskey{}},
		"recovery_codes.html":   {&s.recoveryCodes, RecoveryCodes{}},
		"accounts.html":         {&s.accounts, Accounts{}},
		"personal.html":         {&s.personal, personalView{}},
		"confirm_address.html":  {&s.confirmAddress, ConfirmAddress{}},
		"language.html":         {&s.language, Language{}},
		"apps.html":             {&s.apps, Apps{}},
		"sessions.html":         {&s.sessions, Sessions{}},
		"forgot.html":           {&s.forgot, Forgot{}},
		"forgot_sent.html":      {&s.forgotSent, ForgotSent{}},
		"reset.html":            {&s.reset, resetView{}},
		"reset_done.html":       {&s.resetDone, ResetDone{}},
	} {
		var err error
		if *page.view, err = r.Parse(templates, "", page.model, "templates/"+file); err != nil {
			return nil, err
		}
	}
	return s, nil
}
