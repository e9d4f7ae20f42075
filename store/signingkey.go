package store

import (
	"slices"
	"strings"
	"time"
)

// DefaultSigningAlg is what every OpenID client understands (OpenID Connect Core
// section 15.1).
const DefaultSigningAlg = "RS256"

// SigningAlgs are the algorithms of signing keys (RFC 7518, RFC 8037), the
// default first.
func SigningAlgs() []string { return []string{DefaultSigningAlg, "ES256", "EdDSA"} }

// CheckSigningAlg says what is wrong with an algorithm; none is fine.
func CheckSigningAlg(alg string) error {
	if alg == "" || slices.Contains(SigningAlgs(), alg) {
		return nil
	}
	return Mistakef("id_token_signed_response_alg is one of %s, not %q", strings.Join(SigningAlgs(), ", "), alg)
}

// SigningKey signs what the server says (ID tokens). Its public half is
// published before it signs and as long as anything it signed may be shown.
type SigningKey struct {
	KID string `json:"kid"`
	Alg string `json:"alg"` // "RS256", "ES256", "EdDSA" (RFC 7518)
	// Sealed is the PKCS #8 private key, sealed with SigningKeyPurpose.
	Sealed    []byte    `json:"sealed"`
	CreatedAt time.Time `json:"created_at"`
	// ActiveAt is when it begins to sign.
	ActiveAt time.Time `json:"active_at"`
	// RetiredAt is when it stopped signing; zero while it signs.
	RetiredAt time.Time `json:"retired_at,omitzero"`
}

// SigningKeyPurpose is the purpose under which a signing key is sealed.
func SigningKeyPurpose(kid string) string { return "signing-key/" + kid }

// SigningKeyReader reads signing keys.
type SigningKeyReader interface {
	// SigningKeys lists all, oldest first.
	SigningKeys() ([]*SigningKey, error)
}

// SigningKeyWriter writes signing keys.
type SigningKeyWriter interface {
	// PutSigningKey creates or replaces.
	PutSigningKey(*SigningKey) error
	// DeleteSigningKey returns ErrNotFound if there is none.
	DeleteSigningKey(kid string) error
}
