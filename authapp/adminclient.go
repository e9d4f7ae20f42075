package authapp

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

func (api *adminAPI) clientRoutes() {
	api.handleKept("GET /auth/clients", api.listClients)
	api.handleKept("POST /auth/clients", api.createClient)
	api.handleKept("GET /auth/clients/{id}", api.showClient)
	api.handleKept("PATCH /auth/clients/{id}", api.patchClient)
	api.handleKept("DELETE /auth/clients/{id}", api.deleteClient)
	api.handleKept("POST /auth/clients/{id}/enable", api.enableClient)
	api.handleKept("POST /auth/clients/{id}/disable", api.disableClient)
	api.handleKept("POST /auth/clients/{id}/rotate-secret", api.rotateSecret)
}

// Where a client comes from. Only those of the store can be changed here.
const (
	sourceStore    = "store"
	sourceConfig   = "config"   // auth_server's option client
	sourceEnrolled = "enrolled" // a gate of this process
)

// clientView is a client as the API shows it: without its secrets, but with how
// many there are.
type clientView struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	store.ClientSettings
	// SyncTarget is where the client is told of changes, and LogoutTarget where of
	// logouts; nothing if it is not.
	SyncTarget   string `json:"sync_target,omitempty"`
	LogoutTarget string `json:"logout_target,omitempty"`
	Disabled     bool   `json:"disabled"`
	// SelfRegistered clients came with an initial access token.
	SelfRegistered bool      `json:"self_registered,omitempty"`
	CreatedAt      time.Time `json:"created_at,omitzero"`
	// SecretsExpire is for each secret in force when it ends; zero: it lasts.
	SecretsExpire []time.Time `json:"secrets_expire,omitempty"`
	// Secret is shown once: when it was made.
	Secret string `json:"secret,omitempty"`
	// Issuer is what the client's software has to be told besides.
	Issuer string `json:"issuer,omitempty"`
}

func viewOf(c *store.Client, source string) *clientView {
	v := &clientView{
		ID: c.ID, Source: source, ClientSettings: c.ClientSettings,
		SyncTarget: c.SyncTarget(), LogoutTarget: c.LogoutTarget(),
		Disabled: c.Disabled, SelfRegistered: c.SelfRegistration != nil, CreatedAt: c.CreatedAt,
	}
	for _, s := range c.Secrets {
		v.SecretsExpire = append(v.SecretsExpire, s.ExpiresAt)
	}
	return v
}

// unstored are the clients that are not in the store, by id.
func (a *App) unstored() map[string]*clientView {
	out := map[string]*clientView{}
	for id, g := range a.enrolled {
		out[id] = viewOf(&store.Client{ID: id, ClientSettings: store.ClientSettings{
			Name: g.Name, RedirectURIs: g.RedirectURIs,
			PostLogoutRedirectURIs: g.PostLogoutRedirectURIs, SkipConsent: true, SyncURL: g.SyncURL,
			BackchannelLogoutURI: g.BackchannelLogoutURI,
		}}, sourceEnrolled)
	}
	for _, s := range a.servers {
		if lister, ok := s.(ClientLister); ok {
			for _, c := range lister.ConfiguredClients() {
				out[c.ID] = viewOf(&c, sourceConfig)
			}
		}
	}
	return out
}

// clientPage is a page of clients by id, of all sources.
type clientPage struct {
	Clients []*clientView `json:"clients"`
	Next    string        `json:"next,omitempty"`
}

func (api *adminAPI) listClients(a *App, r *http.Request) (any, error) {
	limit, err := pageLimit(r)
	if err != nil {
		return nil, err
	}
	after := r.URL.Query().Get("after")
	var stored []*store.Client
	err = a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		stored, err = tx.Clients(after, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := a.unstored()
	for _, c := range stored {
		if _, hidden := all[c.ID]; !hidden { // those of the config go first
			all[c.ID] = viewOf(c, sourceStore)
		}
	}
	page := clientPage{Clients: []*clientView{}}
	for id, v := range all {
		if id > after {
			page.Clients = append(page.Clients, v)
		}
	}
	slices.SortFunc(page.Clients, func(x, y *clientView) int { return cmp.Compare(x.ID, y.ID) })
	if len(page.Clients) >= limit {
		page.Clients = page.Clients[:limit]
		page.Next = page.Clients[limit-1].ID
	}
	return page, nil
}

func (api *adminAPI) createClient(a *App, r *http.Request) (any, error) {
	var body struct {
		ID string `json:"id"`
		store.ClientSettings
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	c := store.Client{ID: body.ID, ClientSettings: body.ClientSettings}
	made, secret, err := a.clients().Create(r.Context(), manage.Actor{}, &c)
	if err != nil {
		return nil, err
	}
	v := viewOf(made, sourceStore)
	v.Secret, v.Issuer = secret, a.issuer()
	return created{v}, nil
}

// clients does what is asked of clients.
func (a *App) clients() *manage.Clients {
	return &manage.Clients{
		Manager: &manage.Manager{Store: a.Store(), Schema: a.Schema(), Now: func() time.Time { return time.Now().UTC() }},
		Key:     a.Key(), PlainHosts: a.AllowHTTPSync, Elsewhere: a.storedOnly,
	}
}

// issuer is the one of this process, if it is one.
func (a *App) issuer() string {
	if issuers := a.issuers(); len(issuers) == 1 {
		return issuers[0]
	}
	return ""
}

func (api *adminAPI) showClient(a *App, r *http.Request) (any, error) {
	id := r.PathValue("id")
	if u := a.unstored()[id]; u != nil {
		return u, nil
	}
	var c *store.Client
	err := a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		c, err = findClient(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return viewOf(c, sourceStore), nil
}

func findClient(tx store.ClientReader, id string) (*store.Client, error) {
	c, err := tx.Client(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refuse(http.StatusNotFound, "there is no client %q", id)
	}
	return c, err
}

// storedOnly refuses to change what the config says.
func (a *App) storedOnly(id string) error {
	if u := a.unstored()[id]; u != nil {
		return refuse(http.StatusConflict, "client %q cannot be made or changed here: %s", id, whereFrom(u))
	}
	return nil
}

func whereFrom(u *clientView) string {
	if u.Source == sourceConfig {
		return "it stands in the config of auth_server; change it there and reload"
	}
	return "it is a gate (auth_client) of this Caddy, which is enrolled by itself"
}

func (api *adminAPI) deleteClient(a *App, r *http.Request) (any, error) {
	id := r.PathValue("id")
	return nil, clientError(id, a.clients().Delete(r.Context(), manage.Actor{}, id))
}

// clientError says which client is not there, or has no secret.
func clientError(id string, err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return refuse(http.StatusNotFound, "there is no client %q", id)
	case errors.Is(err, manage.ErrPublic):
		return refuse(http.StatusConflict, "client %q is public: it has no secret", id)
	}
	return err
}

// rotateSecret adds a secret and lets the others end after the overlap, so that
// both are in force while the client's config is changed. No overlap ends them
// at once, which is what one wants after a leak.
func (api *adminAPI) rotateSecret(a *App, r *http.Request) (any, error) {
	id := r.PathValue("id")
	var body struct {
		Overlap string `json:"overlap"` // as in "24h" or "7d"
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	overlap, err := caddy.ParseDuration(cmp.Or(body.Overlap, "0s"))
	if err != nil || overlap < 0 || overlap > manage.MaxOverlap {
		return nil, refuse(http.StatusBadRequest, "overlap %q: it is a time from 0s to 90d, as in 24h or 7d", body.Overlap)
	}
	c, secret, err := a.clients().Rotate(r.Context(), manage.Actor{}, id, overlap)
	if err != nil {
		return nil, clientError(id, err)
	}
	v := viewOf(c, sourceStore)
	v.Secret, v.Issuer = secret, a.issuer()
	return v, nil
}
