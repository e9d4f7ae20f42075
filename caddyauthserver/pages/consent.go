package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Consent asks whether a client may have what it asks for. It posts
// decision=allow or decision=deny, csrf and request.
type Consent struct {
	Action  string // where the form goes
	CSRF    string
	Request string // handed back by the form
	// ClientName is what the client calls itself. ClientOrigin is where it will
	// be answered, which it cannot choose freely.
	ClientName, ClientOrigin string
	UserName                 string
	Scopes                   []Scope
	// FormAction are the URLs to which the form may be redirected.
	FormAction []string
}

// Scope is something a client asks for.
type Scope struct {
	Name        string
	Description lang.Text
}

// Consent shows the page.
func (s *Set) Consent(w http.ResponseWriter, status int, p Consent) {
	if p.ClientName == "" {
		p.ClientName = p.ClientOrigin
	}
	s.consent.Render(w, status, webpage.Head{Title: lang.T("Allow access"), FormAction: p.FormAction}, p)
}
