package pages

import (
	"maps"
	"net/http"
	"slices"
	"strings"

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
	Problems map[string]string
}

// setupView is what the template sees.
type setupView struct {
	Setup
	Alert  string
	Inputs []input
}

// Setup shows the page.
func (s *Set) Setup(w http.ResponseWriter, status int, p Setup) {
	view := setupView{Setup: p, Inputs: p.inputs()}
	title := "Set up"
	if len(p.Problems) > 0 {
		title = "Error: " + title // heard first when the page is read out
		view.Alert = p.alert(view.Inputs)
	}
	s.setup.Render(w, status, webpage.Head{Title: title}, view)
}

// inputs are those asked for, with the cursor in the first that needs a hand.
func (p Setup) inputs() []input {
	inputs := []input{
		{Name: "username", Label: "Username", Type: "text", Value: p.Username, Autocomplete: "username", MaxLength: 150, Required: true},
		{Name: "email", Label: "E-mail", Type: "email", Value: p.Email, Autocomplete: "email", MaxLength: 254},
	}
	if p.AskCompany {
		inputs = append(inputs, input{Name: "company", Label: "Company", Type: "text", Value: p.Company, Autocomplete: "organization", MaxLength: 200})
	}
	// The value of a password never goes back to the browser.
	inputs = append(inputs, input{Name: "password", Label: "Password", Type: "password", Autocomplete: "new-password", MaxLength: 1024, Hint: "Minimum 8 characters", Required: true})
	for i := range inputs {
		inputs[i].Problem = p.Problems[inputs[i].Name]
	}
	focusFirst(inputs)
	return inputs
}

// alert is what stands above the form: the problems that belong to no input, so
// that none is lost.
func (p Setup) alert(inputs []input) string {
	var general []string
	for _, name := range slices.Sorted(maps.Keys(p.Problems)) {
		if !slices.ContainsFunc(inputs, func(i input) bool { return i.Name == name }) {
			general = append(general, p.Problems[name])
		}
	}
	if len(general) > 0 {
		return strings.Join(general, " ")
	}
	return "Please correct what is marked below."
}
