package provider

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// maxForm is the most that is read of any form, in bytes.
const maxForm = 64 << 10

// maxQuery is the longest authorization request, in bytes.
const maxQuery = 16 << 10

var (
	errNotForm  = errors.New("the body must be application/x-www-form-urlencoded")
	errTooLarge = errors.New("the body is larger than 64 KB")
	errBadForm  = errors.New("the body is not a well-formed form")
)

// readForm reads the body, and nothing but the body, as a form. http.Request's
// own FormValue mixes in the query, where secrets would end up in logs, and
// answers with the first of duplicates.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || typ != "application/x-www-form-urlencoded" || len(r.Header["Content-Type"]) != 1 {
		return nil, errNotForm
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, errTooLarge
		}
		return nil, errBadForm
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, errBadForm
	}
	return form, nil
}

// pageValues are the parameters of a page: of the form where one is posted, else of
// the query. It answers a form that cannot be read, and says whether there is more
// to do.
func (p *Provider) pageValues(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	if r.Method != http.MethodPost {
		return r.URL.Query(), true
	}
	form, err := readForm(w, r)
	if err != nil {
		p.badForm(w, r, err)
		return nil, false
	}
	p.speak(w, r, form)
	return form, true
}

// duplicate names a parameter that is there more than once, or "" (RFC 6749
// sections 3.1 and 3.2: request parameters must not be included more than once;
// RFC 8707 section 2: but for resource).
func duplicate(values url.Values, names ...string) string {
	if names == nil {
		for name, v := range values {
			if len(v) > 1 && name != "resource" {
				return name
			}
		}
	}
	for _, name := range names {
		if len(values[name]) > 1 {
			return name
		}
	}
	return ""
}

// readOAuthForm is readForm for programs, without duplicates.
func readOAuthForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	form, err := readForm(w, r)
	if err != nil {
		e := &oauthError{code: "invalid_request", description: err.Error()}
		if errors.Is(err, errTooLarge) {
			e.status = http.StatusRequestEntityTooLarge
		}
		return nil, e
	}
	if duplicate(form) != "" {
		return nil, &oauthError{code: "invalid_request", description: "a parameter is there more than once"}
	}
	return form, nil
}

// badForm answers a person whose form cannot be read.
func (p *Provider) badForm(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusBadRequest
	switch {
	case errors.Is(err, errTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, errNotForm):
		status = http.StatusUnsupportedMediaType
	}
	p.message(w, r, status, webpage.Message{Title: lang.T("That did not work"), Text: lang.T("The form could not be read. Please go back and try again."), Detail: err.Error()})
}
