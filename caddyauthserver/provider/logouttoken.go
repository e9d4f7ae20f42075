package provider

import (
	"context"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddyito/caddyito/store"
)

// The type and the event of a logout token (OpenID Connect Back-Channel Logout
// 1.0 section 2.4).
const (
	logoutTokenType = "logout+jwt"
	logoutEvent     = "http://schemas.openid.net/event/backchannel-logout"
)

// logoutTokenLifetime is short, since every attempt has a token of its own.
const logoutTokenLifetime = 2 * time.Minute

// signLogoutToken says to a client that a session is over, signed as its ID tokens
// are (section 2.4).
func (p *Provider) signLogoutToken(ctx context.Context, c *client, l *store.Logout) (string, error) {
	now := p.now()
	return p.sign(ctx, c.IDTokenAlg, logoutTokenType, jwt.MapClaims{
		"iss": l.Issuer, "sub": l.Subject, "aud": l.ClientID, "sid": l.SID, "jti": store.NewSecret(),
		"iat": now.Unix(), "exp": now.Add(logoutTokenLifetime).Unix(),
		"events": map[string]any{logoutEvent: struct{}{}},
	})
}
