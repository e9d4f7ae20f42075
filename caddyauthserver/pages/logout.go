package pages

import (
	"net/http"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Logout asks whether to sign out. It posts csrf, request and everybody.
type Logout struct {
	Action     string // where the form goes
	CSRF       string
	Request    string // handed back by the form
	ClientName string // the app that asked; empty if none did
	UserName   string
	More       bool // others are signed in here too; posts everybody=1 to sign all out
	// FormAction are the URLs to which the form may be redirected.
	FormAction []string
}

// Logout shows the page.
func (s *Set) Logout(w http.ResponseWriter, status int, p Logout) {
	s.logout.Render(w, status, webpage.Head{Title: lang.T("Sign out"), FormAction: p.FormAction}, p)
}

// LoggedOut says that it is done.
type LoggedOut struct {
	LinkText lang.Text // leads on; without a URL there is no link
	LinkURL  string
	// Frames are pages of clients that hear of it by being loaded.
	Frames []string
	GoOn   bool // follow the link when they had time for it
}

// framesTime is what Frames have to load.
const framesTime = 2 * time.Second

// LoggedOut shows the page.
func (s *Set) LoggedOut(w http.ResponseWriter, status int, p LoggedOut) {
	if p.LinkText.IsZero() {
		p.LinkText = lang.T("Sign in again")
	}
	head := webpage.Head{Title: lang.T("Signed out"), Frames: p.Frames}
	if p.GoOn {
		head.RefreshURL, head.RefreshAfter = p.LinkURL, framesTime
	}
	s.loggedOut.Render(w, status, head, p)
}
