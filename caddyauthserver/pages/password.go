package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Password is where people change theirs, or choose the first. It posts
// current_password, unless it is the first, new_password, new_password_again and csrf.
type Password struct {
	Action   string // where the form goes
	CSRF     string
	Username string // whose; for the browser's store of passwords
	First    bool   // they have none
	HomeURL  string // leads back
	// Problems by name of the field; that of "" stands above the form.
	Problems map[string]lang.Text
}

// passwordView is what the template sees.
type passwordView struct {
	Password
	Title  lang.Text
	Alert  []lang.Text
	Inputs []input
}

// Password shows the page.
func (s *Set) Password(w http.ResponseWriter, status int, p Password) {
	pw := newPassword("new_password", lang.T("New password"))
	view := passwordView{Password: p, Title: lang.T("Choose a password"), Inputs: []input{pw, pw.again()}}
	if !p.First {
		view.Title = lang.T("Change password")
		view.Inputs = append([]input{
			{Name: "current_password", Label: lang.T("Current password"), Type: "password", Autocomplete: "current-password", MaxLength: 1024, Required: true},
		}, view.Inputs...)
	}
	view.Alert = note(view.Inputs, p.Problems)
	s.password.Render(w, status, webpage.Head{Title: titleOf(view.Title, len(p.Problems) > 0)}, view)
}

// PasswordChanged says that it is done.
type PasswordChanged struct {
	First   bool   // they had none
	HomeURL string // leads on
}

// Title is that of the page.
func (p PasswordChanged) Title() lang.Text { return passwordSaved(p.First) }

// passwordSaved is what to call it that a password was chosen.
func passwordSaved(first bool) lang.Text {
	if first {
		return lang.T("Password saved")
	}
	return lang.T("Password changed")
}

// PasswordChanged shows the page.
func (s *Set) PasswordChanged(w http.ResponseWriter, status int, p PasswordChanged) {
	s.passwordChanged.Render(w, status, webpage.Head{Title: p.Title()}, p)
}
