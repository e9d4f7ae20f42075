package admin

import (
	"embed"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

//go:embed templates/*.html
var templates embed.FS

// Config is what administration is made of. All of it is needed.
type Config struct {
	// Path is where the pages stand: "/o/admin".
	Path string
	// AccountURL leads to what people have of their own.
	AccountURL string

	Door   Door
	Store  store.Store
	Schema *store.Schema
	Pages  *webpage.Renderer
	Logger *slog.Logger
	// Now is the time as stores keep it.
	Now func() time.Time
	// Realms are those of the gates in this process. May be nil.
	Realms func() []string

	Operations Operations
}

// Admin is the administration of a server. It is safe for concurrent use.
type Admin struct {
	Config
	mux    *http.ServeMux
	views  map[string]*webpage.View // by the name of the template
	manage *manage.Manager
	jobs   *jobs
}

// New parses the templates. An error is a fault in them.
func New(c Config) (*Admin, error) {
	a := &Admin{Config: c, mux: http.NewServeMux(), views: map[string]*webpage.View{}, jobs: newJobs(),
		manage: &manage.Manager{Store: c.Store, Schema: c.Schema, Realms: c.Realms, Now: c.Now}}
	for name, model := range models {
		var err error
		if a.views[name], err = c.Pages.Parse(templates, "admin/", model, "templates/"+name+".html", partsFile); err != nil {
			return nil, err
		}
	}
	a.pages()
	return a, nil
}

// partsFile has what several pages are made of.
const partsFile = "templates/parts.html"

// pages declares them.
func (a *Admin) pages() {
	a.page("", staff, a.home, nil)
	a.page("users", staff, a.listUsers, a.doToUsers)
	a.upload("users/import", staff, a.askImport, a.tryImport)
	a.page("users/export", staff, a.export, nil)
	a.page("users/new", staff, a.newUser, a.createUser)
	a.page("users/{id}", staff, a.showUser, a.doToUser)
	a.page("users/{id}/edit", staff, a.editUser, a.changeUser)
	a.page("users/{id}/delete", staff, a.askDeleteUser, a.deleteUser)
	a.page("users/{id}/password", staff, a.askPassword, a.setPassword)
	a.page("users/{id}/factors", staff, a.askFactors, a.resetFactors)
	a.page("users/{id}/history", staff, a.showHistory, nil)
	a.page("groups", staff, a.listGroups, nil)
	a.page("groups/edit", superuser, a.editGroup, a.changeGroup)
	a.page("objects/{type}", staff, a.listObjects, a.deleteObjects)
	a.upload("objects/{type}/import", staff, a.askImport, a.tryImport)
	a.page("objects/{type}/export", staff, a.exportObjects, nil)
	a.page("objects/{type}/new", staff, a.newObject, a.createObject)
	a.page("objects/{type}/{id}", staff, a.editObject, a.changeObject)
	a.page("objects/{type}/{id}/delete", staff, a.askDeleteObject, a.deleteObject)
	a.page("objects/{type}/{id}/history", staff, a.showObjectHistory, nil)
	a.page("pick/{type}", staff, a.pick, nil)
	a.page("jobs/{id}", staff, a.showJob, a.doImport)
	a.operationPages()
}

// home leads to where one begins.
func (a *Admin) home(w http.ResponseWriter, _ *http.Request, v *visit) error {
	if v.User.IsSuperuser {
		a.goTo(w, "overview", nil)
		return nil
	}
	a.goTo(w, "users", nil)
	return nil
}

// Close ends the work that was begun.
func (a *Admin) Close() { a.jobs.close() }

// ServeHTTP answers requests for Path and what lies below it.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	clean := *r.URL
	clean.Path, clean.RawPath = strings.TrimSuffix(clean.Path, "/"), ""
	own := *r
	own.URL = &clean
	if _, pattern := a.mux.Handler(&own); pattern == "" {
		a.message(w, r, http.StatusNotFound, webpage.Message{
			Title: lang.T("Page not found"), Text: lang.T("There is nothing at this address."),
			LinkText: lang.T("Administration"), LinkURL: a.Path,
		})
		return
	}
	a.mux.ServeHTTP(w, &own)
}
