package usersync

import (
	"cmp"
	"time"

	"github.com/caddyito/caddyito/store"
)

// Status is how far the mirrors of clients are.
type Status struct {
	Feed    string          `json:"feed"`
	Head    uint64          `json:"head"`
	Clients []*ClientStatus `json:"clients"`
}

// ClientStatus is how far one is.
type ClientStatus struct {
	ClientID string `json:"client_id"`
	Name     string `json:"name,omitempty"`
	URL      string `json:"url"`
	Seq      uint64 `json:"seq"`
	// Lag is how many changes the mirror has yet to take, at the most;
	// LagSeconds how long ago it last had everything, if there are any.
	Lag        uint64    `json:"lag"`
	LagSeconds int64     `json:"lag_seconds"`
	CurrentAt  time.Time `json:"current_at,omitzero"`
	PushedAt   time.Time `json:"pushed_at,omitzero"`
	PulledAt   time.Time `json:"pulled_at,omitzero"`
	Error      string    `json:"error,omitempty"`
	FailedAt   time.Time `json:"failed_at,omitzero"`
	// LastSuccess is the later of PushedAt and PulledAt; LastError what last went
	// wrong, also where all is well again.
	LastSuccess time.Time `json:"last_success_at,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	Parked      bool      `json:"parked"`
	Resync      bool      `json:"resync"`
}

// Target is a client that is told of changes, and where.
type Target struct {
	ClientID string
	Name     string // by which people know it; may be empty
	URL      string
}

// ReadStatus reads how far the targets are.
func ReadStatus(tx interface {
	store.FeedReader
	store.SyncStateReader
}, targets []Target, now time.Time) (*Status, error) {
	feed, err := tx.Feed()
	if err != nil {
		return nil, err
	}
	v := &Status{Feed: feed.ID, Head: feed.Head, Clients: []*ClientStatus{}}
	for _, t := range targets {
		s, err := tx.SyncState(t.ClientID)
		if err != nil {
			return nil, err
		}
		v.Clients = append(v.Clients, statusOf(t, s, feed, now))
	}
	return v, nil
}

func statusOf(t Target, s *store.SyncState, feed store.Feed, now time.Time) *ClientStatus {
	c := &ClientStatus{
		ClientID: t.ClientID, Name: t.Name, URL: t.URL, PushedAt: s.PushedAt, PulledAt: s.PulledAt, CurrentAt: s.CurrentAt,
		Error: s.Error, FailedAt: s.FailedAt, Parked: s.Parked, Resync: s.Resync,
		LastError: s.LastError, LastErrorAt: s.LastErrorAt,
	}
	if s.FeedID == feed.ID { // or it holds nothing of this feed
		c.Seq = min(s.Seq, feed.Head)
	}
	c.Lag = feed.Head - c.Seq
	c.LastSuccess = s.PushedAt
	if s.PulledAt.After(s.PushedAt) {
		c.LastSuccess = s.PulledAt
	}
	if c.Lag > 0 && !s.CurrentAt.IsZero() {
		c.LagSeconds = int64(max(0, now.Sub(s.CurrentAt)) / time.Second)
	}
	return c
}

// Label is what people know the client by: the id of one that registered itself tells
// them nothing.
func (c *ClientStatus) Label() string { return cmp.Or(c.Name, c.ClientID) }

// State is how a client does, in a word.
type State string

const (
	Follows State = "follows"
	// Asks: pushes fail, but it has everything because it asks for it, as one behind
	// a firewall does.
	Asks    State = "follows by asking; pushes fail"
	Parked  State = "parked" // it refused a batch for good
	Failing State = "failing"
	Refills State = "to be filled anew"
	Behind  State = "behind"
	Unheard State = "never heard of"
)

// State says how the client does.
func (c *ClientStatus) State() State {
	switch {
	case c.Error != "" && c.Lag == 0 && !c.Resync && c.FailedAt.Sub(c.PulledAt) < 2*time.Minute: // that it asked is noted once a minute
		return Asks
	case c.Parked:
		return Parked
	case c.Error != "":
		return Failing
	case c.Resync:
		return Refills
	case c.Lag > 0:
		return Behind
	case c.PushedAt.IsZero() && c.PulledAt.IsZero():
		return Unheard
	}
	return Follows
}
