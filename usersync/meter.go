package usersync

import (
	"sync"
	"sync/atomic"
)

// Counts are what became of telling one client, since the Server was made.
type Counts struct {
	// Batches that it took, by push, or asked for and got. Also those without
	// changes, by which the two compare.
	Batches uint64
	// Changes in them. What is sent again counts again.
	Changes uint64
	// Failures to tell it.
	Failures uint64
}

// Counts of a client.
func (s *Server) Counts(clientID string) Counts {
	m := s.meters.of(clientID)
	return Counts{m.batches.Load(), m.changes.Load(), m.failures.Load()}
}

// meters are by client. There are as many as clients that were told of
// something.
type meters struct {
	byClient sync.Map // of *meter
}

type meter struct {
	batches, changes, failures atomic.Uint64
}

func (m *meters) of(clientID string) *meter {
	if v, ok := m.byClient.Load(clientID); ok {
		return v.(*meter)
	}
	v, _ := m.byClient.LoadOrStore(clientID, new(meter))
	return v.(*meter)
}

func (m *meter) told(changes int) {
	m.batches.Add(1)
	m.changes.Add(uint64(changes))
}

func (m *meter) failed() { m.failures.Add(1) }
