package gate

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/caddyito/caddyito/store"
)

// sessionAt is a session whose place is that of n in a table of any size above n.
func sessionAt(n uint64, other byte) *session {
	s := &session{}
	binary.LittleEndian.PutUint64(s.hash[:], n)
	s.hash[len(s.hash)-1] = other
	return s
}

func TestFastSessions(t *testing.T) {
	f := newFastSessions()
	a, b, c := sessionAt(1, 1), sessionAt(1, 2), sessionAt(2, 3)
	if f.find(&a.hash) != nil {
		t.Error("one was found before any was there")
	}
	f.put(a)
	f.put(c)
	if f.find(&a.hash) != a || f.find(&c.hash) != c {
		t.Error("one that was put is not found")
	}
	if f.find(&b.hash) != nil {
		t.Error("another was found in place of one with another hash")
	}
	f.put(b)
	if f.find(&b.hash) != b || f.find(&a.hash) != nil {
		t.Error("of two with one place, not the one that came last is found")
	}
	// It left the cache while it was not in the table; whoever still held it puts it back.
	f.left(a)
	if f.find(&b.hash) != b {
		t.Error("another left with one that was not there")
	}
	f.put(a)
	if f.find(&a.hash) != nil {
		t.Error("one that left the cache is found")
	}
	f.left(c)
	if f.find(&c.hash) != nil {
		t.Error("one that left the cache is found")
	}
	if c := (*f.table.Load()).place(&c.hash).Load(); c != nil {
		t.Error("one that left is kept alive")
	}
}

func TestFastSessionsGrow(t *testing.T) {
	f := newFastSessions()
	const n = 5000
	all := make([]*session, n)
	for i := range all {
		all[i] = &session{hash: store.HashOf(store.NewSecret())}
		f.fit(i + 1)
		f.put(all[i])
	}
	if size := len(*f.table.Load()); size < n || size > 4*n {
		t.Errorf("%d places for %d sessions", size, n)
	}
	for _, s := range all {
		f.put(s)
	}
	found := 0
	for _, s := range all {
		switch f.find(&s.hash) {
		case s:
			found++
		case nil:
		default:
			t.Fatal("another was found")
		}
	}
	if found < n/2 {
		t.Errorf("only %d of %d are found", found, n)
	}
}

// Whoever looks while sessions come, go and the table grows gets the right one or none,
// and after left never that one.
func TestFastSessionsFromManySides(t *testing.T) {
	f := newFastSessions()
	var wg sync.WaitGroup
	for worker := range uint64(4) {
		wg.Go(func() {
			for i := range uint64(3000) {
				s := sessionAt(i%64, byte(worker))
				binary.LittleEndian.PutUint64(s.hash[8:], i) // no two are the same
				f.fit(int(i) % 200)
				f.put(s)
				if got := f.find(&s.hash); got != nil && got != s {
					t.Error("another was found")
				}
				f.left(s)
				if f.find(&s.hash) != nil {
					t.Error("one that left is found")
				}
			}
		})
	}
	wg.Wait()
}
