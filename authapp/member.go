package authapp

import (
	"context"
	"net/http"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// ServerModule is what the app needs of an auth_server handler. The handler
// calls App.AddServer when it is provisioned; the app starts and stops it.
type ServerModule interface {
	// StartServer is called once, from the app's Start. Requests that come
	// before it returned wait for it.
	StartServer(ServerEnv) error
	// StopServer ends what StartServer began. Requests may still be under way.
	StopServer()
	// Issuer is known once StartServer returned.
	Issuer() string
	// Schema is what the config declares, or nil. It is known before the module
	// is added.
	Schema() *store.Schema
	// ServeAuth answers a request for one of the server's own paths: those of
	// gates in this process come this way, without the network.
	ServeAuth(http.ResponseWriter, *http.Request)
}

// ClientLister is a ServerModule that has clients in its config; the admin API
// lists them. It may be asked once the module is provisioned.
type ClientLister interface {
	ConfiguredClients() []store.Client
}

// SyncServer is a ServerModule that tells clients of changes.
type SyncServer interface {
	// SyncTargets lists them. It may be asked once StartServer returned.
	SyncTargets(context.Context) ([]usersync.Target, error)
}

// ServerEnv is what a server is started with.
type ServerEnv struct {
	Store     store.Store
	MasterKey store.MasterKey
	// Schema of the users and objects of the store.
	Schema *store.Schema
	// Origins of the sites that the handler stands in, as the config says
	// ("https://auth.example.com"); empty if it does not say.
	Origins []string
	// Gate finds a gate of this process that is enrolled at this server.
	// Complete once the app's Start returned.
	Gate func(clientID string) (EnrolledGate, bool)
	// Gates lists those it finds, once the app is Ready.
	Gates func() []EnrolledGate
	// Realms are those of the gates of this process whose server is in it, too. Complete
	// once the app is Ready.
	Realms func() []string
	// SyncTransport reaches gates, to tell them of changes and logouts: those of this
	// process without the network.
	SyncTransport http.RoundTripper
}

// EnrolledGate is a gate that stands in the same Caddy as its server and so
// needs no registration.
type EnrolledGate struct {
	ClientID               string
	Name                   string
	Secret                 string // derived from the master key, so the same after a restart
	RedirectURIs           []string
	PostLogoutRedirectURIs []string
	HomeURL                string // where people begin to use what is behind it
	SyncURL                string // where it is told of changes
	BackchannelLogoutURI   string // where it is told of logouts

	issuer string // of the server at which it is enrolled
}

// GateModule is what the app needs of an auth_client handler. The handler
// calls App.AddGate when it is provisioned; the app starts and stops it.
type GateModule interface {
	Settings() GateSettings
	// StartGate is called from the app's Start, after every server started.
	// Requests that come before it returned wait for it. It is called again for a
	// gate that was pending and has enrolled, or whose secret was rotated since.
	StartGate(GateEnv) error
	// ServeSync takes a batch of changes from a server of this process.
	ServeSync(http.ResponseWriter, *http.Request)
	// ServeBackchannelLogout takes a logout token from a server of this process.
	ServeBackchannelLogout(http.ResponseWriter, *http.Request)
	// StopGate ends what StartGate began. Requests may still be under way.
	StopGate()
}

// GateSettings are what the config says of a gate.
type GateSettings struct {
	// Issuer may be empty where the process has exactly one server.
	Issuer string
	// ClientID and ClientSecret are empty for a gate to be enrolled.
	ClientID, ClientSecret string
	// Enroll is the token by which the gate gets them from a server elsewhere.
	Enroll string
	// Origins, if the config names them; otherwise they are those of the sites
	// the handler stands in.
	Origins []string
	// Prefix of the gate's own paths.
	Prefix string
	// GuardsAll: no request passes that is not of somebody who is signed in, but for
	// those of the gate's own pages.
	GuardsAll bool
}

// GateEnv is what a gate is started with.
type GateEnv struct {
	Store     store.Store
	MasterKey store.MasterKey
	// Name is the gate's mirror: the client id, made unique in this process
	// where two gates use the same.
	Name string
	// Shared: another gate of this process has the same name, and thus the same
	// sessions. A request may come to both.
	Shared                         bool
	Issuer, ClientID, ClientSecret string
	// Schema of the server, if that is in this process.
	Schema *store.Schema
	// Enrolled: id and secret came of the token that the config has. Pending: they
	// did not come yet, and are empty.
	Enrolled, Pending bool
	Origins           []string
	// Transport reaches the issuer: in this process without the network,
	// another by http.DefaultTransport.
	Transport http.RoundTripper
}
