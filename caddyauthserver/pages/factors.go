package pages

import (
	"html/template"
	"net/http"
	"slices"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Factors are somebody's second factors.
type Factors struct {
	Error   lang.Text // why a change was refused
	HomeURL string    // leads back
	AppURL  string    // adds an app
	// PasskeyURL adds a passkey; "" where there can be none.
	PasskeyURL string
	// NextURL leads on to what they came from; "" while they have to set one up.
	NextURL  string
	Required bool // they must have one
	Factors  []Factor
	CodesURL string // makes new recovery codes
	// CodesLeft are the recovery codes, of Codes, that were not used.
	CodesLeft, Codes int
}

// Factor is one of them.
type Factor struct {
	ID, Name string
	Passkey  bool      // otherwise an app
	Since    time.Time // and when it was last used
	Used     time.Time
	// RemoveURL asks whether to remove it.
	RemoveURL string
}

// Factors shows the page.
func (s *Set) Factors(w http.ResponseWriter, status int, p Factors) {
	s.factors.Render(w, status, webpage.Head{Title: titleOf(lang.T("Sign-in security"), !p.Error.IsZero())}, p)
}

// RemoveFactor asks whether a second factor is to be removed. It posts factor (its ID),
// csrf and continue.
type RemoveFactor struct {
	Action   string // where the form goes
	CSRF     string
	Continue string    // handed back by the form
	Error    lang.Text // why the last attempt failed
	BackURL  string
	Factor   Factor
	Left     []Factor // that remain
	// CodesLeft are the recovery codes that were not used; they go with the last factor.
	CodesLeft int
}

// PasskeyLeft says whether one remains, by which one signs in without a password.
func (p RemoveFactor) PasskeyLeft() bool {
	return slices.ContainsFunc(p.Left, func(f Factor) bool { return f.Passkey })
}

// RemoveFactor shows the page.
func (s *Set) RemoveFactor(w http.ResponseWriter, status int, p RemoveFactor) {
	s.removeFactor.Render(w, status, webpage.Head{Title: titleOf(lang.T("Remove %s?", p.Factor.Name), !p.Error.IsZero())}, p)
}

// RenewCodes asks whether recovery codes are to be made anew. It posts csrf and
// continue.
type RenewCodes struct {
	Action    string // where the form goes
	CSRF      string
	Continue  string    // handed back by the form
	Error     lang.Text // why the last attempt failed
	BackURL   string
	CodesLeft int // that stop working
}

// RenewCodes shows the page.
func (s *Set) RenewCodes(w http.ResponseWriter, status int, p RenewCodes) {
	s.renewCodes.Render(w, status, webpage.Head{Title: titleOf(lang.T("Make new recovery codes?"), !p.Error.IsZero())}, p)
}

// NewApp has an app take a secret. It posts otp (the first code), name, offer, csrf
// and continue.
type NewApp struct {
	Action   string // where the form goes
	CSRF     string
	Continue string       // handed back by the form
	Offer    string       // the secret, sealed; handed back
	Secret   string       // to be typed
	Picture  template.URL // to be scanned
	Name     string       // to begin with
	Error    lang.Text    // why the last attempt failed
	BackURL  string
}

// NewApp shows the page.
func (s *Set) NewApp(w http.ResponseWriter, status int, p NewApp) {
	s.newApp.Render(w, status, webpage.Head{Title: titleOf(lang.T("Add an authenticator app"), !p.Error.IsZero())}, p)
}

// RecoveryCodes shows them, this once.
type RecoveryCodes struct {
	Codes   []string
	NextURL string // leads on
}

// RecoveryCodes shows the page.
func (s *Set) RecoveryCodes(w http.ResponseWriter, status int, p RecoveryCodes) {
	s.recoveryCodes.Render(w, status, webpage.Head{Title: lang.T("Recovery codes")}, p)
}
