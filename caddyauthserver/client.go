package caddyauthserver

import (
	"fmt"

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
	// Name is what people read on the consent page. Default: the id.
	Name string `json:"name,omitempty"`
	// Secret is the client_secret, at least 32 bytes. Placeholders
	// ({env.WIKI_SECRET}, {file./run/secrets/wiki}) are replaced at start.
	Secret string `json:"secret,omitempty"`
	// Public clients (apps in browsers and on phones) have no secret and must
	// use PKCE. Default: false.
	Public bool `json:"public,omitempty"`
	// RedirectURIs are where codes may be sent, compared as exact strings. Those
	// of a public client may have a scheme of their own
	// (com.example.app:/callback), and any port is as good as theirs if they
	// begin with http://127.0.0.1 or http://[::1] (RFC 8252 section 7).
	// Placeholders are replaced at start.
	RedirectURIs []string `json:"redirect_uris,omitempty"`
	// PostLogoutRedirectURIs are where people may be sent after signing out,
	// compared as exact strings. Placeholders are replaced at start.
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
	// SkipConsent is for clients of one's own: people are not asked. Default:
	// false.
	SkipConsent bool `json:"skip_consent,omitempty"`
	// AllowNoPKCE lets a client that has a secret leave PKCE out. Default:
	// false.
	AllowNoPKCE bool `json:"allow_no_pkce,omitempty"`
	// AllowGroups are the groups whose members may sign in there: being in one of
	// them is enough. Others see a page that says so. Default: everybody.
	AllowGroups []string `json:"allow_groups,omitempty"`
	// IDTokenAlg is the algorithm that signs the client's ID tokens: "RS256",
	// "ES256" or "EdDSA". Default: "RS256".
	IDTokenAlg string `json:"id_token_signed_response_alg,omitempty"`
	// Format is "djangito" for a Django project with the package of that name,
	// which reads the profile and is told of changes in a form of its own, and
	// knows no PKCE. Default: that of gates.
	Format store.ClientFormat `json:"format,omitempty"`
	// AdminFlags tells a client of format "djangito" who is staff and who is a
	// superuser. Otherwise it is told that nobody is. Default: false.
	AdminFlags bool `json:"admin_flags,omitempty"`
	// Scopes the client may ask for: of openid, profile, email, groups, read,
	// offline_access. Default: all.
	Scopes []string `json:"scopes,omitempty"`
	// Sync says of which users the client is told as they change: "all",
	// "granted" (those who have signed in there) or "off". Default: "all" for a
	// gate, which is known by its redirect URI (https://<site>/oidc/callback), with
	// a format or a sync URL; otherwise "off".
	Sync store.SyncMode `json:"sync,omitempty"`
	// SyncURL is where it is told. Default for a gate: https://<site>/oidc/sync;
	// with format "djangito": https://<site>/oidc/push_server_data_to_client/.
	// Placeholders are replaced at start.
	SyncURL string `json:"sync_url,omitempty"`
	// BackchannelLogoutURI is where the client is told that somebody signed out
	// (OpenID Connect Back-Channel Logout 1.0). Default for a gate:
	// https://<site>/oidc/backchannel-logout; others are not told. Placeholders are
	// replaced at start.
	BackchannelLogoutURI string `json:"backchannel_logout_uri,omitempty"`
	// Fields are what the client is told of users and what they refer to, by sync
	// and by the profile: "email", "company" (with all that it has), or
	// "company.name". The id, username and is_active are told always. Default: all
	// but private fields.
	Fields []string `json:"fields,omitempty"`
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
	if len(c.RedirectURIs) == 0 {
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
	if err := (&store.Client{Format: c.Format, AdminFlags: c.AdminFlags, Public: c.Public}).CheckFormat(); err != nil {
		return fmt.Errorf("client %s: %w", c.ID, err)
	}
	if uri := c.BackchannelLogoutURI; uri != "" && !directive.HasPlaceholder(uri) {
		if err := usersync.CheckURL(uri, plain...); err != nil {
			return fmt.Errorf("client %s: backchannel_logout: %w", c.ID, err)
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
	switch sc := (&store.Client{RedirectURIs: c.RedirectURIs, SyncURL: c.SyncURL, Format: c.Format}); {
	case asked && c.Public:
		return fmt.Errorf("client %s is public; sync needs a secret", c.ID)
	case asked && sc.SyncTarget() == "" && !directive.HasPlaceholder(c.RedirectURIs[0]):
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
		Client: store.Client{
			ID:                     c.ID,
			Name:                   c.Name,
			Public:                 c.Public,
			RedirectURIs:           c.RedirectURIs,
			PostLogoutRedirectURIs: c.PostLogoutRedirectURIs,
			SkipConsent:            c.SkipConsent,
			AllowNoPKCE:            c.AllowNoPKCE,
			AllowGroups:            c.AllowGroups,
			IDTokenAlg:             c.IDTokenAlg,
			Format:                 c.Format,
			AdminFlags:             c.AdminFlags,
			Scopes:                 c.Scopes,
			Sync:                   c.Sync,
			SyncURL:                c.SyncURL,
			BackchannelLogoutURI:   c.BackchannelLogoutURI,
			Fields:                 c.Fields,
		},
		Secret: c.Secret,
	}
}

func enrolledClient(g authapp.EnrolledGate) *provider.StaticClient {
	return &provider.StaticClient{
		Client: store.Client{
			ID:                     g.ClientID,
			Name:                   g.Name,
			RedirectURIs:           g.RedirectURIs,
			PostLogoutRedirectURIs: g.PostLogoutRedirectURIs,
			// Who runs the server runs this gate too: nothing to consent to.
			SkipConsent:          true,
			SyncURL:              g.SyncURL,
			BackchannelLogoutURI: g.BackchannelLogoutURI,
		},
		Secret: g.Secret,
	}
}
