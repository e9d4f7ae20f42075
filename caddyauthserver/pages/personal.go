package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Personal is where people change their name and e-mail address. It posts first_name,
// last_name, email and current_password, verify=1 by a button of its own, and csrf.
type Personal struct {
	Action   string // where the form goes
	CSRF     string
	HomeURL  string // leads back
	Username string
	// To begin with.
	FirstName, LastName, Email string

	MayChangeEmail bool
	AskPassword    bool // before another address is sent a link
	// SignInAgainURL is where who has no password signs in once more, to change the
	// address.
	SignInAgainURL string

	InLog      bool   // links are written to the log and not sent
	Unverified bool   // a link can be sent to verify the address
	Saved      bool   // what was posted is kept
	SentTo     string // a link was sent to that address
	// Problems by name of the field; that of "" stands above the form.
	Problems map[string]lang.Text
}

// personalView is what the template sees.
type personalView struct {
	Personal
	Alert  []lang.Text
	Inputs []input
}

// Personal shows the page.
func (s *Set) Personal(w http.ResponseWriter, status int, p Personal) {
	view := personalView{Personal: p, Inputs: []input{
		{Name: "first_name", Label: lang.T("First name"), Type: "text", Value: p.FirstName, Autocomplete: "given-name", MaxLength: 150},
		{Name: "last_name", Label: lang.T("Last name"), Type: "text", Value: p.LastName, Autocomplete: "family-name", MaxLength: 150},
	}}
	if p.MayChangeEmail {
		counts := lang.T("Another address counts once you follow the link that we send there.")
		if p.InLog {
			counts = lang.T("Another address counts once you follow a link in the log of this server, which sends no mail yet.")
		}
		view.Inputs = append(view.Inputs,
			input{Name: "email", Label: lang.T("E-mail"), Type: "email", Value: p.Email, Autocomplete: "email", MaxLength: 254,
				Hint: counts})
	}
	if p.MayChangeEmail && p.AskPassword {
		view.Inputs = append(view.Inputs,
			input{Name: "current_password", Label: lang.T("Current password"), Type: "password", Autocomplete: "current-password", MaxLength: 1024,
				Hint: lang.T("Only for another e-mail address.")})
	}
	view.Alert = note(view.Inputs, p.Problems)
	s.personal.Render(w, status, webpage.Head{Title: titleOf(lang.T("Name and e-mail"), len(p.Problems) > 0)}, view)
}

// ConfirmAddress asks whether an address is to be that of the account. It posts token
// and csrf.
type ConfirmAddress struct {
	Action          string // where the form goes
	CSRF            string
	Token           string // handed back by the form
	Email, Username string
	HomeURL         string // leads back
}

// ConfirmAddress shows the page.
func (s *Set) ConfirmAddress(w http.ResponseWriter, status int, p ConfirmAddress) {
	s.confirmAddress.Render(w, status, webpage.Head{Title: lang.T("Verify your e-mail address")}, p)
}
