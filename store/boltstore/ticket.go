package boltstore

import (
	"time"

	"github.com/caddyito/caddyito/store"
)

// A ticket is kept behind the time under which bExpiry has it; a mark is that
// time.
const ticketHead = 8

func ticketKey(kind string, hash store.Hash) []byte { return append(part(nil, kind), hash[:]...) }

func (r *readTx) Ticket(kind string, hash store.Hash) (*store.Ticket, error) {
	return getJSON[store.Ticket](r, bTicket, ticketKey(kind, hash), ticketHead)
}

func (r *readTx) Tickets(kind string, after store.Hash, limit int) (tickets []*store.Ticket, err error) {
	r.scan(bTicket, part(nil, kind), append(ticketKey(kind, after), 0), func(_, v []byte) bool {
		if len(tickets) >= limit {
			return false
		}
		var t *store.Ticket
		if t, err = decode[store.Ticket](bTicket, v[ticketHead:]); err != nil {
			return false
		}
		tickets = append(tickets, t)
		return true
	})
	return tickets, err
}

func (w *writeTx) PutTicket(t *store.Ticket) error {
	if err := check("the kind of a ticket", t.Kind); err != nil {
		return err
	}
	n := *t
	n.CreatedAt, n.ExpiresAt = normal(t.CreatedAt), normal(t.ExpiresAt)
	key := ticketKey(t.Kind, t.Hash)
	head, err := w.expires(expiringTicket, key, w.get(bTicket, key), micros(n.ExpiresAt))
	if err != nil {
		return err
	}
	value, err := encode(bTicket, head, &n)
	if err != nil {
		return err
	}
	return w.put(bTicket, key, value)
}

func (w *writeTx) SpendTicket(kind string, hash store.Hash) (*store.Ticket, error) {
	t, err := w.Ticket(kind, hash)
	if err != nil {
		return nil, err
	}
	return t, w.deleteTicket(ticketKey(kind, hash))
}

func (w *writeTx) DeleteTickets(kind string) error {
	for _, key := range w.keys(bTicket, part(nil, kind), -1) {
		if err := w.deleteTicket(key); err != nil {
			return err
		}
	}
	return nil
}

func (w *writeTx) deleteTicket(key []byte) error {
	if err := w.del(bExpiry, expiryKey(number(w.get(bTicket, key)), expiringTicket, key)); err != nil {
		return err
	}
	return w.del(bTicket, key)
}

func (w *writeTx) MarkUsed(kind, id string, expires time.Time) error {
	if err := check("the kind or id of a mark", kind, id); err != nil {
		return err
	}
	key := append(part(nil, kind), id...)
	if w.get(bMark, key) != nil {
		return store.ErrSpent
	}
	value, err := w.expires(expiringMark, key, nil, micros(normal(expires)))
	if err != nil {
		return err
	}
	return w.put(bMark, key, value)
}
