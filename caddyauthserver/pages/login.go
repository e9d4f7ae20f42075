package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Login asks for username and password. It posts username, password, remember, csrf,
// continue and add.
type Login struct {
	Action   string // where the form goes
	CSRF     string
	Continue string    // handed back by the form
	Username string    // to begin with
	Add      bool      // beside who is signed in already; handed back
	Remember bool      // "stay signed in" is ticked
	Error    lang.Text // why the last attempt failed
	// ClientName is the app that asked for the sign-in; empty if none did.
	ClientName string
	// ForgotURL helps who forgot their password; empty if nothing does.
	ForgotURL string
	// Passkey is what is asked of a passkey, as JSON; "" where there are none. The
	// answer is posted as passkey.
	Passkey string
	// LanguageURL is where another language is chosen; empty if nowhere.
	LanguageURL string
	// FormAction are the URLs to which the form may be redirected.
	FormAction []string
}

// Login shows the page.
func (s *Set) Login(w http.ResponseWriter, status int, p Login) {
	s.login.Render(w, status, webpage.Head{Title: titleOf(lang.T("Sign in"), !p.Error.IsZero()), FormAction: p.FormAction, Script: passkeyScript(p.Passkey != "")}, p)
}
