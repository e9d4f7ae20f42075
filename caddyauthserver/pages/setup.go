package pages

import (
	"net/http"

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
	// Problems by name of the field; "" is for the form as a whole.
	Problems map[string]string
}

// Setup shows the page.
func (s *Set) Setup(w http.ResponseWriter, status int, p Setup) {
	title := "Set up"
	if len(p.Problems) > 0 {
		title = "Error: " + title // heard first when the page is read out
	}
	s.setup.Render(w, status, webpage.Head{Title: title}, setupView{
		Setup: p,
		Form:  formProblem(p.Problems),
		Fields: []setupField{
			{Name: "username", Label: "Username", Type: "text", Value: p.Username, Autocomplete: "username", MaxLength: 150, Required: true},
			{Name: "email", Label: "E-mail", Type: "email", Value: p.Email, Autocomplete: "email", MaxLength: 254},
			{Name: "company", Label: "Company", Type: "text", Value: p.Company, Autocomplete: "organization", MaxLength: 200},
			{Name: "password", Label: "Password", Type: "password", Autocomplete: "new-password", MaxLength: 1024, Hint: "Minimum 8 characters", Required: true},
		},
	}.prepared())
}

type setupView struct {
	Setup
	Form   string
	Fields []setupField
}

type setupField struct {
	Name, Label, Type, Value, Autocomplete, Hint, Problem string
	MaxLength                                             int
	Required, Autofocus                                   bool
}

// DescribedBy are the ids of what explains the field.
func (f setupField) DescribedBy() string {
	switch {
	case f.Problem != "" && f.Hint != "":
		return f.Name + "-problem " + f.Name + "-hint"
	case f.Problem != "":
		return f.Name + "-problem"
	case f.Hint != "":
		return f.Name + "-hint"
	}
	return ""
}

// prepared leaves out what is not asked, puts problems to their fields, and the
// cursor where it is needed first.
func (v setupView) prepared() setupView {
	fields := v.Fields[:0]
	for _, f := range v.Fields {
		if f.Name == "company" && !v.AskCompany {
			continue
		}
		f.Problem = v.Problems[f.Name]
		fields = append(fields, f)
	}
	first := 0
	for i, f := range fields {
		if f.Problem != "" {
			first = i
			break
		}
	}
	fields[first].Autofocus = true
	v.Fields = fields
	return v
}

// formProblem is what stands above the form.
func formProblem(problems map[string]string) string {
	if p := problems[""]; p != "" {
		return p
	}
	if len(problems) > 0 {
		return "Please correct what is marked below."
	}
	return ""
}

// SetupDone says that the first superuser is there.
type SetupDone struct {
	UserName          string
	LinkText, LinkURL string // lead on; without a URL there is no link
}

// SetupDone shows the page.
func (s *Set) SetupDone(w http.ResponseWriter, status int, p SetupDone) {
	if p.LinkText == "" {
		p.LinkText = "Sign in"
	}
	s.setupDone.Render(w, status, webpage.Head{Title: "All set"}, p)
}
