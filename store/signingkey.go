package store

import "time"

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
