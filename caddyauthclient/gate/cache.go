package gate

import (
	"sync"
	"sync/atomic"
)

// marked says, and forgets, whether it was used: most have a use.
type marked interface{ wasUsed() bool }

// cache holds what was read from the store, bounded, and never older than the
// store's last event.
//
// Reading and adding are two steps with the store's transaction between them,
// in which the thing may change. So whoever reads asks for the generation
// first, and add refuses what was read in a generation that has passed.
type cache[K comparable, V marked] struct {
	mu      sync.RWMutex // guards all below
	entries *recent[K, V]
	gen     uint64 // moves with every drop
}

// newCache makes a cache; dropped, if not nil, is called under the lock for
// whatever leaves it, for whichever reason.
func newCache[K comparable, V marked](size int, dropped func(V)) *cache[K, V] {
	return &cache[K, V]{entries: newRecent[K](size, V.wasUsed, dropped)}
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
func (c *cache[K, V]) add(gen uint64, k K, v V, current func(V) bool) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen != gen {
		return v, false
	}
	if old, ok := c.entries.get(k); ok {
		if current(old) {
			return old, true
		}
		c.entries.remove(k) // so that dropped is called
	}
	c.entries.put(k, v)
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

// use is the mark of a value that was used lately.
type use struct{ since atomic.Bool }

func (u *use) mark() {
	if !u.since.Load() { // to write would take the line from the other cores
		u.since.Store(true)
	}
}

func (u *use) wasUsed() bool { return u.since.Swap(false) }
