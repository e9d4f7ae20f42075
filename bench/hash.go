package main

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/internal/password"
)

func init() {
	caddy.RegisterModule(hashStub{})
	httpcaddyfile.RegisterHandlerDirective("bench_hash", parseHashStub)
	httpcaddyfile.RegisterDirectiveOrder("bench_hash", httpcaddyfile.Before, "basic_auth")
}

// hashStub is what a login cannot cost less than: it checks a password, and that is
// all. It stands in the Caddy of a server, and is asked by as many clients as that,
// so that the hash has the same caches, the same collector of garbage and the same
// others on its cores. Without those, a hash is quicker than any that is asked for.
type hashStub struct{}

func (hashStub) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bench_hash", New: func() caddy.Module { return new(hashStub) }}
}

var hasher = password.New(password.Params{})

// passwordHash is made once: that takes long.
var passwordHash = sync.OnceValues(func() (string, error) { return hasher.Hash(context.Background(), userPassword) })

func (hashStub) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	encoded, err := passwordHash()
	if err != nil {
		return err
	}
	ok, _, err := hasher.Verify(r.Context(), encoded, userPassword)
	if err == nil && !ok {
		err = errors.New("the right password is wrong")
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// parseHashStub reads: bench_hash
func parseHashStub(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	if h.NextArg() {
		return nil, h.ArgErr()
	}
	return new(hashStub), nil
}

var _ caddyhttp.MiddlewareHandler = (*hashStub)(nil)
