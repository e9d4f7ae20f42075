package caddyauthserver

import (
	"context"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/store"
)

// RotateKeys has every signing key in use replaced, for the admin API.
func (s *Server) RotateKeys(ctx context.Context, by store.AuditOrigin) ([]authapp.SigningKey, error) {
	keys, err := s.provider.Load().RotateKeys(ctx, by)
	shown := make([]authapp.SigningKey, len(keys))
	for i, k := range keys {
		shown[i] = authapp.SigningKey{KID: k.KID, Alg: k.Alg, CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt}
	}
	return shown, err
}
