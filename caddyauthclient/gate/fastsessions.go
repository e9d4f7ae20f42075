package gate

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/caddyito/caddyito/store"
)

// fastSessions finds most of the sessions that the cache holds, without its lock, which
// the cores would take from each other with every request. Each has one place, by its
// hash, and gives way to another that has the same.
//
// What it finds is true to the cache: a session that has left it is marked gone.
type fastSessions struct {
	table atomic.Pointer[sessionTable] // nil before the first
	mu    sync.Mutex                   // guards replacing the table
}

// sessionTable has a power of two of places.
type sessionTable []atomic.Pointer[session]

const smallestTable = 16

// place is where a session of that hash is, if it is. Of a SHA-256 hash all bits are as
// good as random.
func (t sessionTable) place(hash *store.Hash) *atomic.Pointer[session] {
	return &t[binary.LittleEndian.Uint64(hash[:])&uint64(len(t)-1)]
}

// find is the session of that hash, nil if it is not here: the cache may have it.
func (f *fastSessions) find(hash *store.Hash) *session {
	t := f.table.Load()
	if t == nil {
		return nil
	}
	s := t.place(hash).Load()
	if s == nil || s.hash != *hash || s.gone.Load() {
		return nil
	}
	return s
}

// put adds a session of the cache, which holds n.
func (f *fastSessions) put(s *session, n int) {
	t := f.table.Load()
	if t == nil || len(*t) < n {
		t = f.grow(n)
	}
	t.place(&s.hash).Store(s)
}

// grow makes room for n and as many more. Those that are in the table come back as they
// are asked for.
func (f *fastSessions) grow(n int) *sessionTable {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.table.Load()
	if t == nil || len(*t) < n {
		bigger := make(sessionTable, max(smallestTable, 1<<bits.Len(uint(n))))
		t = &bigger
		f.table.Store(t)
	}
	return t
}

// left is to be called with every session that leaves the cache.
func (f *fastSessions) left(s *session) {
	s.gone.Store(true)
	if t := f.table.Load(); t != nil {
		t.place(&s.hash).CompareAndSwap(s, nil) // so that it is not kept alive
	}
}
