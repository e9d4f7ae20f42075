package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Accounts is where people choose as whom to go on. It posts account (an Account's
// ID), csrf and continue.
type Accounts struct {
	Action   string // where the form goes
	CSRF     string
	Continue string // handed back by the form
	Accounts []Account
	AddURL   string // to sign in as somebody else
	// ClientName is the app that asked; empty if none did.
	ClientName string
	// FormAction are the URLs to which the form may be redirected.
	FormAction []string
}

// Account is a person who is signed in here.
type Account struct {
	ID, Name, Username, Email string
	Current                   bool
}

// Accounts shows the page.
func (s *Set) Accounts(w http.ResponseWriter, status int, p Accounts) {
	s.accounts.Render(w, status, webpage.Head{Title: lang.T("Choose an account"), FormAction: p.FormAction}, p)
}
