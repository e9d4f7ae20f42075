package store

import "time"

// Consent is a person's yes to a client's scopes.
type Consent struct {
	UserID    int64     `json:"user_id"`
	ClientID  string    `json:"client_id"`
	Scopes    []string  `json:"scopes"` // all that was ever agreed to
	GrantedAt time.Time `json:"granted_at"`
}

// ConsentReader reads consents.
type ConsentReader interface {
	Consent(userID int64, clientID string) (*Consent, error)
	// Consents lists those of a user, by client ID.
	Consents(userID int64) ([]*Consent, error)
}

// ConsentWriter writes consents.
type ConsentWriter interface {
	// PutConsent creates or replaces.
	PutConsent(*Consent) error
	// DeleteConsent returns ErrNotFound if there is none.
	DeleteConsent(userID int64, clientID string) error
}
