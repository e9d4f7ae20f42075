package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Setup makes the first superuser. It posts username, email, company (if asked
// for), password, csrf and token.
type Setup struct {
	Action                   string // where the form goes
	CSRF                     string
	Token                    string // handed back by the form
	Username, Email, Company string // to begin with
	AskCompany               bool
	// Problems by name of the field. Those of other names, as "", stand above
	// the form.
	Problems map[string]lang.Text
}

// setupView is what the template sees.
type setupView struct {
	Setup
	Alert  []lang.Text
	Inputs []input
}

// Setup shows the page.
func (s *Set) Setup(w http.ResponseWriter, status int, p Setup) {
	view := setupView{Setup: p, Inputs: p.inputs()}
	view.Alert = note(view.Inputs, p.Problems)
	s.setup.Render(w, status, webpage.Head{Title: titleOf(lang.T("Set up"), len(p.Problems) > 0)}, view)
}

func (p Setup) inputs() []input {
	inputs := []input{
		{Name: "username", Label: lang.T("Username"), Type: "text", Value: p.Username, Autocomplete: "username", MaxLength: 150, Required: true},
		{Name: "email", Label: lang.T("E-mail"), Type: "email", Value: p.Email, Autocomplete: "email", MaxLength: 254},
	}
	if p.AskCompany {
		inputs = append(inputs, input{Name: "company", Label: lang.T("Company"), Type: "text", Value: p.Company, Autocomplete: "organization", MaxLength: 200})
	}
	return append(inputs, newPassword("password", lang.T("Password")))
}
