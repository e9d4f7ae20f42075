package authapp

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

func (api *adminAPI) exchangeRoutes() {
	api.mux.HandleFunc("GET /auth/export", api.exportUsers)
	api.mux.HandleFunc("POST /auth/import", api.importUsers)
}

// manager does what the operator asks.
func (a *App) manager() *manage.Manager {
	return &manage.Manager{
		Store: a.Store(), Schema: a.Schema(), Realms: func() []string { return a.realms },
		Now: func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) },
	}
}

// userQuery reads which users are asked for: ?search=&group=&status=.
func userQuery(r *http.Request) (store.UserQuery, error) {
	values := r.URL.Query()
	q := store.UserQuery{Prefix: values.Get("search"), Group: values.Get("group"), Status: store.UserStatus(values.Get("status"))}
	switch q.Status {
	case store.StatusAny, store.StatusActive, store.StatusDisabled, store.StatusStaff, store.StatusSuperuser:
		return q, nil
	}
	return q, refuse(http.StatusBadRequest, "status %q: it is one of active, disabled, staff, superuser", q.Status)
}

// findUsers lists those that are asked for. Next is the after of the next page.
func (a *App) findUsers(r *http.Request, q store.UserQuery) (page *store.UserPage, err error) {
	err = a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		page, err = tx.SearchUsers(q)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, u := range page.Users {
		a.shownUser(u)
	}
	return page, nil
}

// exportUsers sends users as CSV, or with ?format=json as JSON. A list that cannot be
// completed ends in a broken connection, so that nobody takes it for whole.
func (api *adminAPI) exportUsers(w http.ResponseWriter, r *http.Request) {
	out := &lateHeader{ResponseWriter: w}
	_, err := api.answer(w, r, func(a *App, r *http.Request) (any, error) {
		q, err := userQuery(r)
		if err != nil {
			return nil, err
		}
		begin := manage.NewCSV
		switch format := r.URL.Query().Get("format"); format {
		case "", "csv":
		case "json":
			begin = manage.NewJSON
		default:
			return nil, refuse(http.StatusBadRequest, "format %q: it is csv or json", format)
		}
		list, err := begin(out, a.Schema())
		if err != nil {
			return nil, err
		}
		return nil, a.manager().Export(r.Context(), q, list)
	})
	api.endStream(w, r, out.begun, "an export", err)
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

// importUsers takes a list of users in CSV, and answers line by line in JSON while it
// is brought in. ?dry_run=true changes nothing.
func (api *adminAPI) importUsers(w http.ResponseWriter, r *http.Request) {
	body := http.MaxBytesReader(w, r.Body, maxImport) // answer allows less
	out := &lateHeader{ResponseWriter: w}
	enc := json.NewEncoder(out)
	_, err := api.answer(w, r, func(a *App, r *http.Request) (any, error) {
		if r.Header.Get("Content-Type") != "text/csv" { // which no form of some web page could send
			return nil, refuse(http.StatusUnsupportedMediaType, "the body must be text/csv")
		}
		list, err := manage.ReadCSV(body, a.Schema())
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
	})
	api.endStream(w, r, out.begun, "an import", err)
}
