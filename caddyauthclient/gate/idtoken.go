package gate

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// leeway is by how much the issuer's clock may differ.
	leeway     = 60 * time.Second
	maxIDToken = 8 << 10
	maxSubject = 255 // OpenID Connect Core section 2
)

// verified is an ID token that passed every check.
type verified struct {
	raw      string
	subject  string
	sid      string
	authTime time.Time
	claims   func(any) error
}

// errClock says that the two clocks do not agree.
type errClock struct{ by time.Duration }

func (e *errClock) Error() string {
	return fmt.Sprintf("the ID token was issued %s in the future: the clock of the issuer or of this machine is wrong", e.by.Round(time.Second))
}

// verifyIDToken is OpenID Connect Core section 3.1.3.7. go-oidc checks
// signature, algorithm, issuer, audience and expiry; the rest is here.
func (g *Gate) verifyIDToken(ctx context.Context, is *issuer, token *oauth2.Token, a *attempt) (*verified, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, errors.New("the issuer gave no ID token; is the scope openid allowed for this client?")
	}
	t, err := g.verifySigned(ctx, is, raw)
	if err != nil {
		return nil, err
	}
	var c struct {
		AuthorizedParty *string `json:"azp"`
		SID             string  `json:"sid"`
		AuthTime        int64   `json:"auth_time"`
		Events          any     `json:"events"`
	}
	if err := t.Claims(&c); err != nil {
		return nil, fmt.Errorf("reading the ID token: %w", err)
	}
	now := g.cfg.Now()
	switch {
	case subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(a.nonceText())) != 1:
		return nil, errors.New("the ID token has another nonce: it belongs to another login")
	case t.Subject == "" || len(t.Subject) > maxSubject || !clean(t.Subject):
		return nil, errors.New("the ID token has no usable sub")
	case t.IssuedAt.After(now.Add(leeway)):
		return nil, &errClock{t.IssuedAt.Sub(now)}
	case t.IssuedAt.IsZero() || t.IssuedAt.Unix() <= 0:
		return nil, errors.New("the ID token has no iat")
	case c.AuthorizedParty != nil && *c.AuthorizedParty != g.cfg.ClientID,
		len(t.Audience) > 1 && c.AuthorizedParty == nil:
		return nil, errors.New("the ID token was issued to another client (azp)")
	case c.Events != nil:
		return nil, errors.New("a logout token is not an ID token")
	}
	if t.AccessTokenHash != "" {
		if err := t.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, fmt.Errorf("checking the access token: %w", err)
		}
	}
	v := &verified{raw: raw, subject: t.Subject, authTime: now.UTC(), claims: t.Claims}
	if clean(c.SID) && len(c.SID) <= maxSubject {
		v.sid = c.SID
	}
	if c.AuthTime > 0 && time.Unix(c.AuthTime, 0).Before(now) {
		v.authTime = time.Unix(c.AuthTime, 0).UTC()
	}
	return v, nil
}

// verifySigned is what any ID token must pass that the issuer gave to this gate.
func (g *Gate) verifySigned(ctx context.Context, is *issuer, raw string) (*oidc.IDToken, error) {
	if len(raw) > maxIDToken {
		return nil, fmt.Errorf("the ID token has %d bytes, more than %d", len(raw), maxIDToken)
	}
	err := checkTokenType(raw)
	if err != nil {
		return nil, err
	}
	if is, err = g.issuer.signing(is, raw, issuerPause); err != nil {
		return nil, fmt.Errorf("checking the ID token: %w", err)
	}
	t, err := is.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("checking the ID token: %w", err)
	}
	return t, nil
}

// checkTokenType refuses tokens that the issuer signs with the same key for
// something else (RFC 8725 section 3.11).
func checkTokenType(raw string) error {
	typ, err := tokenType(raw)
	if err != nil {
		return fmt.Errorf("the ID token: %w", err)
	}
	if typ != "" && !strings.EqualFold(typ, "JWT") {
		return fmt.Errorf("a token of type %.40q is not an ID token", typ)
	}
	return nil
}

// tokenType is the typ of a JWT's header.
func tokenType(raw string) (string, error) {
	h, err := headerOf(raw)
	return h.Type, err
}

// tokenHeader is of a JWT what says how to read it (RFC 7515 section 4.1).
type tokenHeader struct {
	Type           string `json:"typ"`
	Algorithm      string `json:"alg"`
	Critical       any    `json:"crit"`
	KeySetURL      any    `json:"jku"`
	Key            any    `json:"jwk"`
	CertificateURL any    `json:"x5u"`
}

// headerOf reads the header of a JWT. Nothing here understands one that is critical,
// nor takes a key from whoever wants to be believed (RFC 8725 section 3.10).
func headerOf(raw string) (h tokenHeader, err error) {
	head, _, _ := strings.Cut(raw, ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil || json.Unmarshal(b, &h) != nil {
		return tokenHeader{}, errors.New("is not a JWT")
	}
	switch {
	case h.Critical != nil:
		return tokenHeader{}, errors.New("has a header that must be understood (crit)")
	case h.KeySetURL != nil || h.Key != nil || h.CertificateURL != nil:
		return tokenHeader{}, errors.New("brings a key of its own (jku, jwk or x5u)")
	}
	return h, nil
}

// expired says whether err is that of a token that came too late.
func expired(err error) bool {
	var e *oidc.TokenExpiredError
	return errors.As(err, &e)
}
