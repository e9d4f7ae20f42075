package admin

import (
	"html/template"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// scripts are those of templates that have one.
var scripts = map[string]template.JS{"users": pickScript, "objects": pickScript, "form": pickScript}

// models are what the templates see, by their names.
var models = map[string]any{
	"audit":            auditPage{},
	"clientdelete":     clientDeletion{},
	"clientform":       &clientForm{},
	"client":           clientPage{},
	"clients":          clientsPage{},
	"confirm":          confirmPage{},
	"form":             formPage{},
	"group":            groupPage{},
	"groups":           groupsPage{},
	"history":          historyPage{},
	"import":           importPage{},
	"job":              jobPage{},
	"link":             linkPage{},
	"objects":          objectsPage{},
	"overview":         overviewPage{},
	"registration":     registrationMade{},
	"registrationform": &registrationForm{},
	"registrations":    registrationsPage{},
	"sync":             syncPage{},
	"user":             userPage{},
	"userfactors":      factorsPage{},
	"userpassword":     passwordPage{},
	"users":            usersPage{},
}

// frame is what the templates of all pages know.
type frame struct {
	CSRF string
	// Base is Path: what links of the pages begin with.
	Base string
}

// frame is to be embedded in the view model of a page.
func (v *visit) frame() frame { return frame{CSRF: v.csrf(), Base: v.a.Path} }

// show answers with a page. current is the entry of the menu that it belongs to.
func (v *visit) show(status int, name string, title lang.Text, current string, page any) error {
	v.a.views[name].Render(v.w, status, webpage.Head{Title: title, Menu: v.a.menu(v, current), Script: scripts[name], Connect: scripts[name] != ""}, page)
	return nil
}
