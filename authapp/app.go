package authapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddyito/caddyito/store"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App keeps what every auth_server and auth_client of a Caddy share: the store
// with its master key, and each other. It is there as soon as one of them is,
// also without being configured.
type App struct {
	// StoreRaw is where everything is kept. Default: bbolt, in the file
	// caddyito/auth.db under Caddy's data directory.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=auth.stores inline_key=module"`

	// MasterKey is the file of the key that encrypts client secrets and signing
	// keys in the store; it is made with the store. Or a placeholder which holds
	// the key itself, {env.MASTER_KEY} or {file./run/secrets/key} say. Default:
	// the file caddyito/master.key under Caddy's data directory.
	MasterKey string `json:"master_key,omitempty"`

	// AllowHTTPSync are hosts (names or addresses) of clients that are told of
	// users over plain http: for a network that is all one's own, since whoever is
	// in it can read along. Default: none; this machine needs no entry.
	AllowHTTPSync []string `json:"allow_http_sync,omitempty"`

	// AuditKeep is how long the audit log is kept, who did what to whom: at least
	// 24h. Default: 90 days.
	AuditKeep caddy.Duration `json:"audit_keep,omitempty"`

	ctx   caddy.Context
	log   *zap.Logger
	guest StoreGuest

	mu      sync.Mutex // guards servers and gates while modules are provisioned
	servers []ServerModule
	gates   []GateModule

	shared    *sharedStore // nil before Start acquired it; stays, for requests that outlive Cleanup
	release   sync.Once
	enrolled  enrolment
	realms    []string // of the gates whose server is in this process
	transport *transport
	// syncTransport is that of servers to gates.
	syncTransport *syncTransport
	stopSweep     func()
	audit         *auditTeller
	schemaBefore  *store.SchemaState // to be given back if the config does not come to run
	stopEvents    func()
	running       []func() // how to stop the members that were started, in order
	ready         chan struct{}
	failed        chan struct{}
	failure       error // why; written before failed is closed
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "auth",
		New: func() caddy.Module { return &App{ready: make(chan struct{}), failed: make(chan struct{})} },
	}
}

// Get returns the app of the config that ctx belongs to. A handler calls it
// from Provision.
func Get(ctx caddy.Context) (*App, error) {
	a, err := ctx.App("auth")
	if err != nil {
		return nil, err
	}
	return a.(*App), nil
}

// Provision touches neither disk nor network: it also runs for "caddy
// validate", beside a Caddy that has the store open.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx = ctx
	a.log = ctx.Logger()
	if err := a.registerMetrics(ctx); err != nil {
		return err
	}
	audit, err := newAuditTeller(ctx)
	if err != nil {
		return err
	}
	a.audit = audit
	if err := a.awaitStarted(ctx); err != nil {
		return err
	}
	if a.StoreRaw == nil {
		a.guest = new(BoltStore)
		return nil
	}
	guest, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("loading the store module: %w", err)
	}
	a.guest = guest.(StoreGuest)
	return nil
}

// Validate refuses what cannot be right wherever the config runs.
func (a *App) Validate() error {
	for _, host := range a.AllowHTTPSync {
		if err := checkSyncHost(host); err != nil {
			return err
		}
	}
	if err := checkAuditKeep(a.AuditKeep); err != nil {
		return err
	}
	return checkMasterKeySetting(a.MasterKey)
}

// AddServer registers an auth_server. It is called from the handler's
// Provision.
func (a *App) AddServer(s ServerModule) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, other := range a.servers {
		if mine, theirs := s.Schema(), other.Schema(); mine != nil && theirs != nil && !mine.Same(theirs) {
			return errors.New("there are two auth_server with different schemas, but they share one store; write the schema in one of them, which is then that of both, or the same in each")
		}
	}
	a.servers = append(a.servers, s)
	return nil
}

// AddGate registers an auth_client. It is called from the handler's Provision.
func (a *App) AddGate(g GateModule) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gates = append(a.gates, g)
	return nil
}

// Ready is closed when Start is done. Caddy starts apps in any order, so a
// handler may have requests before; they wait for it, as long as their context
// lasts. If Start fails it is never closed: then the whole config goes.
func (a *App) Ready() <-chan struct{} { return a.ready }

// Failed is closed when Start failed. A handler that waits for Ready gives up
// then, since Caddy takes the config back only when no request is under way.
func (a *App) Failed() <-chan struct{} { return a.failed }

// startPatience is how long a request waits for Start. Only one that hangs takes
// so long.
const startPatience = 10 * time.Second

// Wait waits for Start on behalf of a request, and says whether it is done. A
// member must not answer before, even if it was started itself: a gate that is
// not enrolled yet is an unknown client.
func (a *App) Wait(ctx context.Context) bool {
	select {
	case <-a.ready: // costs next to nothing, as for every request but the first
		return true
	default:
	}
	patience := time.NewTimer(startPatience)
	defer patience.Stop()
	select {
	case <-a.ready:
		return true
	case <-a.failed:
	case <-ctx.Done():
	case <-patience.C:
	}
	return false
}

// whyNotStarted is for an administrator whom Wait told that Start is not done.
func (a *App) whyNotStarted() string {
	select {
	case <-a.failed:
		return fmt.Sprintf("auth did not start: %v", a.failure)
	default:
		return "auth has not started yet; its log says what it is about"
	}
}

// Store is the open store. It is there once the app is Ready, and stays: to a
// request that outlives the last config with this store it says ErrClosed.
func (a *App) Store() store.Store { return auditedStore{a.shared.Store, a.audit} }

// Key is the store's master key. It is there once the app is Ready.
func (a *App) Key() store.MasterKey { return a.shared.key }

// Schema is that of users and objects: what a server declares, or the default.
func (a *App) Schema() *store.Schema {
	for _, s := range a.servers {
		if schema := s.Schema(); schema != nil {
			return schema
		}
	}
	return store.DefaultSchema()
}

// Start opens the store, then starts servers, then gates, then the background
// work. What it began is ended again if it fails; Caddy calls Stop only for
// apps that started.
func (a *App) Start() (err error) {
	defer func() {
		if err != nil {
			a.stopAll()
			a.failure = err
			close(a.failed)
		}
	}()
	if a.shared, err = acquireStore(a.guest, a.MasterKey, a.log); err != nil {
		return err
	}
	http, err := a.httpApp()
	if err != nil {
		return err
	}
	a.stopEvents = a.audit.startEvents()
	sites := findSites(http, a.members())
	if err := a.startServers(sites); err != nil {
		return err
	}
	if err := a.startGates(http, sites); err != nil {
		return err
	}
	// Last of all that can fail: the config that still runs goes by it, too.
	if len(a.servers) > 0 {
		if err := a.adoptSchema(); err != nil {
			return fmt.Errorf("auth_server at %s: %w", sites.of(a.servers[0]), err)
		}
	}
	a.stopSweep = startSweeper(auditPruner{a.shared.Store, a.auditKeep()}, a.log)
	close(a.ready)
	return nil
}

// Stop ends the members' and the app's own work. The store stays open until
// Cleanup, since requests may still be under way.
func (a *App) Stop() error {
	a.stopAll()
	return nil
}

func (a *App) stopAll() {
	if a.stopSweep != nil {
		a.stopSweep()
		a.stopSweep = nil
	}
	for i := len(a.running) - 1; i >= 0; i-- {
		a.running[i]()
	}
	a.running = nil
	a.giveBackSchema()
	if a.stopEvents != nil {
		a.stopEvents()
		a.stopEvents = nil
	}
}

// Cleanup gives back the store, if this instance took it. The last one closes
// it.
func (a *App) Cleanup() (err error) {
	if a.shared == nil {
		return nil
	}
	a.release.Do(func() { err = a.shared.release() })
	return err
}

// httpApp has the routes; it is empty if the config has none.
func (a *App) httpApp() (*caddyhttp.App, error) {
	app, err := a.ctx.AppIfConfigured("http")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return new(caddyhttp.App), nil
	}
	if err != nil {
		return nil, err
	}
	return app.(*caddyhttp.App), nil
}

func (a *App) members() []any {
	var members []any
	for _, s := range a.servers {
		members = append(members, s)
	}
	for _, g := range a.gates {
		members = append(members, g)
	}
	return members
}

// Active returns the app of the config that runs now, for the admin API. It is
// an error if there is none.
func Active() (*App, error) {
	app, err := caddy.ActiveContext().AppIfConfigured("auth")
	if err != nil {
		return nil, err
	}
	return app.(*App), nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.Validator    = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
