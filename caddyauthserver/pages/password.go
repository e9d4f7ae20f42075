package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/webpage"
)

// Password is where people change theirs. It posts current_password,
// new_password, new_password_again and csrf.
type Password struct {
	Action   string // where the form goes
	CSRF     string
	Username string // whose; for the browser's store of passwords
	HomeURL  string // leads back
	// Problems by name of the field; that of "" stands above the form.
	Problems map[string]string
}

// passwordView is what the template sees.
type passwordView struct {
	Password
	Alert  string
	Inputs []input
}

// Password shows the page.
func (s *Set) Password(w http.ResponseWriter, status int, p Password) {
	view := passwordView{Password: p, Alert: p.Problems[""]}
	for _, i := range []input{
		{Name: "current_password", Label: "Current password", Autocomplete: "current-password"},
		{Name: "new_password", Label: "New password", Autocomplete: "new-password", Hint: "Minimum 8 characters"},
		{Name: "new_password_again", Label: "New password, again", Autocomplete: "new-password"},
	} {
		// The value of a password never goes back to the browser.
		i.Type, i.MaxLength, i.Required, i.Problem = "password", 1024, true, p.Problems[i.Name]
		view.Inputs = append(view.Inputs, i)
	}
	focusFirst(view.Inputs)
	title := "Change password"
	if len(p.Problems) > 0 {
		title = "Error: " + title // heard first when the page is read out
		if view.Alert == "" {
			view.Alert = "Please correct what is marked below."
		}
	}
	s.password.Render(w, status, webpage.Head{Title: title}, view)
}

// PasswordChanged says that it is done.
type PasswordChanged struct {
	HomeURL string // leads on
}

// PasswordChanged shows the page.
func (s *Set) PasswordChanged(w http.ResponseWriter, status int, p PasswordChanged) {
	s.passwordChanged.Render(w, status, webpage.Head{Title: "Password changed"}, p)
}
