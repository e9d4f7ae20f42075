package pages

import (
	"net/http"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Apps are the clients that a person lets have something. It posts client (an App's
// ID) and csrf.
type Apps struct {
	Action  string // where the form goes
	CSRF    string
	HomeURL string // leads back
	Apps    []App
}

// App is one of them.
type App struct {
	ID, Name string
	Scopes   []Scope
	Since    time.Time
	Away     bool // also while the person is away
}

// Apps shows the page.
func (s *Set) Apps(w http.ResponseWriter, status int, p Apps) {
	s.apps.Render(w, status, webpage.Head{Title: lang.T("Connected apps")}, p)
}

// Sessions are where a person is signed in. It posts session (a Session's ID) or
// others=1, and csrf.
type Sessions struct {
	Action   string // where the form goes
	CSRF     string
	HomeURL  string // leads back
	Sessions []Session
}

// Session is one of them.
type Session struct {
	ID, IP      string
	Browser     lang.Text
	Since, Seen time.Time
	Here        bool // it is this browser's
}

// Others says whether there is a session besides this browser's.
func (p Sessions) Others() bool { return len(p.Sessions) > 1 }

// Sessions shows the page.
func (s *Set) Sessions(w http.ResponseWriter, status int, p Sessions) {
	s.sessions.Render(w, status, webpage.Head{Title: lang.T("Where you are signed in")}, p)
}
