package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Language is where people choose one. It posts language (a LanguageChoice's Code),
// csrf and continue.
type Language struct {
	Action    string // where the form goes
	CSRF      string
	Continue  string // handed back by the form
	BackURL   string // leads back
	Languages []LanguageChoice
}

// LanguageChoice is one of them.
type LanguageChoice struct {
	Code, Name string // Name is in the language itself
}

// Language shows the page.
func (s *Set) Language(w http.ResponseWriter, status int, p Language) {
	s.language.Render(w, status, webpage.Head{Title: lang.T("Language")}, p)
}
