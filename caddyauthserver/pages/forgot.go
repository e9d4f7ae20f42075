package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Forgot is where people who cannot sign in ask for a link by mail. It posts
// username and csrf.
type Forgot struct {
	Action   string // where the form goes
	CSRF     string
	Error    lang.Text // why the last attempt failed
	LoginURL string    // leads back
	InLog    bool      // the link is written to the log and not sent
}

// Forgot shows the page.
func (s *Set) Forgot(w http.ResponseWriter, status int, p Forgot) {
	s.forgot.Render(w, status, webpage.Head{Title: titleOf(lang.T("Forgot password"), !p.Error.IsZero())}, p)
}

// ForgotSent says that a mail is on its way, if there is anybody to get it.
type ForgotSent struct {
	LoginURL string // leads back
	InLog    bool   // it is in the log
}

// ForgotSent shows the page.
func (s *Set) ForgotSent(w http.ResponseWriter, status int, p ForgotSent) {
	title := lang.T("Look into your mail")
	if p.InLog {
		title = lang.T("Look into the log")
	}
	s.forgotSent.Render(w, status, webpage.Head{Title: title}, p)
}

// Reset is where people choose a password by a link. It posts new_password,
// new_password_again, token and csrf.
type Reset struct {
	Action   string // where the form goes
	CSRF     string
	Token    string // handed back by the form
	Username string // whose; for the browser's store of passwords
	// Problems by name of the field; that of "" stands above the form.
	Problems map[string]lang.Text
}

// resetView is what the template sees.
type resetView struct {
	Reset
	Alert  []lang.Text
	Inputs []input
}

// Reset shows the page.
func (s *Set) Reset(w http.ResponseWriter, status int, p Reset) {
	pw := newPassword("new_password", lang.T("Password"))
	view := resetView{Reset: p, Inputs: []input{pw, pw.again()}}
	view.Alert = note(view.Inputs, p.Problems)
	s.reset.Render(w, status, webpage.Head{Title: titleOf(lang.T("Choose a password"), len(p.Problems) > 0)}, view)
}

// ResetDone says that it is done.
type ResetDone struct {
	First    bool   // they had no password
	LoginURL string // leads on
}

// Title is that of the page.
func (p ResetDone) Title() lang.Text { return passwordSaved(p.First) }

// ResetDone shows the page.
func (s *Set) ResetDone(w http.ResponseWriter, status int, p ResetDone) {
	s.resetDone.Render(w, status, webpage.Head{Title: p.Title()}, p)
}
