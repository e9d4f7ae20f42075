package caddyauthserver

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/authapp/directive"
	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/registration"
	"github.com/caddyito/caddyito/store"
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

// check says what is wrong with the client.
func (c *Client) check(rules registration.Rules) error {
	if err := store.CheckClientID(c.ID); err != nil {
		return err
	}
	var parts []string
	for _, p := range rules.Check(&store.Client{ID: c.ID, ClientSettings: c.ClientSettings}) {
		parts = append(parts, inConfig(p))
	}
	if err := c.checkSecret(rules.Later); err != nil {
		parts = append(parts, err.Error())
	}
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("client %s: %s", c.ID, strings.Join(parts, "; "))
}

// options are the names of fields in the Caddyfile, where a message about their
// value does not say which it is.
var options = map[string]string{
	"name":                      "name",
	"redirect_uris":             "redirect",
	"post_logout_redirect_uris": "post_logout_redirect",
	"frontchannel_logout_uri":   "frontchannel_logout",
	"backchannel_logout_uri":    "backchannel_logout",
	"allow_groups":              "allow_groups",
	"sync_url":                  "sync_url",
}

func inConfig(p store.Problem) string {
	if option, ok := options[p.Field]; ok {
		return option + " " + p.Message
	}
	return p.Message
}

func (c *Client) checkSecret(later func(string) bool) error {
	switch {
	case c.Public && c.Secret != "":
		return errors.New("it is public, so it has no secret")
	case c.Public, later != nil && later(c.Secret):
		return nil
	case c.Secret == "":
		return fmt.Errorf("it needs a secret of at least %d bytes, or the option public", MinSecretLength)
	case len(c.Secret) < MinSecretLength:
		return fmt.Errorf("the secret has %d bytes; it must have at least %d (make one with: openssl rand -base64 32)", len(c.Secret), MinSecretLength)
	}
	return nil
}

// checkClients checks them expanded, and their fields if the schema is known.
func (s *Server) checkClients(schema *store.Schema) error {
	rules := registration.Rules{Schema: schema, PlainHosts: s.plainHosts}
	seen := map[string]bool{}
	for _, c := range s.Clients {
		if err := c.check(rules); err != nil {
			return err
		}
		if seen[c.ID] {
			return fmt.Errorf("client %s is given twice", c.ID)
		}
		seen[c.ID] = true
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
		Secret:  g.Secret,
		HomeURL: g.HomeURL,
	}
}
