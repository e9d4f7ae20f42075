package store

import (
	"errors"
	"time"
)

// Family is everything one authorization bought: a code, then access and
// refresh tokens, each made from the one before. It lives and dies as one: when
// a code or refresh token is used twice, somebody stole it, and the family goes
// (RFC 9700 section 4.14).
type Family struct {
	ID       string `json:"id"` // random
	ClientID string `json:"client_id"`
	// UserID is 0 where the client acts for itself (client credentials).
	UserID int64    `json:"user_id"`
	Scopes []string `json:"scopes,omitempty"` // as granted
	// Resources are what access tokens may be for (RFC 8707), as granted; empty
	// means this server.
	Resources []string `json:"resources,omitempty"`
	// Claims is what of the claims parameter of the authorization request (OpenID
	// Connect Core section 5.5) adds to what the scopes give, as JSON.
	Claims string `json:"claims,omitempty"`
	// ACR says how the person proved who they are (acr of OpenID Connect Core
	// section 2).
	ACR string `json:"acr,omitempty"`
	// Methods are by what they did (amr there, RFC 8176); empty for a password alone.
	Methods []string `json:"methods,omitempty"`
	// SID names the session at the server from which it came (OIDC sid).
	SID       string    `json:"sid,omitempty"`
	AuthTime  time.Time `json:"auth_time,omitzero"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// TokenKind is the one door that a token opens.
type TokenKind string

const (
	KindCode    TokenKind = "code"    // authorization code
	KindAccess  TokenKind = "access"  // access token
	KindRefresh TokenKind = "refresh" // refresh token
)

// Token is a code, access token or refresh token.
type Token struct {
	Kind      TokenKind `json:"kind"`
	Hash      Hash      `json:"hash"`
	Family    string    `json:"family"`
	Scopes    []string  `json:"scopes,omitempty"`    // may be narrower than the family's
	Resources []string  `json:"resources,omitempty"` // as may they
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`

	// Of a code only: what it is bound to.
	RedirectURI   string `json:"redirect_uri,omitempty"`
	CodeChallenge string `json:"code_challenge,omitempty"` // S256
	Nonce         string `json:"nonce,omitempty"`
}

// SpentError says that a one-time token was used before.
type SpentError struct {
	Family string // to be killed
}

func (e *SpentError) Error() string { return "already used" }

// ErrSpent is what errors.Is finds in a *SpentError.
var ErrSpent = errors.New("already used")

// Is makes errors.Is(err, ErrSpent) true.
func (e *SpentError) Is(target error) bool { return target == ErrSpent }

// GrantReader reads families and tokens.
type GrantReader interface {
	Family(id string) (*Family, error)
	// Families lists the families of a user; none of user 0, who is nobody.
	Families(userID int64) ([]*Family, error)
	// Token finds a token that was not spent and whose family lives; otherwise
	// ErrNotFound.
	Token(kind TokenKind, hash Hash) (*Token, error)
}

// GrantWriter writes families and tokens.
type GrantWriter interface {
	// PutFamily creates or replaces.
	PutFamily(*Family) error
	// DeleteFamily ends every token of it at once. ErrNotFound if there is none.
	DeleteFamily(id string) error
	// PutToken creates a token; its family must exist, else ErrNotFound.
	PutToken(*Token) error
	// SpendToken takes the token away and returns it. Of any number of parallel
	// transactions exactly one succeeds, and the rest get a *SpentError, which
	// they keep getting, also after a restart, as long as the family lives. A
	// token that never was, or whose family is gone, is ErrNotFound.
	SpendToken(kind TokenKind, hash Hash) (*Token, error)
	// DeleteToken takes one token away without a trace, as revocation of an
	// access token does. ErrNotFound if there is none.
	DeleteToken(kind TokenKind, hash Hash) error
}
