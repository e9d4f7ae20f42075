package boltstore

import "github.com/caddyito/caddyito/store"

func (r *readTx) SyncState(clientID string) (*store.SyncState, error) {
	s, err := getJSON[store.SyncState](r, bSyncState, []byte(clientID), 0)
	if isNotFound(err) {
		return &store.SyncState{ClientID: clientID}, nil
	}
	return s, err
}

func (w *writeTx) PutSyncState(s *store.SyncState) error {
	if err := check("the id of a client", s.ClientID); err != nil {
		return err
	}
	n := *s
	n.PushedAt, n.PulledAt, n.FailedAt = normal(s.PushedAt), normal(s.PulledAt), normal(s.FailedAt)
	n.CurrentAt, n.LastErrorAt = normal(s.CurrentAt), normal(s.LastErrorAt)
	value, err := encode(bSyncState, nil, &n)
	if err != nil {
		return err
	}
	if s.Resync {
		w.event(store.Event{Kind: store.EventClients})
	}
	return w.put(bSyncState, []byte(s.ClientID), value)
}
