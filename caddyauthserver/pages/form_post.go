package pages

import (
	"html/template"
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// FormPost hands an authorization response to a client by a form (OAuth 2.0
// Form Post Response Mode). It is sent by a script, or by its button.
type FormPost struct {
	Action string // the client's redirect URI
	Fields [][2]string
}

// submit is found by id, since a field may be called "submit". It is allowed by
// its hash, so it must stay a constant.
const submit template.JS = `HTMLFormElement.prototype.submit.call(document.getElementById("form-post"));`

// FormPost shows the page.
func (s *Set) FormPost(w http.ResponseWriter, p FormPost) {
	s.formPost.Render(w, http.StatusOK, webpage.Head{
		Title:      lang.T("One moment"),
		FormAction: []string{p.Action},
		Script:     submit,
	}, p)
}
