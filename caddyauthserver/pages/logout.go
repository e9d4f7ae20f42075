package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/webpage"
)

// Logout asks whether to sign out. It posts csrf and request.
type Logout struct {
	Action     string // where the form goes
	CSRF       string
	Request    string // handed back by the form
	ClientName string // the app that asked; empty if none did
	UserName   string
	// FormAction are the URLs to which the form may be redirected.
	FormAction []string
}

// Logout shows the page.
func (s *Set) Logout(w http.ResponseWriter, status int, p Logout) {
	s.logout.Render(w, status, webpage.Head{Title: "Sign out", FormAction: p.FormAction}, p)
}

// LoggedOut says that it is done.
type LoggedOut struct {
	LinkText, LinkURL string // lead on; without a URL there is no link
}

// LoggedOut shows the page.
func (s *Set) LoggedOut(w http.ResponseWriter, status int, p LoggedOut) {
	if p.LinkText == "" {
		p.LinkText = "Sign in again"
	}
	s.loggedOut.Render(w, status, webpage.Head{Title: "Signed out"}, p)
}
