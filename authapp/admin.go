package authapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

func init() {
	caddy.RegisterModule(new(adminAPI))
}

// adminBase is where the API stands at Caddy's admin endpoint. Who may reach
// that may do everything; Caddy checks Host and Origin before we are asked.
const adminBase = "/auth/"

// adminAPI serves users, clients and objects to programs and the CLI.
//
//	GET, POST              /auth/users              ?after=<id>&limit=<n>, or ?search=&group=&status=&where=&after=<next>
//	GET                    /auth/export             ?type=&format=csv|json&search=&group=&status=
//	POST                   /auth/import             ?type=&dry_run=true; the body is text/csv
//	GET, PATCH, DELETE     /auth/users/{user}       user: a username, or id:<id>
//	PUT                    /auth/users/{user}/password   ?weak=true, also for POST /auth/users
//	POST                   /auth/users/{user}/enable, /disable
//	POST                   /auth/users/{user}/do    {"do": "disable|enable|signout|delete|add_group|remove_group", "group"}
//	DELETE                 /auth/users/{user}/sessions, /auth/users/{user}/sessions/{session}
//	GET                    /auth/groups             ?after=<name>&limit=<n>
//	POST                   /auth/groups/{group}/rename   {"to"}; "" has nobody in it
//	GET, POST              /auth/clients            ?after=<id>&limit=<n>
//	GET, PATCH, DELETE     /auth/clients/{id}
//	POST                   /auth/clients/{id}/enable, /disable
//	POST                   /auth/clients/{id}/rotate-secret
//	POST, DELETE           /auth/registrations
//	GET                    /auth/schema             the fields of users, and the types of objects
//	GET, POST              /auth/objects/{type}     ?after=<id>&limit=<n>, or ?search=&where=&after=<next>
//	GET, PATCH, DELETE     /auth/objects/{type}/{id}
//	GET                    /auth/sync
//	POST                   /auth/sync/{client}/resync
//	GET                    /auth/overview           ?days=<n>
//	POST                   /auth/keys/rotate
//	GET                    /auth/audit              ?user=&actor=&target=&action=&since=&until=&after=&limit=
//	GET                    /auth/backup             the store, as application/octet-stream
//
// Bodies are JSON. An error is {"error": "...", "problems": [{field, message}]}.
type adminAPI struct {
	log *zap.Logger
	mux *http.ServeMux
	// app is the app of the config that runs. The API is provisioned before any
	// app, and an app need not be named in the config to be there, so it is
	// looked up for each request.
	app    func() (*App, error)
	hasher *password.Hasher
}

// CaddyModule returns the Caddy module information.
func (*adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.auth",
		New: func() caddy.Module { return new(adminAPI) },
	}
}

// Provision sets up the routes.
func (api *adminAPI) Provision(ctx caddy.Context) error {
	api.log = ctx.Logger()
	api.app = Active
	api.hasher = password.New(password.Params{})
	api.routes()
	return nil
}

func (api *adminAPI) routes() {
	api.mux = http.NewServeMux()
	api.userRoutes()
	api.groupRoutes()
	api.exchangeRoutes()
	api.clientRoutes()
	api.registrationRoutes()
	api.objectRoutes()
	api.syncRoutes()
	api.keyRoutes()
	api.backupRoutes()
	api.auditRoutes()
	api.handle("/auth/", func(_ *App, r *http.Request) (any, error) {
		return nil, refuse(http.StatusNotFound, "there is no %s %s here", r.Method, r.URL.Path)
	})
}

// Routes returns the admin route of the API.
func (api *adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{
		Pattern: adminBase,
		Handler: caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			api.mux.ServeHTTP(w, r)
			return nil
		}),
	}}
}

// adminFunc answers a request: with a value to be written as JSON, nil for no
// content, or an error.
type adminFunc func(*App, *http.Request) (any, error)

// created is an answer with status 201.
type created struct{ value any }

func (api *adminAPI) handle(pattern string, fn adminFunc) {
	api.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		value, err := api.answer(w, r, fn)
		status := http.StatusOK
		switch v := value.(type) {
		case created:
			status, value = http.StatusCreated, v.value
		case nil:
			status = http.StatusNoContent
		}
		if err != nil {
			status, value = api.explain(r, err)
		}
		w.Header().Set("Cache-Control", "no-store")
		if value == nil {
			w.WriteHeader(status)
			return
		}
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "2")
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(value) // the caller is gone, if this fails
	})
}

// handleKept is handle for what only the store of a server has.
func (api *adminAPI) handleKept(pattern string, fn adminFunc) { api.handle(pattern, kept(fn)) }

// kept asks fn only where a server is: beside gates alone, whatever is written to
// the store has no effect, and what they know of users is none of it.
func kept(fn adminFunc) adminFunc {
	return func(a *App, r *http.Request) (any, error) {
		if err := a.elsewhere(); err != nil {
			return nil, err
		}
		return fn(a, r)
	}
}

// elsewhere refuses what is to be asked of the servers of the gates that this Caddy
// has, since it has no server.
func (a *App) elsewhere() error {
	if len(a.servers) > 0 || len(a.gates) == 0 {
		return nil
	}
	var issuers []string
	for _, g := range a.gates {
		issuers = append(issuers, g.Settings().Issuer)
	}
	return refuse(http.StatusConflict, "the Caddy that runs here has no auth_server, only gates (auth_client); users, groups, objects, clients and keys are those of %s, and are administered there", strings.Join(sortedSet(issuers), ", "))
}

func (api *adminAPI) answer(w http.ResponseWriter, r *http.Request, fn adminFunc) (any, error) {
	app, err := api.app()
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, refuse(http.StatusServiceUnavailable, "the Caddy that runs here has neither auth_server nor auth_client nor the auth option in its config, so there is nothing to administer")
	}
	if err != nil {
		return nil, err
	}
	if !app.Wait(r.Context()) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return nil, refuse(http.StatusServiceUnavailable, "%s", app.whyNotStarted())
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	return fn(app, r)
}

// adminError is the body of an error, and its status.
type adminError struct {
	status   int
	Message  string          `json:"error"`
	Problems []store.Problem `json:"problems,omitempty"`
}

func (e *adminError) Error() string { return e.Message }

func refuse(status int, format string, args ...any) error {
	return &adminError{status: status, Message: fmt.Sprintf(format, args...)}
}

// Conflict is an error of a server for the administrator: what they ask cannot be
// done as things are.
func Conflict(err error) error { return refuse(http.StatusConflict, "%s", err) }

// explain finds the status of an error. What nobody foresaw goes to the log; an
// administrator may read it too.
func (api *adminAPI) explain(r *http.Request, err error) (int, any) {
	var (
		own        *adminError
		invalid    *store.InvalidError
		conflict   *store.ConflictError
		referenced *store.ReferencedError
		tooLarge   *http.MaxBytesError
	)
	e := &adminError{Message: err.Error()}
	switch {
	case errors.As(err, &own):
		return own.status, own
	case errors.As(err, &invalid):
		e.status, e.Problems = http.StatusBadRequest, invalid.Problems
	case errors.As(err, &conflict), errors.As(err, &referenced):
		e.status = http.StatusConflict
	case errors.As(err, &tooLarge):
		e.status = http.StatusRequestEntityTooLarge
	case errors.Is(err, password.ErrBusy), errors.Is(err, store.ErrClosed):
		e.status = http.StatusServiceUnavailable
	case errors.Is(err, context.Canceled):
		e.status = 499 // the caller gave up; nobody reads it
	default:
		e.status = http.StatusInternalServerError
		api.log.Error("request failed", zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.Error(err))
	}
	return e.status, e
}

// readJSON reads the body into v. Another content type is refused, since it is
// what a form of some web page could send.
func readJSON(r *http.Request, v any) error {
	if typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || typ != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "the body must be application/json")
	}
	dec := json.NewDecoder(r.Body)
	dec.UseNumber()
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return err
		}
		return refuse(http.StatusBadRequest, "the body cannot be read: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return refuse(http.StatusBadRequest, "there is something after the JSON value in the body")
	}
	return nil
}

// pageLimit reads limit: 1 to 1000, default 100.
func pageLimit(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return 100, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1000 {
		return 0, refuse(http.StatusBadRequest, "limit %q: it is a number from 1 to 1000", text)
	}
	return n, nil
}

func pageAfterID(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("after")
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return 0, refuse(http.StatusBadRequest, "after %.100q: it is the next of the page before, which without filters is an id", text)
	}
	return id, nil
}

// Interface guards
var (
	_ caddy.AdminRouter = (*adminAPI)(nil)
	_ caddy.Provisioner = (*adminAPI)(nil)
)
