package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddyito/caddyito/store"
)

// An access token is 256 random bits, or for a client that is set to it a JWT that
// APIs can read by themselves (RFC 9068). The JWT's jti are those bits then. Either
// is in the store, so both can be revoked and asked about here; a JWT not under the
// hash of its jti, which APIs write into their logs, but under a MAC of it, so that
// the jti alone opens nothing.

// accessTokenType is the type of such a JWT (RFC 9068 section 2.1).
const accessTokenType = "at+jwt"

// accessHash is what an access token of client c is kept under.
func (p *Provider) accessHash(c *client, secret string) store.Hash {
	if c.AccessTokenFormat == store.AccessTokenJWT {
		return p.jtiHash(secret)
	}
	return store.HashOf(secret)
}

func (p *Provider) jtiHash(jti string) (h store.Hash) {
	mac := hmac.New(sha256.New, p.jtiKey[:])
	mac.Write([]byte(jti))
	copy(h[:], mac.Sum(nil))
	return h
}

// shownAccess is what an access token that is shown here is kept under, whatever its
// client is set to by now.
func (p *Provider) shownAccess(ctx context.Context, token string) (store.Hash, error) {
	if strings.Count(token, ".") != 2 {
		return store.HashOf(token), nil
	}
	claims := new(accessTokenClaims)
	err := p.parseOwn(ctx, token, accessTokenType, claims)
	if errors.Is(err, errBadJWT) || err == nil && (claims.Issuer != p.Issuer || claims.ID == "") {
		return store.HashOf(token), nil // under which there is nothing
	}
	return p.jtiHash(claims.ID), err
}

// shownToken is what a token of unknown kind is kept under.
func (p *Provider) shownToken(ctx context.Context, token string) (iter.Seq2[store.TokenKind, store.Hash], error) {
	access, err := p.shownAccess(ctx, token)
	if err != nil {
		return nil, err
	}
	return func(yield func(store.TokenKind, store.Hash) bool) {
		_ = yield(store.KindRefresh, store.HashOf(token)) && yield(store.KindAccess, access)
	}, nil
}

// isFor says whether a token is meant for this server, and not only for APIs.
func (p *Provider) isFor(t *store.Token) bool {
	return len(t.Resources) == 0 || slices.Contains(t.Resources, p.Issuer)
}

// accessTokenClaims are those of RFC 9068 section 2.2.
type accessTokenClaims struct {
	jwt.RegisteredClaims
	ClientID string           `json:"client_id"`
	Scope    string           `json:"scope,omitempty"`
	AuthTime *jwt.NumericDate `json:"auth_time,omitempty"`
	ACR      string           `json:"acr,omitempty"`
	Groups   []string         `json:"groups,omitempty"`
}

// signAccessToken is the JWT that goes out in the place of b.access.
func (p *Provider) signAccessToken(ctx context.Context, b *bought) (string, error) {
	claims := &accessTokenClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: p.Issuer, Subject: subjectOf(b.family), Audience: b.resources, ID: b.access,
			IssuedAt: jwt.NewNumericDate(p.now()), ExpiresAt: jwt.NewNumericDate(p.accessEnd(b)),
		},
		ClientID: b.family.ClientID, Scope: strings.Join(b.scopes, " "), ACR: b.family.ACR,
	}
	if len(b.resources) == 0 {
		claims.Audience = jwt.ClaimStrings{p.Issuer}
	}
	if !b.family.AuthTime.IsZero() {
		claims.AuthTime = jwt.NewNumericDate(b.family.AuthTime)
	}
	if b.user != nil && slices.Contains(b.scopes, "groups") {
		claims.Groups = b.user.Groups
	}
	return p.sign(ctx, b.client.IDTokenAlg, accessTokenType, claims)
}

// subjectOf is the sub of what a family bought: the user's id, or the client's where
// it acts for itself (RFC 9068 section 2.2). No user has such an id unless the client
// was called by a number, which is said with "client:" in front.
func subjectOf(f *store.Family) string {
	if f.UserID != 0 {
		return strconv.FormatInt(f.UserID, 10)
	}
	if _, err := strconv.ParseUint(f.ClientID, 10, 64); err == nil {
		return "client:" + f.ClientID
	}
	return f.ClientID
}
