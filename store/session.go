package store

import (
	"encoding/hex"
	"time"
)

// ServerRealm is the realm of sessions at the server; those of a gate have the
// name of its mirror.
const ServerRealm = "server"

// Session is a browser that signed in, at the server or at a gate.
type Session struct {
	Realm string `json:"realm"`
	// Hash is of the id in the cookie.
	Hash Hash `json:"hash"`
	// Subject is who: at the server the user's ID in decimal, at a gate the
	// issuer's sub.
	Subject string `json:"subject"`
	// SID is the public name of the session at the server (OIDC sid). A gate
	// keeps that of the server's session from which it came.
	SID string `json:"sid,omitempty"`
	// IDToken is kept by a gate to end the session at the server later
	// (id_token_hint).
	IDToken string `json:"id_token,omitempty"`
	// Tokens are those that a gate keeps for its app, sealed by the gate under the
	// id in the cookie, so that nobody opens them who has the store and all keys.
	Tokens []byte `json:"tokens,omitempty"`

	// Remember: the browser keeps it when it closes. Of the server's sessions only.
	Remember bool `json:"remember,omitempty"`

	CreatedAt time.Time `json:"created_at"`
	// AuthTime is when the person last proved who they are.
	AuthTime time.Time `json:"auth_time"`
	// Methods are by what they did, at the server (RFC 8176); empty for a password
	// alone.
	Methods []string `json:"methods,omitempty"`
	// FactorTime is when they last gave a second factor; zero if they did not.
	FactorTime time.Time `json:"factor_time,omitzero"`
	// LastSeen is kept roughly: it is written when it is stale, not per request.
	LastSeen time.Time `json:"last_seen"`
	// IdleExpiresAt moves with use; ExpiresAt does not.
	IdleExpiresAt time.Time `json:"idle_expires_at"`
	ExpiresAt     time.Time `json:"expires_at"`

	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
}

// Name names the session to people: by the beginning of the hash, from which nobody
// gets to the id.
func (s *Session) Name() string { return hex.EncodeToString(s.Hash[:8]) }

// Live says whether the session is within both its limits.
func (s *Session) Live(now time.Time) bool {
	return now.Before(s.IdleExpiresAt) && now.Before(s.ExpiresAt)
}

// SessionReader reads sessions.
type SessionReader interface {
	Session(realm string, hash Hash) (*Session, error)
	// SessionsOf lists the sessions of a subject, newest first.
	SessionsOf(realm, subject string) ([]*Session, error)
	// SessionsBySID lists the sessions with that sid.
	SessionsBySID(realm, sid string) ([]*Session, error)
	// CountSessions counts those of a realm, up to limit; also those that expired
	// and are yet to be swept.
	CountSessions(realm string, limit int) (int, error)
}

// SessionWriter writes sessions.
type SessionWriter interface {
	// PutSession creates or replaces.
	PutSession(*Session) error
	// TouchSession moves LastSeen and IdleExpiresAt forward, never back.
	// ErrNotFound if the session is gone: a touch does not bring it back.
	TouchSession(realm string, hash Hash, lastSeen, idleExpiresAt time.Time) error
	// DeleteSession ends it. ErrNotFound if it is already gone.
	DeleteSession(realm string, hash Hash) error
	// DeleteSessionsOf ends all sessions of a subject but keep (which may be
	// the zero Hash) and says how many.
	DeleteSessionsOf(realm, subject string, keep Hash) (int, error)
}
