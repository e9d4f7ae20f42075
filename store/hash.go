package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// Hash is the SHA-256 of a token, code or session id. A store never holds the
// thing itself, so a stolen database signs nobody in.
type Hash [sha256.Size]byte

// HashOf is the form under which a store keeps s.
func HashOf(s string) Hash { return sha256.Sum256([]byte(s)) }

// NewSecret returns 32 random bytes in base64url without padding, 43
// characters: the form of every token, code, session id and secret made here.
func NewSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
