package boltstore

import (
	"slices"

	"github.com/caddyito/caddyito/store"
)

func (r *readTx) Client(id string) (*store.Client, error) {
	return getJSON[store.Client](r, bClient, []byte(id), 0)
}

func (r *readTx) Clients(after string, limit int) ([]*store.Client, error) {
	return list[store.Client](r, bClient, nil, append([]byte(after), 0), max(limit, 0))
}

func (w *writeTx) PutClient(c *store.Client) error {
	if err := check("the id of a client", c.ID); err != nil {
		return err
	}
	n := *c
	n.CreatedAt = normal(c.CreatedAt)
	n.Secrets = slices.Clone(c.Secrets)
	for i, s := range n.Secrets {
		n.Secrets[i].CreatedAt, n.Secrets[i].ExpiresAt = normal(s.CreatedAt), normal(s.ExpiresAt)
	}
	value, err := encode(bClient, nil, &n)
	if err != nil {
		return err
	}
	w.event(store.Event{Kind: store.EventClients})
	return w.put(bClient, []byte(c.ID), value)
}

// DeleteClient ends the client's epoch: its families, consents and visits carry
// the epoch in which they were made, and count no more. Sweep removes them.
func (w *writeTx) DeleteClient(id string) error {
	if w.get(bClient, []byte(id)) == nil {
		return store.ErrNotFound
	}
	if err := w.put(bExpiry, expiryKey(0, clientConsents, []byte(id)), be64(0)); err != nil {
		return err
	}
	if visits := w.visitKey(id); len(w.keys(bVisit, visits, 1)) > 0 {
		if err := w.put(bExpiry, expiryKey(0, clientVisits, visits), present); err != nil {
			return err
		}
	}
	if err := w.put(bEpoch, []byte(id), be64(w.epoch(id)+1)); err != nil {
		return err
	}
	if err := w.deleteLogouts(id); err != nil {
		return err
	}
	if err := w.del(bSyncState, []byte(id)); err != nil {
		return err
	}
	w.event(store.Event{Kind: store.EventClients})
	return w.del(bClient, []byte(id))
}

// epoch says how often a client of that id was deleted.
func (r *readTx) epoch(clientID string) uint64 { return number(r.get(bEpoch, []byte(clientID))) }
