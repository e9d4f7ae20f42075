package caddyauthserver

import (
	"context"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// checkKeyLifetime says what is wrong with how long a key signs; 0 is the
// default.
func checkKeyLifetime(d caddy.Duration) error {
	if d != 0 && time.Duration(d) < provider.MinSigningKeyLifetime {
		return fmt.Errorf("signing_key_lifetime %s: must be at least %s, since the next key is published before it signs", time.Duration(d), provider.MinSigningKeyLifetime)
	}
	return nil
}

// RotateKeys has every signing key in use replaced, for the admin API.
func (s *Server) RotateKeys(ctx context.Context, by store.AuditOrigin) ([]authapp.SigningKey, error) {
	keys, err := s.provider.Load().RotateKeys(ctx, by)
	shown := make([]authapp.SigningKey, len(keys))
	for i, k := range keys {
		shown[i] = authapp.SigningKey{KID: k.KID, Alg: k.Alg, CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt}
	}
	return shown, err
}
