package store

import (
	"encoding/hex"
	"time"
)

// Ticket is a one-time link: setup of the first superuser, and later reset,
// invitation, verification of an address.
type Ticket struct {
	Kind      string    `json:"kind"` // "setup", ...: a ticket opens one door
	Hash      Hash      `json:"hash"`
	UserID    int64     `json:"user_id,omitempty"`
	Data      string    `json:"data,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Name tells the ticket from others of its kind, where people choose among them. It
// is of no use to whoever has not the thing itself.
func (t *Ticket) Name() string { return hex.EncodeToString(t.Hash[:8]) }

// TicketReader reads tickets.
type TicketReader interface {
	// Ticket looks without spending, to show a form.
	Ticket(kind string, hash Hash) (*Ticket, error)
	// Tickets lists up to limit of a kind by their hashes, after that one; also those
	// that expired and were not swept yet.
	Tickets(kind string, after Hash, limit int) ([]*Ticket, error)
}

// TicketWriter writes tickets, and marks of what was used once.
type TicketWriter interface {
	PutTicket(*Ticket) error
	// SpendTicket takes the ticket away and returns it; ErrNotFound if it is
	// already gone. Of any number of parallel transactions one succeeds.
	SpendTicket(kind string, hash Hash) (*Ticket, error)
	// DeleteTickets takes away all of a kind (a new setup link ends the old).
	DeleteTickets(kind string) error
	// MarkUsed remembers until expires that (kind, id), a jti say, was used.
	// ErrSpent if it was before: of parallel transactions one succeeds.
	MarkUsed(kind, id string, expires time.Time) error
}
