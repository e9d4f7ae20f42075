package gate

import "math"

// recent is a map of bounded size. Where there is no room, it lets go of something that
// was not used lately: the second chance, or CLOCK. To use an entry is to mark it; no
// order is kept, so using one takes no lock and touches no other. recent itself is not
// safe for concurrent use.
//
// The garbage collector does not look into a map without pointers, so of 100,000
// sessions it visits only one slice.
type recent[K comparable, V any] struct {
	size int
	key  func(V) K
	// used says whether the value was used since it was last asked so. Nil: using does
	// not count, and what came first goes first, but for what takes a removed one's place.
	used    func(V) bool
	dropped func(V)
	index   map[K]int32
	slots   []V
	free    []int32 // slots that hold nothing
	hand    int     // the slot that is asked next whether it was used
}

// maxAsked is how many entries are asked at most before one has to go, used or not: all
// requests wait meanwhile.
const maxAsked = 64

// newRecent makes one for size entries, at least 1. A value knows its key, which never
// changes; dropped, if not nil, is called for whatever leaves it, for whichever reason.
func newRecent[K comparable, V any](size int, key func(V) K, used func(V) bool, dropped func(V)) *recent[K, V] {
	l := &recent[K, V]{size: max(1, min(size, math.MaxInt32)), key: key, used: used, dropped: dropped}
	l.reset()
	return l
}

func (l *recent[K, V]) reset() {
	l.index, l.slots, l.free, l.hand = map[K]int32{}, nil, nil, 0
}

func (l *recent[K, V]) len() int { return len(l.index) }

func (l *recent[K, V]) get(k K) (v V, ok bool) {
	i, ok := l.index[k]
	if ok {
		v = l.slots[i]
	}
	return v, ok
}

// put adds v, whose key must not be there.
func (l *recent[K, V]) put(v V) {
	if l.len() == l.size {
		l.removeSlot(l.unused())
	}
	var i int32
	if n := len(l.free); n > 0 {
		i, l.free = l.free[n-1], l.free[:n-1]
		l.slots[i] = v
	} else {
		i = int32(len(l.slots))
		l.slots = append(l.slots, v)
	}
	l.index[l.key(v)] = i
}

// unused is the next slot that was not used since the hand last passed it. All slots
// hold something.
func (l *recent[K, V]) unused() int32 {
	for asked := 0; ; asked++ {
		i := l.hand
		l.hand = (l.hand + 1) % len(l.slots)
		if l.used == nil || asked == maxAsked || !l.used(l.slots[i]) {
			return int32(i)
		}
	}
}

func (l *recent[K, V]) remove(k K) {
	if i, ok := l.index[k]; ok {
		l.removeSlot(i)
	}
}

// purge also gives the memory back.
func (l *recent[K, V]) purge() {
	if l.dropped != nil {
		for _, i := range l.index {
			l.dropped(l.slots[i])
		}
	}
	l.reset()
}

func (l *recent[K, V]) removeSlot(i int32) {
	v := l.slots[i]
	delete(l.index, l.key(v))
	var nothing V
	l.slots[i] = nothing // keeps nothing alive
	l.free = append(l.free, i)
	if l.dropped != nil {
		l.dropped(v)
	}
}
