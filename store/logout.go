package store

import "time"

// SignIn is that a client was told of a session at the server. When the session
// ends, the client is told that too (OpenID Connect Back-Channel Logout 1.0).
type SignIn struct {
	Subject  string // the user's ID in decimal
	SID      string // of the session at the server
	ClientID string
	Issuer   string // as which the server told it
	// ExpiresAt is when the session is over at the latest, also at the client.
	ExpiresAt time.Time
}

// Logout is that a client is yet to be told that a session is over. It is kept
// until the client took it, or refused it for good.
type Logout struct {
	// ID orders the logouts of a client; 0 for a new one, which is given the next.
	ID        uint64    `json:"id"`
	ClientID  string    `json:"client_id"`
	Issuer    string    `json:"issuer"`
	Subject   string    `json:"subject"`
	SID       string    `json:"sid"`
	CreatedAt time.Time `json:"created_at"`
	// Refused is how often the client refused it, and NextAt when to try again.
	Refused int       `json:"refused,omitempty"`
	NextAt  time.Time `json:"next_at,omitzero"`
}

// LogoutReader reads sign-ins and logouts.
type LogoutReader interface {
	// SignIns lists where a subject signed in, by SID and client, but not at
	// clients that were deleted since, also where another has got the ID.
	SignIns(subject string) ([]*SignIn, error)
	// LogoutClients lists the clients that have logouts, by ID.
	LogoutClients() ([]string, error)
	// Logouts lists up to limit logouts of a client with an ID greater than
	// after, by ID.
	Logouts(clientID string, after uint64, limit int) ([]*Logout, error)
}

// LogoutWriter writes sign-ins and logouts.
type LogoutWriter interface {
	// PutSignIn creates or replaces that of the same Subject, SID and ClientID.
	PutSignIn(*SignIn) error
	// DeleteSignIn returns ErrNotFound if there is none.
	DeleteSignIn(subject, sid, clientID string) error
	// PutLogout creates l (ID 0: the next is set in it) or replaces the one of
	// that ClientID and ID. DeleteClient deletes those of the client.
	PutLogout(l *Logout) error
	// DeleteLogout returns ErrNotFound if there is none.
	DeleteLogout(clientID string, id uint64) error
}

// QueueLogouts has the clients told of the end of those sessions of a subject
// that over names, and of none twice. It belongs into the transaction that
// ends them.
func QueueLogouts(tx interface {
	LogoutReader
	LogoutWriter
}, subject string, over func(*SignIn) bool, now time.Time) error {
	signIns, err := tx.SignIns(subject)
	if err != nil {
		return err
	}
	for _, s := range signIns {
		if !over(s) {
			continue
		}
		if err := tx.DeleteSignIn(s.Subject, s.SID, s.ClientID); err != nil {
			return err
		}
		if !now.Before(s.ExpiresAt) {
			continue
		}
		if err := tx.PutLogout(&Logout{
			ClientID: s.ClientID, Issuer: s.Issuer, Subject: s.Subject, SID: s.SID, CreatedAt: now,
		}); err != nil {
			return err
		}
	}
	return nil
}
