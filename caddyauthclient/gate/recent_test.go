package gate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// entry is a value that knows its key, and whether it was used.
type entry struct {
	name   int
	number int
	used   bool
	left   bool
}

func (e *entry) key() int { return e.name }

func (e *entry) wasUsed() bool {
	used := e.used
	e.used = false
	return used
}

func (e *entry) leave() { e.left = true }

func itself(i int) int { return i }

// modelRecent is a recent as simple as can be: a map, and what left it.
type modelRecent struct {
	values  map[int]*entry
	dropped []int
}

func (m *modelRecent) remove(k int) {
	if e, ok := m.values[k]; ok {
		m.dropped = append(m.dropped, e.number)
		delete(m.values, k)
	}
}

// check compares with the model, and every slot with the index.
func (m *modelRecent) check(l *recent[int, *entry]) error {
	if l.len() != len(m.values) {
		return fmt.Errorf("%d entries, want %d", l.len(), len(m.values))
	}
	for k, e := range m.values {
		if got, ok := l.get(k); !ok || got != e {
			return fmt.Errorf("%d is %v %v, want %v", k, got, ok, e)
		}
	}
	for _, i := range l.free {
		if e := l.slots[i]; e != nil {
			return fmt.Errorf("a free slot still holds %v", e)
		}
	}
	// None is lost, and none is there twice.
	all := slices.Sorted(slices.Values(append(slices.Collect(maps.Values(l.index)), l.free...)))
	if len(slices.Compact(all)) != len(l.slots) || len(l.slots) > l.size {
		return fmt.Errorf("%d slots, of which %d are in use and %d free; room for %d", len(l.slots), l.len(), len(l.free), l.size)
	}
	return nil
}

func TestRecentIsLikeItsModel(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		size := 1 + random.IntN(8)
		m := &modelRecent{values: map[int]*entry{}}
		var dropped []int
		l := newRecent(size, (*entry).key, (*entry).wasUsed, func(e *entry) { dropped = append(dropped, e.number) })
		for step := range 300 {
			k := 1 + random.IntN(2*size)
			switch n := random.IntN(100); {
			case n < 50:
				if _, ok := m.values[k]; ok {
					continue
				}
				full := len(m.values) == size
				before := len(dropped)
				unused := map[int]int{} // by number
				for k, e := range m.values {
					if !e.used {
						unused[e.number] = k
					}
				}
				e := &entry{name: k, number: step + 1}
				l.put(e)
				if full {
					if len(dropped) != before+1 {
						t.Fatalf("seed %d, step %d: %d left for one that came", seed, step, len(dropped)-before)
					}
					gone := dropped[before]
					if _, ok := unused[gone]; !ok && len(unused) > 0 {
						t.Fatalf("seed %d, step %d: %d was used and had to go before %v, which were not", seed, step, gone, unused)
					}
					for k, e := range m.values {
						if e.number == gone {
							m.remove(k)
						}
					}
				}
				m.values[k] = e
			case n < 75:
				if e, ok := m.values[k]; ok {
					e.used = true
				}
			case n < 98:
				m.remove(k)
				l.remove(k)
			default:
				for k := range m.values {
					m.remove(k)
				}
				before := len(dropped)
				l.purge()
				slices.Sort(dropped[before:])
				slices.Sort(m.dropped[before:])
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

// Who comes every now and then stays, however many others pass once.
func TestRecentKeepsWhatIsUsed(t *testing.T) {
	l := newRecent(100, (*entry).key, (*entry).wasUsed, nil)
	regulars := make([]*entry, 20)
	for i := range regulars {
		regulars[i] = &entry{name: -1 - i}
		l.put(regulars[i])
	}
	for i := range 100_000 {
		if i%40 == 0 {
			for _, e := range regulars {
				e.used = true
			}
		}
		l.put(&entry{name: i})
	}
	for i, e := range regulars {
		if got, ok := l.get(-1 - i); !ok || got != e {
			t.Errorf("regular %d is gone", i)
		}
	}
}

// Where all were used, one goes all the same, and soon.
func TestRecentAsksFew(t *testing.T) {
	asked := 0
	l := newRecent(10_000, itself, func(int) bool { asked++; return true }, nil)
	for i := range 10_000 {
		l.put(i)
	}
	for i := range 100 {
		asked = 0
		if l.put(-1 - i); asked > maxAsked || l.len() != 10_000 {
			t.Fatalf("%d were asked, and %d are there", asked, l.len())
		}
	}
}

// Sessions that end free their slots; new ones must take these and not others.
func TestRecentStaysSmallHoweverManyPass(t *testing.T) {
	l := newRecent(100, itself, nil, nil)
	for i := range 100_000 {
		l.put(i)
		if i%3 == 0 {
			l.remove(i - i%100)
		}
	}
	if len(l.slots) > 100 || len(l.index) > 100 || cap(l.free) > 200 {
		t.Errorf("%d slots and %d free for %d entries, want at most 100", len(l.slots), cap(l.free), len(l.index))
	}
}
