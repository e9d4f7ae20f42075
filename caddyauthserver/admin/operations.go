package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Operations is what the provider tells administration of itself and its clients.
type Operations struct {
	Issuer string
	// Endpoint is the address of one of the provider's endpoints: "token".
	Endpoint  func(name string) string
	MasterKey store.MasterKey
	// PlainHosts may be told of changes and logouts over http.
	PlainHosts []string
	// Registration says whether software may register itself as a client.
	Registration bool
	// ConfiguredClients are those that are not of the store: of the Caddyfile, or
	// gates of this process. May be nil.
	ConfiguredClients func() []store.Client
	// SyncTargets are the clients that are told of changes.
	SyncTargets func(context.Context) ([]usersync.Target, error)
	// Stopping is closed when the site begins to shut down, which waits for requests.
	Stopping <-chan struct{}
}

// operationPages declares what is for superusers alone.
func (a *Admin) operationPages() {
	a.page("overview", superuser, a.showOverview, nil)
	a.page("clients", superuser, a.listClients, nil)
	a.page("clients/new", superuser, a.newClient, a.createClient)
	a.page("clients/{id}", superuser, a.showClient, a.doToClient)
	a.page("clients/{id}/edit", superuser, a.editClient, a.changeClient)
	a.page("clients/{id}/delete", superuser, a.askDeleteClient, a.deleteClient)
	a.page("registrations", superuser, a.listRegistrations, a.revokeRegistration)
	a.page("registrations/new", superuser, a.newRegistration, a.createRegistration)
	a.page("sync", superuser, a.showSync, a.resync)
	a.page("sync/events", superuser, a.syncEvents, nil)
	a.page("audit", superuser, a.showAudit, nil)
	a.page("audit/export", superuser, a.exportAudit, nil)
}

// operationMenu adds those that stand in the menu.
func operationMenu(v *visit, add func(name string, text lang.Text)) {
	if !v.User.IsSuperuser {
		return
	}
	add("clients", lang.T("Apps"))
	add("sync", lang.T("Sync"))
	add("audit", lang.T("Audit log"))
}

// clients does what is asked of clients.
func (a *Admin) clients() *manage.Clients {
	return &manage.Clients{
		Manager: &manage.Manager{Store: a.Store, Schema: a.Schema, Now: a.Now},
		Key:     a.Operations.MasterKey, PlainHosts: a.Operations.PlainHosts, Elsewhere: a.configuredElsewhere,
	}
}

// errConfigured says that a client stands in the config.
var errConfigured = errors.New("the client stands in the config")

func (a *Admin) configuredElsewhere(id string) error {
	if a.configuredClient(id) != nil {
		return errConfigured
	}
	return nil
}

// configuredClients are those that are not of the store, by id.
func (a *Admin) configuredClients() []store.Client {
	if a.Operations.ConfiguredClients == nil {
		return nil
	}
	list := a.Operations.ConfiguredClients()
	slices.SortFunc(list, func(x, y store.Client) int { return strings.Compare(x.ID, y.ID) })
	return list
}

// configuredClient is one of them, or nil.
func (a *Admin) configuredClient(id string) *store.Client {
	for _, c := range a.configuredClients() {
		if c.ID == id {
			return &c
		}
	}
	return nil
}

// actor is the visitor as one who acts.
func (v *visit) actor() manage.Actor {
	return manage.Actor{UserID: v.User.ID, IP: v.a.Door.ClientIP(v.r), UserAgent: shownAgent(v.r)}
}

// shownAgent is the browser's name for itself, without what would not survive in a
// line of a log.
func shownAgent(r *http.Request) string {
	s := strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f {
			return -1
		}
		return c
	}, r.UserAgent())
	return s[:min(len(s), 256)]
}
