package main

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(stub{})
	httpcaddyfile.RegisterHandlerDirective("bench_stub", parseStub)
	httpcaddyfile.RegisterDirectiveOrder("bench_stub", httpcaddyfile.Before, "basic_auth")
}

// stub is the limit of what a gate could cost: it looks a session up in a map,
// and that is all. No hash, no expiry, no user, no rules, no revoking, and no
// cleaning of what a client sends.
type stub struct {
	Cookie  string `json:"cookie"`
	Session string `json:"session"`
	// Headers: set three that tell the upstream who it is.
	Headers bool `json:"headers"`

	users map[string]stubUser // by session
}

type stubUser struct{ username, email, name string }

func (stub) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bench_stub", New: func() caddy.Module { return new(stub) }}
}

func (s *stub) Provision(caddy.Context) error {
	s.users = map[string]stubUser{s.Session: {"user1", "user1@example.com", "User Number 1"}}
	return nil
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	c, err := r.Cookie(s.Cookie)
	if err != nil {
		return caddyhttp.Error(http.StatusUnauthorized, err)
	}
	user, ok := s.users[c.Value]
	if !ok {
		return caddyhttp.Error(http.StatusUnauthorized, nil)
	}
	if s.Headers {
		r.Header.Set("Remote-User", user.username)
		r.Header.Set("Remote-Email", user.email)
		r.Header.Set("Remote-Name", user.name)
	}
	return next.ServeHTTP(w, r)
}

// parseStub reads: bench_stub <cookie> <session> [headers]
func parseStub(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	args := h.RemainingArgs()
	if len(args) < 2 || len(args) > 3 || len(args) == 3 && args[2] != "headers" {
		return nil, h.ArgErr()
	}
	return &stub{Cookie: args[0], Session: args[1], Headers: len(args) == 3}, nil
}

var (
	_ caddy.Provisioner           = (*stub)(nil)
	_ caddyhttp.MiddlewareHandler = (*stub)(nil)
)
