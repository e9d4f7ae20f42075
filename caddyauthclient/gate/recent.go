package gate

import "math"

// lru is a map of bounded size that lets go of what was used longest ago. It is
// not safe for concurrent use.
//
// The order of use is a ring through one slice, linked by index: with a list
// linked by pointers, the garbage collector would have to visit an element for
// each of 100,000 sessions, and the whole map that points to them, in every
// cycle. A map from values without pointers to indexes it does not look into.
type lru[K comparable, V any] struct {
	size    int
	dropped func(V)
	index   map[K]int32
	// slots[0] is none: it ties the ring together. Its next is what was used
	// last, its prev what was used longest ago.
	slots []slot[K, V]
	// free is the first of the slots that hold nothing, each of which names
	// another as its next; 0 for none.
	free int32
}

type slot[K comparable, V any] struct {
	key        K
	value      V
	prev, next int32
}

// newLRU makes one for size entries, at least 1; dropped, if not nil, is called
// for whatever leaves it, for whichever reason.
func newLRU[K comparable, V any](size int, dropped func(V)) *lru[K, V] {
	l := &lru[K, V]{size: max(1, min(size, math.MaxInt32-1)), dropped: dropped}
	l.reset()
	return l
}

func (l *lru[K, V]) reset() {
	l.index, l.slots, l.free = map[K]int32{}, make([]slot[K, V], 1), 0
}

// peek does not count as use.
func (l *lru[K, V]) peek(k K) (v V, ok bool) {
	i, ok := l.index[k]
	if ok {
		v = l.slots[i].value
	}
	return v, ok
}

// use makes k, if it is there, the one used last.
func (l *lru[K, V]) use(k K) {
	if i, ok := l.index[k]; ok {
		l.unlink(i)
		l.link(i)
	}
}

// put adds k, which must not be there.
func (l *lru[K, V]) put(k K, v V) {
	if len(l.index) == l.size {
		l.removeSlot(l.slots[0].prev)
	}
	i := l.free
	if i == 0 {
		i = int32(len(l.slots))
		l.slots = append(l.slots, slot[K, V]{})
	} else {
		l.free = l.slots[i].next
	}
	l.slots[i].key, l.slots[i].value = k, v
	l.index[k] = i
	l.link(i)
}

func (l *lru[K, V]) remove(k K) {
	if i, ok := l.index[k]; ok {
		l.removeSlot(i)
	}
}

// purge also gives the memory back.
func (l *lru[K, V]) purge() {
	if l.dropped != nil {
		for i := l.slots[0].prev; i != 0; i = l.slots[i].prev {
			l.dropped(l.slots[i].value)
		}
	}
	l.reset()
}

// link puts slot i where the one used last is.
func (l *lru[K, V]) link(i int32) {
	last := l.slots[0].next
	l.slots[i].prev, l.slots[i].next = 0, last
	l.slots[last].prev = i
	l.slots[0].next = i
}

func (l *lru[K, V]) unlink(i int32) {
	prev, next := l.slots[i].prev, l.slots[i].next
	l.slots[prev].next = next
	l.slots[next].prev = prev
}

func (l *lru[K, V]) removeSlot(i int32) {
	l.unlink(i)
	k, v := l.slots[i].key, l.slots[i].value
	delete(l.index, k)
	l.slots[i] = slot[K, V]{next: l.free} // keeps nothing alive
	l.free = i
	if l.dropped != nil {
		l.dropped(v)
	}
}
