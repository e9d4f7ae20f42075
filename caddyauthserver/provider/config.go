package provider

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
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

	// Brand is how pages look.
	Brand webpage.Brand

	// CodeLifetime is how long a code can be redeemed. Default 60 s.
	CodeLifetime time.Duration
	// AccessTokenLifetime. Default 10 minutes.
	AccessTokenLifetime time.Duration
	// RefreshTokenLifetime is how long a family can be refreshed without being
	// used. Default 30 days.
	RefreshTokenLifetime time.Duration
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
}
