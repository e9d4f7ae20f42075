package gate

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/caddyito/caddyito/store"
)

// sessionAt is a session whose bucket is that of n in a table of more than n.
func sessionAt(n uint64, tag, other byte) *session {
	s := &session{}
	binary.LittleEndian.PutUint64(s.hash[:], n)
	s.hash[8] = tag
	s.hash[len(s.hash)-1] = other
	return s
}

// end does what the cache does with one that leaves.
func (f *fastSessions) end(s *session) {
	s.leave()
	f.left(s)
}

func TestFastSessions(t *testing.T) {
	f := newFastSessions()
	a, b, c := sessionAt(1, 1, 1), sessionAt(1, 1, 2), sessionAt(1, 2, 3)
	if f.find(&a.hash) != nil {
		t.Error("one was found before any was there")
	}
	f.put(a, 1)
	f.put(c, 2)
	if f.find(&a.hash) != a || f.find(&c.hash) != c {
		t.Error("one that was put is not found")
	}
	if f.find(&b.hash) != nil {
		t.Error("another was found in place of one with another hash")
	}
	f.put(b, 3)
	if f.find(&b.hash) != b || f.find(&a.hash) != a {
		t.Error("of two with one tag, not both are found")
	}
	f.end(a)
	if f.find(&b.hash) != b || f.find(&a.hash) != nil {
		t.Error("one that left is found, or another left with it")
	}
	f.put(a, 2) // by whoever still held it
	if f.find(&a.hash) != nil {
		t.Error("one that left the cache is found")
	}
	f.end(b)
	f.end(c)
	if n := f.count(); n != 0 {
		t.Errorf("%d that left are kept alive", n)
	}
}

// count is how many there are.
func (f *fastSessions) count() (n int) {
	buckets := *f.buckets.Load()
	for i := range buckets {
		for j := range buckets[i].places {
			if buckets[i].places[j].Load() != nil {
				n++
			}
		}
	}
	return n
}

// Put twice, as by two requests at once, a session leaves once and is gone.
func TestFastSessionsPutTwice(t *testing.T) {
	f := newFastSessions()
	s := sessionAt(1, 1, 1)
	f.put(s, 1)
	f.put(s, 1)
	if n := f.count(); n != 1 {
		t.Errorf("it is there %d times", n)
	}
}

// Where a bucket is full, one takes another's place, and is found with its own tag.
func TestFastSessionsFullBucket(t *testing.T) {
	f := newFastSessions()
	const n = 20
	var all [n]*session
	for i := range all {
		all[i] = sessionAt(1, byte(i), 0)
		all[i].hash[9] = byte(i) // takes this place
		f.put(all[i], 1)
		if f.find(&all[i].hash) != all[i] {
			t.Fatalf("session %d is not found", i)
		}
	}
	found := 0
	for _, s := range all {
		if f.find(&s.hash) == s {
			found++
		}
	}
	if want := len(sessionBucket{}.places); found != want || f.count() != want {
		t.Errorf("%d are found of %d that are there, want %d", found, f.count(), want)
	}
}

func TestFastSessionsGrow(t *testing.T) {
	f := newFastSessions()
	const n = 5000
	all := make([]*session, n)
	for i := range all {
		all[i] = &session{hash: store.HashOf(store.NewSecret())}
		f.put(all[i], i+1)
	}
	if size := len(*f.buckets.Load()); size < n/bucketFill || size > n {
		t.Errorf("%d buckets for %d sessions", size, n)
	}
	for _, s := range all {
		f.put(s, n)
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
	if found < n*95/100 {
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
				s := sessionAt(i%64, byte(i), byte(worker))
				binary.LittleEndian.PutUint64(s.hash[16:], i) // no two are the same
				f.put(s, int(i)%800)
				if got := f.find(&s.hash); got != nil && got != s {
					t.Error("another was found")
				}
				f.end(s)
				if f.find(&s.hash) != nil {
					t.Error("one that left is found")
				}
			}
		})
	}
	wg.Wait()
	if n := f.count(); n != 0 {
		t.Errorf("%d that left are kept alive", n)
	}
}
