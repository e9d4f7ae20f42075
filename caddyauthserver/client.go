package caddyauthserver

import (
	"fmt"
	"slices"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/authapp/directive"
	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// MinSecretLength of a client's secret, in bytes: as much as 256 bits take at
// the least, since the secret also signs.
const MinSecretLength = 32

// Client is an OAuth client in the config.
type Client struct {
	// ID is the client_id.
	ID string `json:"id"`
	// Secret is the client_secret, at least 32 bytes. Placeholders
	// ({env.WIKI_SECRET}, {file./run/secrets/wiki}) are replaced at start, as in
	// every URI of the client.
	Secret string `json:"secret,omitempty"`
	store.ClientSettings
}

func (c *Client) expand() error {
	option := "client " + c.ID + ": "
	if err := directive.Expand(option+"secret", &c.Secret); err != nil {
		return err
	}
	if err := directive.Expand(option+"sync_url", &c.SyncURL); err != nil {
		return err
	}
	if err := directive.Expand(option+"backchannel_logout", &c.BackchannelLogoutURI); err != nil {
		return err
	}
	if err := directive.Expand(option+"frontchannel_logout", &c.FrontchannelLogoutURI); err != nil {
		return err
	}
	if err := directive.ExpandAll(option+"redirect", c.RedirectURIs); err != nil {
		return err
	}
	return directive.ExpandAll(option+"post_logout_redirect", c.PostLogoutRedirectURIs)
}

// check says what is wrong with the client. Before it is expanded, what has
// placeholders is left out. plain are hosts that may be told over http.
func (c *Client) check(expanded bool, plain []string) error {
	if err := store.CheckClientID(c.ID); err != nil {
		return err
	}
	switch {
	case c.Public && c.Secret != "":
		return fmt.Errorf("client %s is public, so it has no secret", c.ID)
	case c.Public && c.AllowNoPKCE:
		return fmt.Errorf("client %s is public, so it cannot do without PKCE", c.ID)
	case !c.Public && c.Secret == "":
		return fmt.Errorf("client %s needs a secret of at least %d bytes, or the option public", c.ID, MinSecretLength)
	}
	if err := c.checkSecret(expanded); err != nil {
		return err
	}
	for _, name := range c.Scopes {
		if err := store.CheckScope(name); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
	}
	if err := c.CheckGrants(); err != nil {
		return fmt.Errorf("client %s: %w", c.ID, err)
	}
	if len(c.RedirectURIs) == 0 && c.MayUse(store.GrantCode) {
		return fmt.Errorf("client %s needs a redirect URI", c.ID)
	}
	for _, uri := range c.RedirectURIs {
		if err := c.checkRedirect(uri, expanded); err != nil {
			return err
		}
	}
	for _, uri := range c.PostLogoutRedirectURIs {
		if err := checkRedirect("post_logout_redirect", uri, expanded); err != nil {
			return err
		}
	}
	for _, name := range c.AllowGroups {
		if err := checkAllowedGroup(name); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
	}
	if err := store.CheckSigningAlg(c.IDTokenAlg); err != nil {
		return fmt.Errorf("client %s: %w", c.ID, err)
	}
	if err := c.CheckFormat(); err != nil {
		return fmt.Errorf("client %s: %w", c.ID, err)
	}
	if uri := c.BackchannelLogoutURI; uri != "" && !directive.HasPlaceholder(uri) {
		if err := usersync.CheckURL(uri, plain...); err != nil {
			return fmt.Errorf("client %s: backchannel_logout: %w", c.ID, err)
		}
	}
	if uri := c.FrontchannelLogoutURI; uri != "" {
		if err := checkRedirect("frontchannel_logout", uri, expanded); err != nil {
			return err
		}
	}
	return c.checkSync(plain)
}

func (c *Client) checkSync(plain []string) error {
	if err := store.CheckSyncMode(c.Sync); err != nil {
		return fmt.Errorf("client %s: %w", c.ID, err)
	}
	if c.SyncURL != "" && !directive.HasPlaceholder(c.SyncURL) {
		if err := usersync.CheckURL(c.SyncURL, plain...); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
	}
	asked := c.Sync == store.SyncAll || c.Sync == store.SyncGranted || c.SyncURL != ""
	switch sc := (&store.Client{ClientSettings: store.ClientSettings{RedirectURIs: c.RedirectURIs, SyncURL: c.SyncURL, Format: c.Format}}); {
	case asked && c.Public:
		return fmt.Errorf("client %s is public; sync needs a secret", c.ID)
	case asked && sc.SyncTarget() == "" && !slices.ContainsFunc(c.RedirectURIs, directive.HasPlaceholder):
		return fmt.Errorf("client %s: say where it is told of changes: sync_url <url>", c.ID)
	}
	return nil
}

func (c *Client) checkSecret(expanded bool) error {
	if c.Secret == "" && c.Public || len(c.Secret) >= MinSecretLength || !expanded && directive.HasPlaceholder(c.Secret) {
		return nil
	}
	return fmt.Errorf("client %s: the secret has %d bytes; it must have at least %d (make one with: openssl rand -base64 32)", c.ID, len(c.Secret), MinSecretLength)
}

func (c *Client) checkRedirect(uri string, expanded bool) error {
	if c.Public && (expanded || !directive.HasPlaceholder(uri)) {
		return directive.CheckPublicRedirect("redirect", uri)
	}
	return checkRedirect("redirect", uri, expanded)
}

func checkAllowedGroup(name string) error {
	if err := store.CheckGroup(name); err != nil {
		return fmt.Errorf("allow_groups: %w", err)
	}
	return nil
}

func checkRedirect(option, uri string, expanded bool) error {
	if !expanded && directive.HasPlaceholder(uri) {
		return nil
	}
	return directive.CheckRedirect(option, uri)
}

// checkFields says what is wrong with the lists of what clients are told.
func (s *Server) checkFields(schema *store.Schema) error {
	for _, c := range s.Clients {
		if err := usersync.CheckFields(schema, c.Fields); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
	}
	return nil
}

// staticClients finds the clients of the config, and the gates of this process.
func (s *Server) staticClients(env authapp.ServerEnv) func(id string) (*provider.StaticClient, bool) {
	configured := make(map[string]*provider.StaticClient, len(s.Clients))
	for _, c := range s.Clients {
		configured[c.ID] = c.static()
	}
	return func(id string) (*provider.StaticClient, bool) {
		if c, ok := configured[id]; ok {
			return c, true
		}
		if env.Gate == nil {
			return nil, false
		}
		g, ok := env.Gate(id)
		if !ok {
			return nil, false
		}
		return enrolledClient(g), true
	}
}

// ConfiguredClients lists the clients of the config, for the admin API.
func (s *Server) ConfiguredClients() []store.Client {
	clients := make([]store.Client, len(s.Clients))
	for i, c := range s.Clients {
		clients[i] = c.static().Client
	}
	return clients
}

// listStaticClients lists what staticClients finds.
func (s *Server) listStaticClients(env authapp.ServerEnv) func() []*provider.StaticClient {
	return func() []*provider.StaticClient {
		var all []*provider.StaticClient
		taken := map[string]bool{}
		for _, c := range s.Clients {
			all = append(all, c.static())
			taken[c.ID] = true
		}
		if env.Gates == nil {
			return all
		}
		for _, g := range env.Gates() {
			if !taken[g.ClientID] {
				all = append(all, enrolledClient(g))
			}
		}
		return all
	}
}

func (c *Client) static() *provider.StaticClient {
	return &provider.StaticClient{
		Client: store.Client{ID: c.ID, ClientSettings: c.ClientSettings},
		Secret: c.Secret,
	}
}

func enrolledClient(g authapp.EnrolledGate) *provider.StaticClient {
	return &provider.StaticClient{
		Client: store.Client{ID: g.ClientID, ClientSettings: store.ClientSettings{
			Name:                   g.Name,
			RedirectURIs:           g.RedirectURIs,
			PostLogoutRedirectURIs: g.PostLogoutRedirectURIs,
			// Who runs the server runs this gate too: nothing to consent to.
			SkipConsent:          true,
			SyncURL:              g.SyncURL,
			BackchannelLogoutURI: g.BackchannelLogoutURI,
		}},
		Secret: g.Secret,
	}
}
