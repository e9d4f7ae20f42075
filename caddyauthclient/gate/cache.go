package gate

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cache holds what was read from the store, bounded, and never older than the
// store's last event.
//
// Reading and adding are two steps with the store's transaction between them,
// in which the thing may change. So whoever reads asks for the generation
// first, and add refuses what was read in a generation that has passed.
type cache[K comparable, V any] struct {
	mu  sync.RWMutex // guards all below
	lru *simplelru.LRU[K, V]
	gen uint64 // moves with every drop
}

// newCache makes a cache; dropped, if not nil, is called under the lock for
// whatever leaves it, for whichever reason.
func newCache[K comparable, V any](size int, dropped func(V)) *cache[K, V] {
	var onEvict simplelru.EvictCallback[K, V]
	if dropped != nil {
		onEvict = func(_ K, v V) { dropped(v) }
	}
	lru, err := simplelru.NewLRU(size, onEvict)
	if err != nil {
		panic(err) // only for a size below 1, which Config.check refuses
	}
	return &cache[K, V]{lru: lru}
}

// peek does not count as use, so that readers do not wait for each other; use
// counts, and is called now and then.
func (c *cache[K, V]) peek(k K) (V, bool) {
	c.mu.RLock()
	v, ok := c.lru.Peek(k)
	c.mu.RUnlock()
	return v, ok
}

func (c *cache[K, V]) use(k K) {
	c.mu.Lock()
	c.lru.Get(k)
	c.mu.Unlock()
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
	if old, ok := c.lru.Peek(k); ok {
		if current(old) {
			return old, true
		}
		c.lru.Remove(k) // so that dropped is called
	}
	c.lru.Add(k, v)
	return v, true
}

func (c *cache[K, V]) drop(k K) {
	c.mu.Lock()
	c.gen++
	c.lru.Remove(k)
	c.mu.Unlock()
}

func (c *cache[K, V]) dropAll() {
	c.mu.Lock()
	c.gen++
	c.lru.Purge()
	c.mu.Unlock()
}

func (c *cache[K, V]) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.lru.Len()
}
