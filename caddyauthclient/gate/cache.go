package gate

import (
	"sync"
	"sync/atomic"
)

// cached is what a cache holds. Most have a held.
type cached[K comparable] interface {
	// key never changes.
	key() K
	// wasUsed says, and forgets, whether it was used.
	wasUsed() bool
	// leave is called when it leaves the cache.
	leave()
}

// cache holds what was read from the store, bounded, and never older than the
// store's last event.
//
// Reading and adding are two steps with the store's transaction between them,
// in which the thing may change. So whoever reads asks for the generation
// first, and add refuses what was read in a generation that has passed.
type cache[K comparable, V cached[K]] struct {
	mu      sync.RWMutex // guards all below
	entries *recent[K, V]
	gen     uint64 // moves with every drop
}

// newCache makes a cache; dropped, if not nil, is called under the lock for
// whatever leaves it, for whichever reason, after its leave.
func newCache[K comparable, V cached[K]](size int, dropped func(V)) *cache[K, V] {
	return &cache[K, V]{entries: newRecent(size, V.key, V.wasUsed, func(v V) {
		v.leave()
		if dropped != nil {
			dropped(v)
		}
	})}
}

// peek does not count as use; to mark the value does.
func (c *cache[K, V]) peek(k K) (V, bool) {
	c.mu.RLock()
	v, ok := c.entries.get(k)
	c.mu.RUnlock()
	return v, ok
}

func (c *cache[K, V]) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.entries.len()
}

func (c *cache[K, V]) generation() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.gen
}

// add puts v in place unless generation gen has passed. It returns what is
// there now, which is another's value if that is current and was faster, and
// whether it is in the cache.
func (c *cache[K, V]) add(gen uint64, v V, current func(V) bool) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen != gen {
		return v, false
	}
	if old, ok := c.entries.get(v.key()); ok {
		if current(old) {
			return old, true
		}
		c.entries.remove(v.key()) // so that it leaves
	}
	c.entries.put(v)
	return v, true
}

func (c *cache[K, V]) drop(k K) {
	c.mu.Lock()
	c.gen++
	c.entries.remove(k)
	c.mu.Unlock()
}

func (c *cache[K, V]) dropAll() {
	c.mu.Lock()
	c.gen++
	c.entries.purge()
	c.mu.Unlock()
}

// held is what a cache and those who found a value in it tell each other of it.
type held struct{ bits atomic.Uint32 }

const (
	heldUsed uint32 = 1 << iota // lately
	heldLeft                    // the cache
)

// mark is to be called by who uses the value.
func (h *held) mark() {
	if h.bits.Load()&heldUsed == 0 { // to write would take the line from the other cores
		h.bits.Or(heldUsed)
	}
}

func (h *held) wasUsed() bool { return h.bits.And(^heldUsed)&heldUsed != 0 }

func (h *held) leave() { h.bits.Or(heldLeft) }

// hasLeft says whether the cache has let go of the value: then it need not be what the
// store has any more.
func (h *held) hasLeft() bool { return h.bits.Load()&heldLeft != 0 }
