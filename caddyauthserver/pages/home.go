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
	// Where else to go.
	ProfileURL, PasswordURL, SecurityURL, AppsURL, SessionsURL, AccountsURL, LanguageURL, DataURL string
}

// Home shows the page.
func (s *Set) Home(w http.ResponseWriter, status int, p Home) {
	s.home.Render(w, status, webpage.Head{Title: lang.T("Signed in")}, p)
}
