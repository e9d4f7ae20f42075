package authapp

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// placedGate is a gate with what is known of it before it starts.
type placedGate struct {
	module   GateModule
	settings GateSettings
	site     *site
	origins  []string
	server   ServerModule // in this process, or nil
	issuer   string
	clientID string // of a gate with a token: what stands for it in names
	secret   string
}

// startServers starts them in the order of their origins, which is the same
// after every reload.
func (a *App) startServers(where sites) error {
	a.transport = newTransport()
	a.syncTransport = newSyncTransport(a.AllowHTTPSync)
	servers := slices.Clone(a.servers)
	slices.SortStableFunc(servers, func(x, y ServerModule) int {
		return slices.Compare(where.of(x).origins, where.of(y).origins)
	})
	a.servers = servers
	for _, s := range servers {
		at := where.of(s)
		err := s.StartServer(ServerEnv{
			Store: a.Store(), MasterKey: a.shared.key, Schema: a.Schema(), Origins: at.origins,
			Gate: a.gateOf(s), Gates: a.gatesOf(s), SyncTransport: a.syncTransport,
			Realms: func() []string { return a.realms },
		})
		if err != nil {
			return fmt.Errorf("auth_server at %s: %w", at, err)
		}
		a.running = append(a.running, s.StopServer)
		u, err := url.Parse(s.Issuer())
		if err != nil || u.Host == "" {
			return fmt.Errorf("auth_server at %s: the issuer %q is not a URL", at, s.Issuer())
		}
		if _, twice := a.transport.servers[normalOrigin(u)]; !twice {
			a.transport.servers[normalOrigin(u)] = s
		}
	}
	return nil
}

// gateOf looks gates up for one server: those of another are none of its.
func (a *App) gateOf(s ServerModule) func(string) (EnrolledGate, bool) {
	return func(clientID string) (EnrolledGate, bool) {
		select {
		case <-a.ready:
		default:
			return EnrolledGate{}, false // being written
		}
		g, ok := a.enrolled[clientID]
		return g, ok && normalIssuer(g.issuer) == normalIssuer(s.Issuer())
	}
}

// gatesOf lists the gates that are enrolled at a server.
func (a *App) gatesOf(s ServerModule) func() []EnrolledGate {
	find := a.gateOf(s)
	return func() []EnrolledGate {
		<-a.ready // until then it is being written
		var list []EnrolledGate
		for _, id := range slices.Sorted(maps.Keys(a.enrolled)) {
			if g, ok := find(id); ok {
				list = append(list, g)
			}
		}
		return list
	}
}

// startGates pairs every gate with its server and starts it.
func (a *App) startGates(app *caddyhttp.App, where sites) error {
	gates := make([]*placedGate, 0, len(a.gates))
	for _, m := range a.gates {
		g, err := a.place(m, where.of(m))
		if err != nil {
			return fmt.Errorf("auth_client at %s: %w", where.of(m), err)
		}
		gates = append(gates, g)
	}
	// In the order of origins, so that names are the same after a reload,
	// whatever the order in which Caddy provisioned.
	slices.SortStableFunc(gates, func(x, y *placedGate) int {
		if c := slices.Compare(x.origins, y.origins); c != 0 {
			return c
		}
		return strings.Compare(x.settings.Prefix, y.settings.Prefix)
	})
	if err := a.enrol(gates); err != nil {
		return err
	}
	if err := checkApart(gates); err != nil {
		return err
	}
	if err := a.checkCallbacks(app, gates); err != nil {
		return err
	}
	if err := a.checkServers(app, where, gates); err != nil {
		return err
	}
	names := gateNames(gates)
	envs := map[*placedGate]GateEnv{}
	for i, name := range names {
		g := gates[i]
		env := GateEnv{
			Store: a.Store(), MasterKey: a.shared.key, Name: name, Shared: count(names, name) > 1,
			Issuer: g.issuer, ClientID: g.clientID, ClientSecret: g.secret,
			Origins: g.origins, Transport: a.transport,
		}
		if g.server != nil {
			env.Schema = a.Schema()
		}
		envs[g] = env
	}
	remote, err := a.findEnrolments(gates, envs)
	if err != nil {
		return err
	}
	for i, name := range names {
		g := gates[i]
		if err := g.module.StartGate(envs[g]); err != nil {
			return fmt.Errorf("auth_client at %s: %w", g.site, err)
		}
		a.running = append(a.running, g.module.StopGate)
		for _, o := range g.origins {
			a.syncTransport.add(o+g.prefix()+"/sync", g.module.ServeSync)
			a.syncTransport.add(o+g.prefix()+"/backchannel-logout", g.module.ServeBackchannelLogout)
		}
		if g.server != nil && !slices.Contains(a.realms, name) {
			a.realms = append(a.realms, name)
		}
	}
	for _, e := range remote {
		a.running = append(a.running, e.start(a.ready))
	}
	return nil
}

// place finds a gate's origins and its server.
func (a *App) place(m GateModule, at *site) (*placedGate, error) {
	g := &placedGate{module: m, settings: m.Settings(), site: at}
	g.origins = sortedSet(slices.Clone(g.settings.Origins))
	if len(g.origins) == 0 {
		g.origins = at.origins
		if len(at.vague) > 0 && len(at.origins) > 0 {
			a.log.Warn("the gate serves only the hosts that the config names; name the others with origin",
				zap.Strings("origins", at.origins), zap.Strings("not_served", at.vague))
		}
	}
	if len(g.origins) == 0 {
		return nil, errors.New("the config does not say under which address people reach this site, since it names no host (or only one with a wildcard); add: origin https://<host>")
	}
	server, err := a.serverOf(g.settings)
	if err != nil {
		return nil, err
	}
	g.server, g.issuer = server, g.settings.Issuer
	if server != nil {
		g.issuer = server.Issuer()
	}
	g.clientID, g.secret = g.settings.ClientID, g.settings.ClientSecret
	if g.clientID == "" && g.secret != "" {
		return nil, errors.New("there is a client_secret but no client_id; add it")
	}
	if g.settings.Enroll != "" {
		if server != nil {
			return nil, errors.New("its server is in this Caddy, where gates are enrolled by themselves; take the option enroll away")
		}
		g.clientID = "enroll-" + short(g.settings.Enroll)
	}
	if g.secret != "" && len(g.secret) < 32 {
		a.log.Warn("the client secret is shorter than 32 bytes; it cannot be used for sync",
			zap.String("client_id", g.clientID), zap.Strings("origins", g.origins))
	}
	return g, nil
}

// serverOf finds the server of this process that a gate means, or nil for a
// registered gate of another issuer.
func (a *App) serverOf(s GateSettings) (ServerModule, error) {
	if s.Issuer == "" {
		switch issuers := a.issuers(); len(issuers) {
		case 1:
			return a.servers[0], nil
		case 0:
			return nil, errors.New("no issuer is named, and there is no auth_server in this Caddy; write auth_client <issuer> with client_id and client_secret, or add auth_server to a site")
		default:
			return nil, fmt.Errorf("no issuer is named, and this Caddy has several; write auth_client with one of %s", strings.Join(issuers, ", "))
		}
	}
	for _, server := range a.servers {
		if normalIssuer(server.Issuer()) == normalIssuer(s.Issuer) {
			return server, nil
		}
	}
	if s.ClientID != "" || s.Enroll != "" {
		return nil, nil
	}
	here := "there is no auth_server in this Caddy"
	if issuers := a.issuers(); len(issuers) > 0 {
		here = "the issuer of this Caddy is " + strings.Join(issuers, ", ")
	}
	return nil, fmt.Errorf("its issuer is %s, but %s; give it client_id and client_secret (caddy auth client create prints them where the server runs), or a token to enroll with (caddy auth registration create), or add auth_server to the site of the issuer", s.Issuer, here)
}

func (a *App) issuers() []string {
	var list []string
	for _, s := range a.servers {
		list = append(list, s.Issuer())
	}
	return sortedSet(list)
}

// normalIssuer compares equal with and without a trailing slash, and for all
// spellings of the origin.
func normalIssuer(issuer string) string {
	issuer = strings.TrimRight(issuer, "/")
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return issuer
	}
	return normalOrigin(u) + u.EscapedPath()
}

func (s sites) of(member any) *site {
	if at := s[member]; at != nil {
		return at
	}
	return &site{}
}
