package store

import "time"

// SyncState is what the server knows of a client's mirror. The mirror itself is
// the truth; this is the last that was heard of it, to go on from and to show.
type SyncState struct {
	ClientID string `json:"client_id"`
	// FeedID, View and Seq are what the client last said it stands at.
	FeedID string `json:"feed_id,omitempty"`
	View   string `json:"view,omitempty"`
	Seq    uint64 `json:"seq"`
	// Since is the head of the feed when a client without a mirror was first told
	// of it: whom it does not know of before, it need not forget.
	Since uint64 `json:"since,omitempty"`
	// CurrentAt is when it last had everything there was; of one that never had,
	// when that was first noticed.
	CurrentAt time.Time `json:"current_at,omitzero"`
	// PushedAt is when it last took a batch, PulledAt when it last asked for one.
	PushedAt time.Time `json:"pushed_at,omitzero"`
	PulledAt time.Time `json:"pulled_at,omitzero"`
	// Error is what went wrong since PushedAt, and FailedAt when it last did.
	Error    string    `json:"error,omitempty"`
	FailedAt time.Time `json:"failed_at,omitzero"`
	// LastError is what last went wrong, at LastErrorAt, also where all is well
	// again.
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	// Parked: the client refuses what it is sent, so that only a change of its
	// config or ours can help. It is tried again all the same.
	Parked bool `json:"parked,omitempty"`
	// Resync: the client is to be sent everything anew.
	Resync bool `json:"resync,omitempty"`
}

// SyncStateReader reads what is known of the clients' mirrors.
type SyncStateReader interface {
	// SyncState has only the ClientID for a client nothing is known of.
	SyncState(clientID string) (*SyncState, error)
}

// SyncStateWriter writes it. DeleteClient deletes it.
type SyncStateWriter interface {
	// PutSyncState creates or replaces.
	PutSyncState(*SyncState) error
}
