package admin

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// maxForm is the most that is read of a form, in bytes: a page of ticked rows, or
// all fields of a user.
const maxForm = 1 << 20

// readForm reads what was posted, and answers what cannot be read or was not shown
// to this browser.
func (a *Admin) readForm(w http.ResponseWriter, r *http.Request, v *visit) (url.Values, bool) {
	typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || typ != "application/x-www-form-urlencoded" {
		a.badForm(w, r, http.StatusUnsupportedMediaType)
		return nil, false
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		a.badForm(w, r, status)
		return nil, false
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		a.badForm(w, r, http.StatusBadRequest)
		return nil, false
	}
	return form, a.shownHere(w, r, v, form)
}

// shownHere says whether the form was shown to this browser, and answers if not.
func (a *Admin) shownHere(w http.ResponseWriter, r *http.Request, v *visit, form url.Values) bool {
	if a.Door.CSRFValid(r, form, v.purpose()) {
		return true
	}
	a.message(w, r, http.StatusForbidden, webpage.Message{
		Title: lang.T("That did not work"), Text: lang.T("This page was open for too long, or your browser keeps no cookies. Please try again."),
		LinkText: lang.T("Back to administration"), LinkURL: a.Path,
	})
	return false
}

func (a *Admin) badForm(w http.ResponseWriter, r *http.Request, status int) {
	a.message(w, r, status, webpage.Message{
		Title: lang.T("That did not work"), Text: lang.T("The form could not be read. Please go back and try again."),
	})
}
