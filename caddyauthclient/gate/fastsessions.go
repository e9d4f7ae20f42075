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
	table atomic.Pointer[sessionTable]
	mu    sync.Mutex // guards replacing the table
}

// sessionTable has a power of two of places.
type sessionTable []atomic.Pointer[session]

const smallestTable = 16

func newFastSessions() *fastSessions {
	f := new(fastSessions)
	t := make(sessionTable, smallestTable)
	f.table.Store(&t)
	return f
}

// place is where a session of that hash is, if it is. Of a SHA-256 hash all bits are as
// good as random.
func (t sessionTable) place(hash *store.Hash) *atomic.Pointer[session] {
	return &t[binary.LittleEndian.Uint64(hash[:])&uint64(len(t)-1)]
}

// find is the session of that hash, nil if it is not here: the cache may have it.
func (f *fastSessions) find(hash *store.Hash) *session {
	s := f.table.Load().place(hash).Load()
	if s == nil || s.hash != *hash || s.gone.Load() {
		return nil
	}
	return s
}

// put adds a session of the cache.
func (f *fastSessions) put(s *session) { f.table.Load().place(&s.hash).Store(s) }

// fit makes room if the cache, which holds n, has outgrown the table. Those that are in
// it come back as they are asked for.
func (f *fastSessions) fit(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(*f.table.Load()) < n {
		bigger := make(sessionTable, 1<<bits.Len(uint(n)))
		f.table.Store(&bigger)
	}
}

// left is to be called with every session that leaves the cache.
func (f *fastSessions) left(s *session) {
	s.gone.Store(true)
	f.table.Load().place(&s.hash).CompareAndSwap(s, nil) // so that it is not kept alive
}
