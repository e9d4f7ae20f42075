package store

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Client is an OAuth client (RFC 6749 section 2) registered at the server. A
// gate is one.
type Client struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// Secrets are in force together, so that one can be rotated in. Empty for a
	// public client.
	Secrets []ClientSecret `json:"secrets,omitempty"`
	// Public clients have no secret and must use PKCE.
	Public bool `json:"public,omitempty"`
	// RedirectURIs and PostLogoutRedirectURIs are compared as exact strings.
	RedirectURIs           []string `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
	// SkipConsent: a first-party client; people are not asked.
	SkipConsent bool `json:"skip_consent,omitempty"`
	// AllowNoPKCE lets a confidential client leave PKCE out.
	AllowNoPKCE bool `json:"allow_no_pkce,omitempty"`
	// AllowGroups are the groups whose members may sign in there; empty means
	// everybody.
	AllowGroups []string `json:"allow_groups,omitempty"`
	// IDTokenAlg signs its ID tokens: one of SigningAlgs. Default "RS256".
	IDTokenAlg string `json:"id_token_signed_response_alg,omitempty"`
	// Format is how the client reads the profile and is told of changes. Default:
	// as gates do.
	Format ClientFormat `json:"format,omitempty"`
	// AdminFlags: a FormatDjangito client is told who is staff and who is a
	// superuser. Otherwise it is told that nobody is.
	AdminFlags bool `json:"admin_flags,omitempty"`
	// Scopes the client may ask for; empty means all.
	Scopes []string `json:"scopes,omitempty"`
	// Sync says what the client is told of users and objects as they change.
	// Default: SyncAll for a gate and with a Format, SyncOff for others.
	Sync SyncMode `json:"sync,omitempty"`
	// SyncURL is where it is told. Default for a gate: beside its callback.
	SyncURL string `json:"sync_url,omitempty"`
	// BackchannelLogoutURI is where the client is told that a session is over
	// (OpenID Connect Back-Channel Logout 1.0). Default for a gate: beside its
	// callback.
	BackchannelLogoutURI string `json:"backchannel_logout_uri,omitempty"`
	// Fields are what the client is told of users and objects, by sync and by the
	// profile: "email", "company", "company.name". Empty means all but the
	// private ones.
	Fields    []string  `json:"fields,omitempty"`
	Disabled  bool      `json:"disabled,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
}

// SyncMode says which users and objects a client is told of.
type SyncMode string

const (
	SyncAll     SyncMode = "all"     // every one
	SyncGranted SyncMode = "granted" // users who have signed in there, and every object
	SyncOff     SyncMode = "off"     // none
)

// CheckSyncMode says what is wrong with a mode; none is fine.
func CheckSyncMode(m SyncMode) error {
	switch m {
	case "", SyncAll, SyncGranted, SyncOff:
		return nil
	}
	return fmt.Errorf("sync is %s, %s or %s, not %q", SyncAll, SyncGranted, SyncOff, string(m))
}

// ClientFormat names how a client that is no gate wants to be told of users.
type ClientFormat string

// FormatDjangito is that of a Django project with the package djangito, which
// knows no PKCE.
const FormatDjangito ClientFormat = "djangito"

// CheckFormat says what is wrong with the client's format and what goes with it.
func (c *Client) CheckFormat() error {
	switch {
	case c.Format != "" && c.Format != FormatDjangito:
		return fmt.Errorf("format is %s or not given, not %q", FormatDjangito, string(c.Format))
	case c.Format != "" && c.Public:
		return fmt.Errorf("a client of format %s has a secret, so it is not public", c.Format)
	case c.Format == "" && c.AdminFlags:
		return fmt.Errorf("only a client of format %s can be told of admin flags", FormatDjangito)
	}
	return nil
}

// Admits says whether the user may sign in at the client.
func (c *Client) Admits(u *User) bool {
	return len(c.AllowGroups) == 0 ||
		slices.ContainsFunc(c.AllowGroups, func(g string) bool { return slices.Contains(u.Groups, g) })
}

// NeedsPKCE says whether the client must use PKCE (RFC 7636).
func (c *Client) NeedsPKCE() bool {
	return c.Public || !c.AllowNoPKCE && c.Format != FormatDjangito
}

// djangitoPush is where that package takes changes, mounted as it says.
const djangitoPush = "/oidc/push_server_data_to_client/"

// gateCallback ends the redirect URI of a gate at the default prefix.
const gateCallback = "/oidc/callback"

// SyncTarget is where to send changes, "" for a client that is told nothing. A
// client without a format is taken for a gate by its redirect URI.
func (c *Client) SyncTarget() string {
	if c.Sync == SyncOff || c.Public || c.Disabled {
		return ""
	}
	if c.SyncURL != "" {
		return c.SyncURL
	}
	if c.Format == FormatDjangito {
		return c.djangitoTarget()
	}
	return c.besideCallback("/oidc/sync")
}

// LogoutTarget is where to say that a session is over, "" for a client that is
// not told.
func (c *Client) LogoutTarget() string {
	switch {
	case c.Disabled || c.BackchannelLogoutURI == "" && c.Format != "":
		return ""
	case c.BackchannelLogoutURI != "":
		return c.BackchannelLogoutURI
	}
	return c.besideCallback("/oidc/backchannel-logout")
}

// besideCallback is a path of a gate at the default prefix, which is known by its
// redirect URI; "" for another client.
func (c *Client) besideCallback(path string) string {
	if len(c.RedirectURIs) > 0 {
		if origin, ok := strings.CutSuffix(c.RedirectURIs[0], gateCallback); ok && strings.Count(origin, "/") == 2 {
			return origin + path
		}
	}
	return ""
}

func (c *Client) djangitoTarget() string {
	if len(c.RedirectURIs) == 0 {
		return ""
	}
	u, err := url.Parse(c.RedirectURIs[0])
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host + djangitoPush
}

// ClientSecret is a secret as kept: sealed, since it must sign.
type ClientSecret struct {
	Sealed    []byte    `json:"sealed"` // MasterKey.Seal with ClientSecretPurpose
	CreatedAt time.Time `json:"created_at,omitzero"`
	// ExpiresAt is when a rotated secret ends; zero for one that lasts.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// ClientSecretPurpose is the purpose under which the secret of a client is
// sealed; it binds the secret to the client.
func ClientSecretPurpose(clientID string) string { return "client-secret/" + clientID }

// ClientReader reads clients.
type ClientReader interface {
	Client(id string) (*Client, error)
	// Clients lists up to limit clients with an ID greater than after, by ID.
	Clients(after string, limit int) ([]*Client, error)
}

// ClientWriter writes clients.
type ClientWriter interface {
	// PutClient creates or replaces.
	PutClient(*Client) error
	// DeleteClient deletes the client, its consents and its families of tokens.
	// ErrNotFound if there is none.
	DeleteClient(id string) error
}

// CheckClientID says what is wrong with a client id. It is 1 to 100 characters
// of A-Z a-z 0-9 . _ ~ - and : so that it stands in URLs and headers as it is.
func CheckClientID(id string) error {
	if id == "" || len(id) > 100 {
		return fmt.Errorf("a client id has 1 to 100 characters; this has %d", len(id))
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '_', c == '~', c == '-', c == ':':
		default:
			return fmt.Errorf("client id %q: only letters, digits and . _ ~ - : may stand in it", id)
		}
	}
	return nil
}
