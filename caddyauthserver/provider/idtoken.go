package provider

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddyito/caddyito/store"
)

// idTokenClaims are what an ID token says (OpenID Connect Core section 2).
// Claims about the person are in userinfo, but for those that the client asked to
// have here.
type idTokenClaims struct {
	Issuer   string           `json:"iss"`
	Subject  string           `json:"sub"`
	Audience string           `json:"aud"`
	Expiry   *jwt.NumericDate `json:"exp"`
	IssuedAt *jwt.NumericDate `json:"iat"`
	AuthTime *jwt.NumericDate `json:"auth_time,omitempty"`
	Nonce    string           `json:"nonce,omitempty"`
	AtHash   string           `json:"at_hash,omitempty"`
	SID      string           `json:"sid,omitempty"`
	ACR      string           `json:"acr,omitempty"`
	AMR      []string         `json:"amr,omitempty"`

	person map[string]any
}

// MarshalJSON writes the claims about the person after the others, of which none
// has the name of one of them.
func (c *idTokenClaims) MarshalJSON() ([]byte, error) {
	type plain idTokenClaims
	b, err := json.Marshal((*plain)(c))
	if err != nil || len(c.person) == 0 {
		return b, err
	}
	more, err := json.Marshal(c.person)
	if err != nil {
		return nil, err
	}
	b[len(b)-1] = ','
	return append(b, more[1:]...), nil
}

func (c *idTokenClaims) GetExpirationTime() (*jwt.NumericDate, error) { return c.Expiry, nil }
func (c *idTokenClaims) GetIssuedAt() (*jwt.NumericDate, error)       { return c.IssuedAt, nil }
func (c *idTokenClaims) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (c *idTokenClaims) GetIssuer() (string, error)                   { return c.Issuer, nil }
func (c *idTokenClaims) GetSubject() (string, error)                  { return c.Subject, nil }
func (c *idTokenClaims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings{c.Audience}, nil
}

// signIDToken signs the ID token that goes with b.
func (p *Provider) signIDToken(ctx context.Context, b *bought) (string, error) {
	person, err := p.personInIDToken(b)
	if err != nil {
		return "", err
	}
	now, alg := p.now(), cmp.Or(b.client.IDTokenAlg, store.DefaultSigningAlg)
	return p.sign(ctx, alg, idTokenType, &idTokenClaims{
		Issuer: p.Issuer, Subject: strconv.FormatInt(b.family.UserID, 10), Audience: b.family.ClientID,
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(p.accessLifetime(b.client))),
		AuthTime: jwt.NewNumericDate(b.family.AuthTime), Nonce: b.nonce, SID: b.family.SID,
		AtHash: atHash(alg, b.access), ACR: b.family.ACR, AMR: amrOf(b.family), person: person,
	})
}

// idTokenType is the type of an ID token.
const idTokenType = "JWT"

// sign makes a JWT of that type, by the newest key for alg, "" for the default.
func (p *Provider) sign(ctx context.Context, alg, typ string, claims jwt.Claims) (string, error) {
	key, err := p.keys.signer(ctx, alg)
	if err != nil {
		return "", err
	}
	t := jwt.NewWithClaims(jwt.GetSigningMethod(key.alg), claims)
	t.Header["kid"], t.Header["typ"] = key.kid, typ
	return t.SignedString(key.private)
}

// personInIDToken is what the claims parameter asked to have said there of the
// person.
func (p *Provider) personInIDToken(b *bought) (map[string]any, error) {
	if b.family.Claims == "" {
		return nil, nil
	}
	asked, err := askedClaims(b.family, b.client, b.scopes, p.claims)
	if err != nil {
		return nil, err
	}
	person := p.claimsOf(b.user, b.client, func(c claim) bool { return slices.Contains(asked.IDToken, c.name) })
	delete(person, "sub")
	return person, nil
}

// atHash is the left half of the access token's hash, by the hash that alg signs
// with (OpenID Connect Core section 3.1.3.6). Ed25519 signs with SHA-512.
func atHash(alg, access string) string {
	if alg == "EdDSA" {
		sum := sha512.Sum512([]byte(access))
		return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	}
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// maxJWT is the longest JWT that is looked at, in bytes.
const maxJWT = 8 << 10

// hintSkew is how far clocks of nodes may be apart.
const hintSkew = time.Minute

// errBadHint says that an id_token_hint is not an ID token that this server
// signed.
var errBadHint = errors.New("not an ID token of this server")

// errBadJWT says that a JWT is not one that this server signed.
var errBadJWT = errors.New("not a JWT of this server")

// parseHint reads an id_token_hint. It may have expired (RP-Initiated Logout
// section 2): it says who the client thinks is signed in, and proves nothing
// but that we once said so.
func (p *Provider) parseHint(ctx context.Context, raw string) (*idTokenClaims, error) {
	claims := new(idTokenClaims)
	err := p.parseOwn(ctx, raw, idTokenType, claims)
	if err != nil && !errors.Is(err, errBadJWT) {
		return nil, fmt.Errorf("checking id_token_hint: %w", err)
	}
	if err != nil || claims.Issuer != p.Issuer || claims.Audience == "" || claims.Subject == "" ||
		claims.Expiry == nil || claims.IssuedAt == nil || claims.IssuedAt.After(p.now().Add(hintSkew)) {
		return nil, errBadHint
	}
	return claims, nil
}

// parseOwn reads a JWT of one type that this server signed, by any key it still
// has. Its times are for the caller to check. errBadJWT is of the JWT; any other
// error is ours.
func (p *Provider) parseOwn(ctx context.Context, raw, typ string, claims jwt.Claims) error {
	if len(raw) > maxJWT {
		return errBadJWT
	}
	var failed error
	parser := jwt.NewParser(jwt.WithValidMethods(store.SigningAlgs()), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(raw, claims, func(t *jwt.Token) (any, error) {
		for _, name := range []string{"crit", "jku", "jwk", "x5u", "x5c", "b64"} {
			if _, ok := t.Header[name]; ok {
				return nil, errBadJWT
			}
		}
		kid, _ := t.Header["kid"].(string)
		if t.Header["typ"] != typ || kid == "" {
			return nil, errBadJWT
		}
		key, err := p.keys.byKID(ctx, kid)
		if err != nil {
			failed = err
			return nil, err
		}
		if key == nil || t.Method.Alg() != key.alg {
			return nil, errBadJWT
		}
		return key.private.Public(), nil
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return errBadJWT
	}
	return nil
}
