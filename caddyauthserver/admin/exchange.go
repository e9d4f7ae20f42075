package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// maxUpload is the largest list that is taken, in bytes.
const maxUpload = 32 << 20

// importPage takes a list of users, or of objects, as a file. It posts file, as
// multipart/form-data.
type importPage struct {
	frame
	Title        lang.Text
	Action, Back string
	Columns      []string
	Users        bool
	Identity     string // the column by which a line says what it is about; or ""
	Problem      lang.Text
}

// listType is the type that the path's lists are of, and the path of the page that
// shows them, which is its entry in the menu, too.
func (a *Admin) listType(r *http.Request) (typ, path string, err error) {
	if r.PathValue("type") == "" {
		return store.UserType, "users", nil
	}
	typ, err = a.objectType(r)
	return typ, "objects/" + typ, err
}

func (a *Admin) importPage(v *visit, typ, path string) importPage {
	page := importPage{frame: v.frame(), Title: importTitle(typ), Action: a.path(path + "/import"), Back: a.path(path),
		Columns: manage.Columns(a.Schema, typ), Users: typ == store.UserType, Identity: manage.Identity(a.Schema, typ)}
	if page.Users {
		page.Columns = append(page.Columns, "password_hash")
	}
	return page
}

func importTitle(typ string) lang.Text {
	if typ == store.UserType {
		return lang.T("Import users")
	}
	return lang.T("Import: %s", lang.Text{Key: typeLabel(typ)})
}

// askImport asks for a sign-in of a moment ago, so that the upload need not.
func (a *Admin) askImport(_ http.ResponseWriter, r *http.Request, v *visit) error {
	typ, path, err := a.listType(r)
	if err != nil || !v.signedInWithin(changeWithin) {
		return err
	}
	page := a.importPage(v, typ, path)
	return v.show(http.StatusOK, "import", page.Title, path, page)
}

// importReport is what a list would change, or did.
type importReport struct {
	*manage.Outcome
	Dry bool
	// Action is where it is done that was tried, "" if it was done.
	Action, CSRF string
}

// pendingImport is a list that was tried and is not yet brought in.
type pendingImport struct {
	list      *manage.List
	typ, path string // as of listType
}

// tryImport looks what the list would change, and changes nothing.
func (a *Admin) tryImport(w http.ResponseWriter, r *http.Request, v *visit) error {
	typ, path, err := a.listType(r)
	if err != nil {
		return err
	}
	page := a.importPage(v, typ, path)
	refuse := func(status int, problem lang.Text) error {
		page.Problem = problem
		return v.show(status, "import", lang.T("Error: %s", page.Title), path, page)
	}
	if len(v.file) == 0 {
		return refuse(http.StatusUnprocessableEntity, lang.T("Choose a file."))
	}
	list, err := manage.ReadCSV(bytes.NewReader(v.file), a.Schema, typ)
	if errors.Is(err, manage.ErrBadList) {
		return refuse(http.StatusUnprocessableEntity, lang.Of(err))
	}
	if err != nil {
		return err
	}
	id, err := a.startImport(v, pendingImport{list, typ, path}, true)
	if errors.Is(err, errTooManyJobs) {
		return refuse(http.StatusServiceUnavailable, lang.T("Too much is being done already. Please wait until some of it is finished."))
	}
	if err != nil {
		return err
	}
	a.goTo(w, "jobs/"+id, nil)
	return nil
}

// startImport tries a list, or brings it in.
func (a *Admin) startImport(v *visit, p pendingImport, dry bool) (id string, err error) {
	title := importTitle(p.typ)
	if dry {
		title = lang.T("%s: trial", title)
	}
	actor := v.actor()
	return a.jobs.start(v.User.ID, title, a.path(p.path+"/import"), p.path, func(ctx context.Context, j *job) error {
		j.of(p.list.Len())
		outcome, err := a.manage.Import(ctx, actor, p.list, dry, j.progress)
		report := &importReport{Outcome: outcome, Dry: dry}
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.report = report; dry && err == nil {
			j.pending = &p
		}
		return err
	})
}

// doImport brings a list in that was tried, once. A list may give rights and
// passwords, and its trial may be of long ago.
func (a *Admin) doImport(w http.ResponseWriter, r *http.Request, v *visit) error {
	j := a.jobs.find(r.PathValue("id"))
	if j == nil || j.owner != v.User.ID {
		return store.ErrNotFound
	}
	if !v.signedInWithin(changeWithin) {
		return nil // the list waits
	}
	j.mu.Lock()
	pending := j.pending
	j.pending = nil
	j.mu.Unlock()
	if pending == nil {
		return store.ErrNotFound
	}
	id, err := a.startImport(v, *pending, false)
	if err != nil {
		return err
	}
	a.Logger.Info("a list is imported", "type", pending.typ, "by", v.User.ID, "lines", pending.list.Len())
	a.goTo(w, "jobs/"+id, nil)
	return nil
}

// export sends the users that are listed as a file.
func (a *Admin) export(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	values := r.URL.Query()
	var q store.UserQuery
	err := a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		q, _, err = a.query(tx, withoutPlace(values))
		return err
	})
	if err != nil {
		return err
	}
	list, err := a.manage.ExportUsers(r.Context(), v.actor(), values.Get("format"), q)
	return a.sendList(w, r, v, store.UserType, list, err)
}

// exportObjects sends the objects that are listed.
func (a *Admin) exportObjects(w http.ResponseWriter, r *http.Request, v *visit) error {
	typ, err := a.objectType(r)
	if err != nil || !v.signedInWithin(changeWithin) {
		return err
	}
	values := r.URL.Query()
	var q store.ObjectQuery
	err = a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		q, _, err = a.objectQuery(tx, typ, withoutPlace(values))
		return err
	})
	if err != nil {
		return err
	}
	list, err := a.manage.ExportObjects(r.Context(), v.actor(), values.Get("format"), q)
	return a.sendList(w, r, v, typ, list, err)
}

// sendList reads and sends page by page.
func (a *Admin) sendList(w http.ResponseWriter, r *http.Request, v *visit, typ string, list *manage.Export, err error) error {
	if errors.Is(err, manage.ErrFormat) {
		return store.ErrNotFound
	}
	if err != nil {
		return err
	}
	a.Logger.Info("a list is exported", "type", typ, "by", v.User.ID, "file", list.FileName)
	w.Header().Set("Content-Type", list.ContentType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+list.FileName+`"`)
	if err := list.Write(r.Context(), w); err != nil {
		a.Logger.Error("an export broke off", "error", err)
		panic(http.ErrAbortHandler) // so that nobody takes it for whole
	}
	return nil
}

// readUpload reads a form with a file.
func readUpload(w http.ResponseWriter, r *http.Request) (form url.Values, file []byte, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, err
	}
	form = url.Values{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, file, nil
		}
		if err != nil {
			return nil, nil, err
		}
		b, err := readPart(part)
		if err != nil {
			return nil, nil, err
		}
		if part.FormName() == "file" {
			file = b
		} else {
			form.Add(part.FormName(), string(b))
		}
	}
}

func readPart(part *multipart.Part) ([]byte, error) {
	defer part.Close()
	return io.ReadAll(part) // as far as the body goes
}
