package gate

import (
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Config is what a Gate is made of.
type Config struct {
	// Name tells this gate from others that share the store: its mirror, the
	// realm of its sessions, and part of its cookies' names.
	Name string

	// Issuer of the OpenID provider, exactly as it names itself.
	Issuer string
	// ClientID and ClientSecret at the issuer. An empty secret: a public client.
	ClientID, ClientSecret string
	// Enrolled: they came of a token in the config, not from the config itself.
	Enrolled bool
	// Pending: they are not known yet. Then only public paths are open.
	Pending bool
	// Origins are those under which people reach the gate:
	// "https://wiki.example.com". A request for another host is refused.
	Origins []string
	// Prefix of the gate's own paths. Default "/oidc".
	Prefix string
	// Scopes asked for. Default: openid profile email groups, and read where
	// the issuer's metadata names it (the whole profile).
	Scopes []string
	// FormPost has the issuer answer by a form that the browser posts, not in the
	// query (OAuth 2.0 Form Post Response Mode). Default false: in the query.
	FormPost bool

	// Public paths need no session: exact, or ending in "*" for everything that
	// begins so. Case matters. A path that could be read in two ways (an encoded
	// slash, dot segments, ...) is never public.
	Public []string
	// Allow says who may pass. Empty: everyone who signed in.
	Allow []Rule
	// Headers are set for the upstream. Default DefaultHeaders.
	Headers []Header
	// Authorization says what happens to a request's own Authorization header:
	// "pass" (default) or "strip".
	Authorization string

	// SessionIdle and SessionAbsolute limit a session: unused, and in all.
	// Defaults 24 hours and 7 days.
	SessionIdle, SessionAbsolute time.Duration
	// Offline is how long people are let in after the server last vouched for the
	// mirror. It needs a server that syncs, and MinOffline at least. Default 0:
	// until their sessions end.
	Offline time.Duration
	// OnDelete says what stays in the mirror of a user whom the server deletes.
	// Default usersync.DisableDeleted.
	OnDelete usersync.OnDelete
	// Directory lets the app read the mirror. Default nil: it cannot.
	Directory *Directory
	// KeepTokens keeps the tokens of a login for the app (Tokens), instead of ending
	// them at the issuer. The access token is renewed as long as the session lasts.
	KeepTokens bool
	// CacheSize is how many sessions (and users) are held in memory. Default
	// 131,072. More exist in the store, and cost a read each.
	CacheSize int

	Store store.Store
	// Key seals logins under way. It must stay the same across restarts.
	Key [32]byte
	// Transport reaches the issuer. Default http.DefaultTransport.
	Transport http.RoundTripper
	// Brand is how the gate's own pages look.
	Brand webpage.Brand

	// ClientIP is the address of the person, minding trusted proxies. Default:
	// the peer's address.
	ClientIP func(*http.Request) string
	// Scheme by which the person came, "http" or "https", minding trusted
	// proxies. Default: whether the connection is TLS.
	Scheme func(*http.Request) string
	// OriginalURL is the URL the person asked for, before it was rewritten.
	// Default: the request's.
	OriginalURL func(*http.Request) *url.URL

	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Header is an identity header: its name, and where its value comes from: a
// field of the user as in placeholders ("username", "company.name").
type Header struct {
	Name  string `json:"name"`
	Field string `json:"field"`
}

// DefaultHeaders are what most software that takes its user from a header reads.
func DefaultHeaders() []Header {
	return []Header{
		{"Remote-User", "username"},
		{"Remote-Email", "email"},
		{"Remote-Name", "name"},
		{"Remote-Groups", "groups"},
	}
}

// Rule lets people pass. All of its conditions must hold; of each list, one
// value is enough. When rules with Paths match a request's path, one of those
// rules must allow it; otherwise one of the rules without Paths must, if there
// are any.
type Rule struct {
	// Paths as in Public: exact, or ending in "*" for everything that begins so.
	// Case does not matter here, nor a slash at the end: "/admin/*" guards
	// "/Admin" too.
	Paths []string `json:"paths,omitempty"`
	// Users by username, ignoring case.
	Users []string `json:"users,omitempty"`
	// Groups the user is in.
	Groups []string `json:"groups,omitempty"`
	// Fields by name, also into relations ("company.name"), to the values that
	// are allowed.
	Fields map[string][]string `json:"fields,omitempty"`
}
