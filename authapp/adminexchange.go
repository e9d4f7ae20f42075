package authapp

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

func (api *adminAPI) exchangeRoutes() {
	api.mux.HandleFunc("GET /auth/export", api.exportList)
	api.mux.HandleFunc("POST /auth/import", api.importList)
}

// manager does what the operator asks.
func (a *App) manager() *manage.Manager {
	return &manage.Manager{
		Store: a.Store(), Schema: a.Schema(), Realms: func() []string { return a.realms },
		Now: func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) },
	}
}

// listType is the type of a list: ?type=, or that of users.
func (a *App) listType(r *http.Request) (string, error) {
	typ := r.URL.Query().Get("type")
	if typ == "" || typ == store.UserType {
		return store.UserType, nil
	}
	return typ, a.knownType(typ)
}

// exportList sends users, or with ?type= objects, as CSV, or with ?format=json as
// JSON. A list that cannot be completed ends in a broken connection, so that nobody
// takes it for whole.
func (api *adminAPI) exportList(w http.ResponseWriter, r *http.Request) {
	out := &lateHeader{ResponseWriter: w}
	_, err := api.answer(w, r, kept(func(a *App, r *http.Request) (any, error) {
		list, err := a.beginExport(r)
		if errors.Is(err, manage.ErrFormat) {
			return nil, refuse(http.StatusBadRequest, "%v", err)
		}
		if err != nil {
			return nil, err
		}
		return nil, list.Write(r.Context(), out)
	}))
	api.endStream(w, r, out.begun, "an export", err)
}

func (a *App) beginExport(r *http.Request) (*manage.Export, error) {
	typ, err := a.listType(r)
	if err != nil {
		return nil, err
	}
	format := cmp.Or(r.URL.Query().Get("format"), "csv")
	if typ == store.UserType {
		q, err := a.userQuery(r)
		if err != nil {
			return nil, err
		}
		return a.manager().ExportUsers(r.Context(), manage.Actor{}, format, q)
	}
	q, err := a.objectQuery(r, typ)
	if err != nil {
		return nil, err
	}
	return a.manager().ExportObjects(r.Context(), manage.Actor{}, format, q)
}

// endStream answers an error, or breaks an answer off that was begun.
func (api *adminAPI) endStream(w http.ResponseWriter, r *http.Request, begun bool, what string, err error) {
	switch {
	case err == nil:
	case begun:
		api.log.Error(what+" broke off", zap.Error(err))
		panic(http.ErrAbortHandler)
	default:
		status, value := api.explain(r, err)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(value) // the caller is gone, if this fails
	}
}

// importStatus is a line of the answer to an import: how far it is, and at the end
// what became of the list, or what went wrong.
type importStatus struct {
	Done    int             `json:"done"`
	Total   int             `json:"total"`
	Outcome *manage.Outcome `json:"outcome,omitempty"`
	Error   string          `json:"error,omitempty"`
}

// maxImport is the largest list, in bytes.
const maxImport = 256 << 20

// importList takes a list of users, or with ?type= of objects, in CSV, and answers
// line by line in JSON while it is brought in. ?dry_run=true changes nothing.
func (api *adminAPI) importList(w http.ResponseWriter, r *http.Request) {
	body := http.MaxBytesReader(w, r.Body, maxImport) // answer allows less
	out := &lateHeader{ResponseWriter: w}
	enc := json.NewEncoder(out)
	_, err := api.answer(w, r, kept(func(a *App, r *http.Request) (any, error) {
		if r.Header.Get("Content-Type") != "text/csv" { // which no form of some web page could send
			return nil, refuse(http.StatusUnsupportedMediaType, "the body must be text/csv")
		}
		typ, err := a.listType(r)
		if err != nil {
			return nil, err
		}
		list, err := manage.ReadCSV(body, a.Schema(), typ)
		if errors.Is(err, manage.ErrBadList) {
			return nil, refuse(http.StatusBadRequest, "%s", err)
		}
		if err != nil {
			return nil, err
		}
		tell := func(s importStatus) {
			s.Total = list.Len()
			_ = enc.Encode(s) // whoever left is not told, and what they began is done
			_ = http.NewResponseController(w).Flush()
		}
		outcome, err := a.manager().Import(r.Context(), manage.Actor{}, list, r.URL.Query().Get("dry_run") == "true",
			func(done int) { tell(importStatus{Done: done}) })
		last := importStatus{Done: list.Len(), Outcome: outcome}
		if err != nil {
			last.Error = err.Error()
		}
		tell(last)
		return nil, nil
	}))
	api.endStream(w, r, out.begun, "an import", err)
}
