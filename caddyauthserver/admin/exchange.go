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

// importPage takes a list of users as a file. It posts file, as multipart/form-data.
type importPage struct {
	frame
	Action  string
	Columns []string
	Problem lang.Text
}

func (a *Admin) importPage(v *visit) importPage {
	return importPage{frame: v.frame(), Action: a.path("users/import"), Columns: manage.Columns(a.Schema)}
}

// askImport asks for a sign-in of a moment ago, so that the upload need not.
func (a *Admin) askImport(_ http.ResponseWriter, _ *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	return v.show(http.StatusOK, "import", lang.T("Import users"), "users", a.importPage(v))
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
	list *manage.List
}

// tryImport looks what the list would change, and changes nothing.
func (a *Admin) tryImport(w http.ResponseWriter, r *http.Request, v *visit) error {
	page := a.importPage(v)
	refuse := func(status int, problem lang.Text) error {
		page.Problem = problem
		return v.show(status, "import", lang.T("Error: %s", lang.T("Import users")), "users", page)
	}
	if len(v.file) == 0 {
		return refuse(http.StatusUnprocessableEntity, lang.T("Choose a file."))
	}
	list, err := manage.ReadCSV(bytes.NewReader(v.file), a.Schema)
	if errors.Is(err, manage.ErrBadList) {
		return refuse(http.StatusUnprocessableEntity, lang.Of(err))
	}
	if err != nil {
		return err
	}
	id, err := a.startImport(v, list, true)
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
func (a *Admin) startImport(v *visit, list *manage.List, dry bool) (id string, err error) {
	title := lang.T("Import users")
	if dry {
		title = lang.T("Import users: trial")
	}
	actor := v.actor()
	return a.jobs.start(v.User.ID, title, a.path("users/import"), func(ctx context.Context, j *job) error {
		j.of(list.Len())
		outcome, err := a.manage.Import(ctx, actor, list, dry, j.progress)
		report := &importReport{Outcome: outcome, Dry: dry}
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.report = report; dry && err == nil {
			j.pending = &pendingImport{list}
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
	id, err := a.startImport(v, pending.list, false)
	if err != nil {
		return err
	}
	a.Logger.Info("users are imported", "by", v.User.ID, "lines", pending.list.Len())
	a.goTo(w, "jobs/"+id, nil)
	return nil
}

// export sends the users that are listed as a file. It reads and sends page by page.
func (a *Admin) export(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	values := r.URL.Query()
	format := values.Get("format")
	begin, typ := manage.NewCSV, "text/csv; charset=utf-8"
	switch format {
	case "csv":
	case "json":
		begin, typ = manage.NewJSON, "application/json"
	default:
		return store.ErrNotFound
	}
	var q store.UserQuery
	err := a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		q, _, err = a.query(tx, withoutPlace(values))
		return err
	})
	if err != nil {
		return err
	}
	a.Logger.Info("users are exported", "by", v.User.ID, "format", format)
	w.Header().Set("Content-Type", typ)
	w.Header().Set("Content-Disposition", `attachment; filename="users.`+format+`"`)
	out, err := begin(w, a.Schema)
	if err == nil {
		err = a.manage.Export(r.Context(), q, out)
	}
	if err != nil {
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
