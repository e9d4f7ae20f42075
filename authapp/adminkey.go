package authapp

import (
	"context"
	"net/http"
	"time"

	"github.com/caddyito/caddyito/store"
)

// KeyServer is a server that signs.
type KeyServer interface {
	// RotateKeys makes a successor of every signing key in use and lists all keys.
	RotateKeys(context.Context, store.AuditOrigin) ([]SigningKey, error)
}

// SigningKey is a key that signs ID tokens, without the key.
type SigningKey struct {
	KID       string    `json:"kid"`
	Alg       string    `json:"alg"`
	CreatedAt time.Time `json:"created_at"`
	// ActiveAt is when it begins to sign; it is published before.
	ActiveAt time.Time `json:"active_at"`
}

// keyPage lists keys, oldest first.
type keyPage struct {
	Keys []SigningKey `json:"keys"`
}

func (api *adminAPI) keyRoutes() {
	api.handleKept("POST /auth/keys/rotate", api.rotateKeys)
}

// rotateKeys asks one server: the keys belong to the store, which all share.
func (api *adminAPI) rotateKeys(a *App, r *http.Request) (any, error) {
	for _, s := range a.servers {
		if s, ok := s.(KeyServer); ok {
			keys, err := s.RotateKeys(r.Context(), byOperator())
			if err != nil {
				return nil, err
			}
			return keyPage{keys}, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "the Caddy that runs here has no auth_server, so there are no keys")
}
