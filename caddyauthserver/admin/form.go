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

// readForm reads what was posted, with a file where the page takes one, and answers
// what cannot be read or was not shown to this browser.
func (a *Admin) readForm(w http.ResponseWriter, r *http.Request, v *visit, upload bool) bool {
	want := "application/x-www-form-urlencoded"
	if upload {
		want = "multipart/form-data"
	}
	if typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || typ != want {
		a.badForm(w, r, http.StatusUnsupportedMediaType)
		return false
	}
	var err error
	if upload {
		v.form, v.file, err = readUpload(w, r)
	} else {
		v.form, err = readPlain(w, r)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		a.badForm(w, r, http.StatusRequestEntityTooLarge)
		return false
	}
	if err != nil {
		a.badForm(w, r, http.StatusBadRequest)
		return false
	}
	return a.shownHere(w, r, v)
}

func readPlain(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(b))
}

// shownHere says whether the form was shown to this browser, and answers if not.
func (a *Admin) shownHere(w http.ResponseWriter, r *http.Request, v *visit) bool {
	if a.Door.CSRFValid(r, v.form, v.purpose()) {
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
