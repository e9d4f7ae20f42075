package gate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// modelLRU is an lru as simple as can be: a list, what was used last first.
type modelLRU struct {
	size    int
	keys    []int
	values  map[int]int
	dropped []int
}

func (m *modelLRU) use(k int) {
	if i := slices.Index(m.keys, k); i >= 0 {
		m.keys = slices.Insert(slices.Delete(m.keys, i, i+1), 0, k)
	}
}

func (m *modelLRU) put(k, v int) {
	if len(m.keys) == m.size {
		m.remove(m.keys[len(m.keys)-1])
	}
	m.keys = slices.Insert(m.keys, 0, k)
	m.values[k] = v
}

func (m *modelLRU) remove(k int) {
	if i := slices.Index(m.keys, k); i >= 0 {
		m.keys = slices.Delete(m.keys, i, i+1)
		m.dropped = append(m.dropped, m.values[k])
		delete(m.values, k)
	}
}

func (m *modelLRU) purge() {
	for len(m.keys) > 0 {
		m.remove(m.keys[len(m.keys)-1])
	}
}

// check walks the ring in both directions and the free list, and compares with
// the model.
func (m *modelLRU) check(l *lru[int, int]) error {
	var forth, back []int
	for i := l.slots[0].next; i != 0 && len(forth) <= m.size; i = l.slots[i].next {
		forth = append(forth, l.slots[i].key)
	}
	for i := l.slots[0].prev; i != 0 && len(back) <= m.size; i = l.slots[i].prev {
		back = append(back, l.slots[i].key)
	}
	slices.Reverse(back)
	if !slices.Equal(forth, m.keys) || !slices.Equal(back, m.keys) || l.len() != len(m.keys) {
		return fmt.Errorf("forwards %v, backwards %v, %d in all; want %v", forth, back, l.len(), m.keys)
	}
	for k, v := range m.values {
		if got, ok := l.peek(k); !ok || got != v {
			return fmt.Errorf("%d is %d %v, want %d", k, got, ok, v)
		}
	}
	free := 0
	for i := l.free; i != 0 && free <= m.size; i = l.slots[i].next {
		if s := l.slots[i]; s.key != 0 || s.value != 0 {
			return fmt.Errorf("a free slot still holds %d: %d", s.key, s.value)
		}
		free++
	}
	// None is lost, and none is there twice.
	if len(l.slots) != 1+len(m.keys)+free || len(l.slots) > 1+m.size {
		return fmt.Errorf("%d slots, of which %d are in use and %d free; room for %d", len(l.slots), len(m.keys), free, m.size)
	}
	return nil
}

func TestLRUIsLikeItsModel(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		size := 1 + random.IntN(8)
		m := &modelLRU{size: size, values: map[int]int{}}
		var dropped []int
		l := newLRU[int](size, func(v int) { dropped = append(dropped, v) })
		for step := range 300 {
			k := 1 + random.IntN(2*size)
			switch n := random.IntN(100); {
			case n < 50:
				if _, ok := m.values[k]; !ok {
					m.put(k, step+1)
					l.put(k, step+1)
				}
			case n < 75:
				m.use(k)
				l.use(k)
			case n < 98:
				m.remove(k)
				l.remove(k)
			default:
				m.purge()
				l.purge()
			}
			if err := m.check(l); err != nil {
				t.Fatalf("size %d, seed %d, step %d: %v", size, seed, step, err)
			}
			if !slices.Equal(dropped, m.dropped) {
				t.Fatalf("size %d, seed %d, step %d: dropped %v, want %v", size, seed, step, dropped, m.dropped)
			}
		}
	}
}

// Sessions that end free their slots; new ones must take these and not others.
func TestLRUStaysSmallHoweverManyPass(t *testing.T) {
	l := newLRU[int, int](100, nil)
	for i := range 100_000 {
		l.put(i, i)
		if i%3 == 0 {
			l.remove(i - i%100)
		}
	}
	if len(l.slots) > 101 || len(l.index) > 100 {
		t.Errorf("%d slots for %d entries, want at most 101 for 100", len(l.slots), len(l.index))
	}
}

func (l *lru[K, V]) len() int { return len(l.index) }

func (c *cache[K, V]) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.lru.len()
}
