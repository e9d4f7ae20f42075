package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// SecondFactor asks for what somebody has, besides what they know. It posts otp (a
// code of an app, or a recovery code), csrf, continue, login and recovery.
type SecondFactor struct {
	Action   string // where the form goes
	CSRF     string
	Continue string    // handed back by the form
	Login    bool      // after the password, rather than of who is signed in; handed back
	Recovery bool      // it asks for a recovery code; handed back
	Error    lang.Text // why the last attempt failed
	UserName string
	// ClientName is the app that asked for the sign-in; empty if none did.
	ClientName string
	// App: they have one that shows codes.
	App bool
	// Passkey is what is asked of a passkey of theirs, as JSON; "" without one. The
	// answer is posted as passkey.
	Passkey string
	// CodeURL and RecoveryURL are this page, for a code of the app and for a recovery
	// code; without codes there is no RecoveryURL. OtherURL is for somebody else.
	CodeURL, RecoveryURL, OtherURL string
	// FormAction are the URLs to which the form may be redirected.
	FormAction []string
}

// SecondFactor shows the page.
func (s *Set) SecondFactor(w http.ResponseWriter, status int, p SecondFactor) {
	s.secondFactor.Render(w, status, webpage.Head{Title: titleOf(lang.T("Second factor"), !p.Error.IsZero()), FormAction: p.FormAction, Script: passkeyScript(p.Passkey != "" && !p.Recovery)}, p)
}
