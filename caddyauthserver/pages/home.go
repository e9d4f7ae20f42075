package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Home tells people who come to the server itself who they are. Its button
// posts csrf to LogoutAction.
type Home struct {
	UserName, Email    string
	LogoutAction, CSRF string
	// OpenApps are those that can be gone to from here.
	OpenApps []OpenApp
	// GiveFactorURL or SetUpFactorURL is where the second factor is given or set up that
	// apps are not open without.
	GiveFactorURL, SetUpFactorURL string
	// Where else to go.
	AdminURL, ProfileURL, PasswordURL, SecurityURL, AppsURL, SessionsURL, AccountsURL, LanguageURL, DataURL string
}

// OpenApp is an app that stands open to the person.
type OpenApp struct{ Name, URL string }

// Home shows the page.
func (s *Set) Home(w http.ResponseWriter, status int, p Home) {
	s.home.Render(w, status, webpage.Head{Title: lang.T("Signed in")}, p)
}
