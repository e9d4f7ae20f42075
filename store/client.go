package store

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Client is an OAuth client (RFC 6749 section 2) registered at the server. A
// gate is one.
type Client struct {
	ID string `json:"id"`
	ClientSettings
	// Secrets are in force together, so that one can be rotated in. Empty for a
	// public client.
	Secrets   []ClientSecret `json:"secrets,omitempty"`
	Disabled  bool           `json:"disabled,omitempty"`
	CreatedAt time.Time      `json:"created_at,omitzero"`
	// SelfRegistration is nil for a client that an administrator registered.
	SelfRegistration *SelfRegistration `json:"self_registration,omitempty"`
}

// ClientSettings are what is said of a client in the config, by an administrator
// or when it registers. Names that RFC 7591 has are the same there.
type ClientSettings struct {
	// Name is what people read on the consent page. Default: the id.
	Name string `json:"name,omitempty"`
	// Public clients (apps in browsers and on phones) have no secret and must use
	// PKCE. Default: false.
	Public bool `json:"public,omitempty"`
	// RedirectURIs are where codes may be sent, compared as exact strings. Those
	// of a public client may have a scheme of their own
	// (com.example.app:/callback), and any port is as good as theirs if they
	// begin with http://127.0.0.1 or http://[::1] (RFC 8252 section 7).
	RedirectURIs []string `json:"redirect_uris,omitempty"`
	// PostLogoutRedirectURIs are where people may be sent after signing out,
	// compared as exact strings.
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
	Format ClientFormat `json:"format,omitempty"`
	// AdminFlags tells a client of format "djangito" who is staff and who is a
	// superuser. Otherwise it is told that nobody is. Default: false.
	AdminFlags bool `json:"admin_flags,omitempty"`
	// Scopes the client may ask for: of openid, profile, email, phone, address,
	// groups, read, offline_access, and those of APIs of one's own, which have a
	// colon ("invoices:read"). Default: all but those of APIs.
	Scopes []string `json:"scopes,omitempty"`
	// Sync says of which users the client is told as they change: "all",
	// "granted" (those who have signed in there) or "off". Default: "all" for a
	// gate, which is known by its redirect URI (https://<site>/oidc/callback), with
	// a format or a sync URL; otherwise "off".
	Sync SyncMode `json:"sync,omitempty"`
	// SyncURL is where it is told. Default for a gate: https://<site>/oidc/sync;
	// with format "djangito": https://<site>/oidc/push_server_data_to_client/.
	SyncURL string `json:"sync_url,omitempty"`
	// BackchannelLogoutURI is where the client is told that somebody signed out
	// (OpenID Connect Back-Channel Logout 1.0). Default for a gate:
	// https://<site>/oidc/backchannel-logout; others are not told.
	BackchannelLogoutURI string `json:"backchannel_logout_uri,omitempty"`
	// Fields are what the client is told of users and what they refer to, by sync
	// and by the profile: "email", "company" (with all that it has), or
	// "company.name". The id, username and is_active are told always. Default: all
	// but private fields.
	Fields []string `json:"fields,omitempty"`
	// GrantTypes are what the client may buy tokens with: of authorization_code,
	// refresh_token, client_credentials and
	// urn:ietf:params:oauth:grant-type:device_code. Default: authorization_code and
	// refresh_token.
	GrantTypes []string `json:"grant_types,omitempty"`
	// RequirePAR refuses authorization requests that were not pushed (RFC 9126
	// section 6). Default: false.
	RequirePAR bool `json:"require_pushed_authorization_requests,omitempty"`
	// Resources are the APIs for which the client may ask for access tokens, each
	// an absolute URI (RFC 8707). Default: none but this server.
	Resources []string `json:"resources,omitempty"`
	// AccessTokenFormat is "opaque", or "jwt" for APIs that read access tokens by
	// themselves (RFC 9068). Default: "opaque".
	AccessTokenFormat AccessTokenFormat `json:"access_token_format,omitempty"`
	// AccessTokenLifetime and RefreshTokenLifetime are this client's, as in "5m";
	// that of access tokens is at most 30 days. Default: those of the server.
	AccessTokenLifetime  Duration `json:"access_token_lifetime,omitzero"`
	RefreshTokenLifetime Duration `json:"refresh_token_lifetime,omitzero"`
	// FrontchannelLogoutURI is loaded in the person's browser when their session
	// ends (OpenID Connect Front-Channel Logout 1.0). Default: none.
	FrontchannelLogoutURI string `json:"frontchannel_logout_uri,omitempty"`
}

// GrantTypes are those a client can have (RFC 6749 section 1.3, RFC 8628 section
// 3.4).
func GrantTypes() []string {
	return []string{GrantCode, GrantRefresh, GrantClientCredentials, GrantDevice}
}

const (
	GrantCode              = "authorization_code"
	GrantRefresh           = "refresh_token"
	GrantClientCredentials = "client_credentials"
	GrantDevice            = "urn:ietf:params:oauth:grant-type:device_code"
)

// MayUse says whether the client may buy tokens with a grant of this type.
func (c *ClientSettings) MayUse(grantType string) bool {
	if len(c.GrantTypes) == 0 {
		return grantType == GrantCode || grantType == GrantRefresh
	}
	return slices.Contains(c.GrantTypes, grantType)
}

// AccessTokenFormat is what access tokens look like.
type AccessTokenFormat string

const (
	AccessTokenOpaque AccessTokenFormat = "opaque"
	AccessTokenJWT    AccessTokenFormat = "jwt"
)

// CheckGrants says what is wrong with how the client gets tokens.
func (c *ClientSettings) CheckGrants() error {
	for _, g := range c.GrantTypes {
		if !slices.Contains(GrantTypes(), g) {
			return Mistakef("there is no grant type %q; there are: %s", g, strings.Join(GrantTypes(), ", "))
		}
	}
	switch {
	case c.Public && c.MayUse(GrantClientCredentials):
		return Mistakef("a public client has no credentials, so grant type %s is not for it", GrantClientCredentials)
	case len(c.GrantTypes) > 0 && c.MayUse(GrantRefresh) && !c.MayUse(GrantCode) && !c.MayUse(GrantDevice):
		return Mistakef("grant type %s needs %s or %s, which a refresh token comes from", GrantRefresh, GrantCode, GrantDevice)
	}
	return nil
}

// CheckPAR says what is wrong with asking for pushed authorization requests.
func (c *ClientSettings) CheckPAR() error {
	if c.RequirePAR && !c.MayUse(GrantCode) {
		return Mistakef("pushed authorization requests are of grant type %s, which the client has not", GrantCode)
	}
	return nil
}

// CheckAccessTokenFormat says what is wrong with a format; none is fine.
func CheckAccessTokenFormat(f AccessTokenFormat) error {
	if f != "" && f != AccessTokenOpaque && f != AccessTokenJWT {
		return Mistakef("an access token is %s or %s, not %q", AccessTokenOpaque, AccessTokenJWT, string(f))
	}
	return nil
}

// CheckTokenLifetime says what is wrong with how long a client's tokens live; 0 is
// that of the server.
func CheckTokenLifetime(d Duration) error {
	if d != 0 && d < Duration(time.Second) {
		return Mistakef("tokens live for a second at the least")
	}
	return nil
}

// MaxAccessTokenLifetime is the longest access tokens may live: APIs
// check those that are signed with a key that is published no longer than that.
const MaxAccessTokenLifetime = 30 * Duration(24*time.Hour)

// CheckAccessTokenLifetime says what is wrong with how long access tokens live; 0 is
// the default, for those of a client that of the server.
func CheckAccessTokenLifetime(d Duration) error {
	if d > MaxAccessTokenLifetime {
		return Mistakef("access tokens live for %s at the most, not %s; for longer access give the client refresh tokens", MaxAccessTokenLifetime.Text(), d.Text())
	}
	return CheckTokenLifetime(d)
}

// CheckResource says what is wrong with a resource indicator (RFC 8707 section 2):
// it is an absolute URI without a fragment.
func CheckResource(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" || strings.Contains(s, "#") || len(s) > 500 {
		return Mistakef("resource %.500q: it is an absolute URI without a fragment, as in https://api.example.com", s)
	}
	return nil
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
	return Mistakef("sync is %s, %s or %s, not %q", SyncAll, SyncGranted, SyncOff, string(m))
}

// ClientFormat names how a client that is no gate wants to be told of users.
type ClientFormat string

// FormatDjangito is that of a Django project with the package djangito, which
// knows no PKCE.
const FormatDjangito ClientFormat = "djangito"

// CheckFormat says what is wrong with the client's format.
func (c *ClientSettings) CheckFormat() error {
	switch {
	case c.Format != "" && c.Format != FormatDjangito:
		return Mistakef("format is %s or not given, not %q", FormatDjangito, string(c.Format))
	case c.Format != "" && c.Public:
		return Mistakef("a client of format %s has a secret, so it is not public", c.Format)
	}
	return nil
}

// CheckAdminFlags says what is wrong with telling the client who is staff.
func (c *ClientSettings) CheckAdminFlags() error {
	if c.AdminFlags && c.Format == "" {
		return Mistakef("only a client of format %s can be told of admin flags", FormatDjangito)
	}
	return nil
}

// Admits says whether the user may sign in at the client.
func (c *ClientSettings) Admits(u *User) bool {
	return len(c.AllowGroups) == 0 ||
		slices.ContainsFunc(c.AllowGroups, func(g string) bool { return slices.Contains(u.Groups, g) })
}

// NeedsPKCE says whether the client must use PKCE (RFC 7636).
func (c *ClientSettings) NeedsPKCE() bool {
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

// NewClientSecret makes a secret, and seals it.
func NewClientSecret(key MasterKey, clientID string, now time.Time) (secret string, sealed ClientSecret) {
	secret = NewSecret()
	return secret, ClientSecret{Sealed: key.Seal(ClientSecretPurpose(clientID), []byte(secret)), CreatedAt: now}
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
		return Mistakef("a client id has 1 to 100 characters; this has %d", len(id))
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '_', c == '~', c == '-', c == ':':
		default:
			return Mistakef("client id %q: only letters, digits and . _ ~ - : may stand in it", id)
		}
	}
	return checkNotDots(id)
}
