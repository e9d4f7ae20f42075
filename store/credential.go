package store

import "time"

// Credential is what a user proves to be themself with. It is apart from User
// so that it cannot travel with it.
type Credential struct {
	UserID int64 `json:"user_id"`
	// PasswordHash is in PHC string format ("$argon2id$..."), or
	// "pbkdf2_sha256$..." as imported. Empty: no password, cannot sign in by one.
	PasswordHash      string    `json:"password_hash,omitempty"`
	PasswordChangedAt time.Time `json:"password_changed_at,omitzero"`
}

// CredentialReader reads credentials.
type CredentialReader interface {
	// Credential returns ErrNotFound for a user who never had one.
	Credential(userID int64) (*Credential, error)
}

// CredentialWriter writes credentials. They are not part of the feed.
type CredentialWriter interface {
	// PutCredential creates or replaces.
	PutCredential(*Credential) error
}
