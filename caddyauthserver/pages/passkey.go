package pages

import (
	_ "embed"
	"html/template"
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// passkeyJS has the browser answer the challenge in the attribute data-passkey of the
// page's form. It sends nothing by itself, so the policy of the page allows no more
// than the script.
//
//go:embed passkey.js
var passkeyJS string

// passkeyScript is the script for a page that asks for a passkey, and none for others.
func passkeyScript(asks bool) template.JS {
	if !asks {
		return ""
	}
	return template.JS(passkeyJS)
}

// NewPasskey has the browser make a passkey. It posts passkey (the answer, as JSON),
// name, csrf and continue.
type NewPasskey struct {
	Action   string // where the form goes
	CSRF     string
	Continue string    // handed back by the form
	Passkey  string    // what is asked of the browser, as JSON
	Name     string    // to begin with
	Error    lang.Text // why the last attempt failed
	BackURL  string
}

// NewPasskey shows the page.
func (s *Set) NewPasskey(w http.ResponseWriter, status int, p NewPasskey) {
	s.newPasskey.Render(w, status, webpage.Head{
		Title: titleOf(lang.T("Add a passkey"), !p.Error.IsZero()), Script: passkeyScript(true),
	}, p)
}
