package provider

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyito/caddyito/internal/ownprefix"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Config is what a Provider is made of.
type Config struct {
	// Issuer is the origin of the server, without a trailing slash:
	// "https://auth.example.com". Every URL the provider says begins with it;
	// none is ever derived from a request's Host.
	Issuer string
	// Prefix of the provider's own paths. Default "/o".
	Prefix string

	Store     store.Store
	MasterKey store.MasterKey
	// Schema of users and objects. Default store.DefaultSchema().
	Schema *store.Schema

	// StaticClient finds a client that is not in the store: one of the
	// Caddyfile, or a gate in this process. It goes before the store. May be nil.
	StaticClient func(id string) (*StaticClient, bool)

	// StaticClients lists them, for those that are told of changes. May be nil.
	StaticClients func() []*StaticClient
	// SyncTransport reaches clients that are told of changes and of logouts. Default
	// usersync.Transport().
	SyncTransport http.RoundTripper

	// Mailer sends links to people who forgot their password. nil: nobody is sent
	// one, but where the issuer is this machine (localhost, say), mail is written to
	// Logger.
	Mailer Mailer
	// Breached are passwords that nobody may choose. nil: none.
	Breached *password.Breached
	// PlainHosts may be told of changes and logouts over http.
	PlainHosts []string
	// Registration lets software register itself as a client, with an initial
	// access token that an administrator made (RFC 7591). Default: false.
	Registration bool

	// SecondFactor says who must have a second factor. Default: nobody.
	SecondFactor SecondFactorPolicy

	// Realms are those of the gates in this process, whose sessions end with those of
	// the server when somebody is disabled. May be nil.
	Realms func() []string

	// Brand is how pages look.
	Brand webpage.Brand
	// Templates is a folder of an operator's own templates. Default: none.
	Templates string

	// CodeLifetime is how long a code can be redeemed. Default 60 s.
	CodeLifetime time.Duration
	// AccessTokenLifetime, up to 30 days. Default 10 minutes.
	AccessTokenLifetime time.Duration
	// RefreshTokenLifetime is how long a family can be refreshed without being
	// used. Default 30 days.
	RefreshTokenLifetime time.Duration
	// RefreshGrace is how long a refresh token that was spent gets the same
	// successor again, as long as that was not used. Default 10 s; below 0: not at
	// all.
	RefreshGrace time.Duration
	// SigningKeyLifetime is how long a key signs before the next does. Default 90
	// days.
	SigningKeyLifetime time.Duration
	// SessionIdle and SessionAbsolute limit a session at the server: unused,
	// and in all. Defaults 24 hours and 30 days.
	SessionIdle, SessionAbsolute time.Duration

	// ClientIP is the address of the person, minding trusted proxies. Default:
	// the peer's address.
	ClientIP func(*http.Request) string

	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// StaticClient is a client that is configured rather than stored.
type StaticClient struct {
	store.Client
	// Secret in the clear; empty for a public client.
	Secret string
	// HomeURL is where people begin to use it, which their page leads to. Default:
	// not known.
	HomeURL string
}

// MaxRefreshGrace is how long at the most a spent refresh token is excused: so
// long a thief could use one too.
const MaxRefreshGrace = time.Minute

// Default lifetimes and prefix.
const (
	DefaultPrefix               = "/o"
	DefaultCodeLifetime         = 60 * time.Second
	DefaultAccessTokenLifetime  = 10 * time.Minute
	DefaultRefreshTokenLifetime = 30 * 24 * time.Hour
	DefaultRefreshGrace         = 10 * time.Second
	DefaultSigningKeyLifetime   = 90 * 24 * time.Hour
	DefaultSessionIdle          = 24 * time.Hour
	DefaultSessionAbsolute      = 30 * 24 * time.Hour
)

// complete fills in defaults and says what is wrong.
func (c *Config) complete() error {
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return fmt.Errorf("issuer %q: must be an origin as in https://auth.example.com", c.Issuer)
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.HasSuffix(c.Issuer, "?") || strings.HasSuffix(c.Issuer, "#"):
		return fmt.Errorf("issuer %q: must be an origin only, without path, query, user or trailing slash", c.Issuer)
	}
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if err := ownprefix.Check(c.Prefix); err != nil {
		return err
	}
	if c.Store == nil {
		return errors.New("a provider needs a store")
	}
	if c.MasterKey == (store.MasterKey{}) {
		return errors.New("a provider needs a master key")
	}
	if c.Schema == nil {
		c.Schema = store.DefaultSchema()
	}
	if err := c.Schema.Check(); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		unset time.Duration
	}{
		{"code lifetime", &c.CodeLifetime, DefaultCodeLifetime},
		{"access token lifetime", &c.AccessTokenLifetime, DefaultAccessTokenLifetime},
		{"refresh token lifetime", &c.RefreshTokenLifetime, DefaultRefreshTokenLifetime},
		{"signing key lifetime", &c.SigningKeyLifetime, DefaultSigningKeyLifetime},
		{"session idle limit", &c.SessionIdle, DefaultSessionIdle},
		{"session absolute limit", &c.SessionAbsolute, DefaultSessionAbsolute},
	} {
		if *d.value == 0 {
			*d.value = d.unset
		}
		if *d.value < time.Second {
			return fmt.Errorf("%s %s: must be at least a second", d.name, *d.value)
		}
	}
	if c.SigningKeyLifetime < MinSigningKeyLifetime {
		return fmt.Errorf("signing key lifetime %s: must be at least %s", c.SigningKeyLifetime, MinSigningKeyLifetime)
	}
	if err := store.CheckAccessTokenLifetime(store.Duration(c.AccessTokenLifetime)); err != nil {
		return err
	}
	if c.RefreshGrace == 0 {
		c.RefreshGrace = DefaultRefreshGrace
	}
	if c.RefreshGrace > MaxRefreshGrace {
		return fmt.Errorf("refresh grace %s: must be at most %s", c.RefreshGrace, MaxRefreshGrace)
	}
	if c.ClientIP == nil {
		c.ClientIP = func(r *http.Request) string {
			host, _, err := net.SplitHostPort(r.RemoteAddr)
			if err != nil {
				return r.RemoteAddr
			}
			return host
		}
	}
	if c.SyncTransport == nil {
		c.SyncTransport = usersync.Transport()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.mailInLog(u)
	return nil
}
