package gate

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/caddyito/caddyito/store"
)

// fastSessions finds nearly all of the sessions that the cache holds, without its lock,
// which the cores would take from each other with every request, and with few looks at
// memory. Each has a bucket, by its hash; where that is full, it takes another's place.
//
// What it finds is true to the cache: a session that has left it is not found.
type fastSessions struct {
	buckets atomic.Pointer[[]sessionBucket] // a power of two of them
	mu      sync.Mutex                      // guards all changes
}

// sessionBucket is one line of the processor's cache, 64 bytes; a test holds it to that.
type sessionBucket struct {
	// tags are a byte of each session's hash, the first the lowest, so that few sessions
	// are looked at for nothing. A place that is empty may have any.
	tags   atomic.Uint64
	places [7]atomic.Pointer[session]
}

// bucketFill is how many sessions there are in a bucket on average when the table
// grows: two in a hundred of them find their bucket full then.
const bucketFill = 4

func newFastSessions() *fastSessions {
	f := new(fastSessions)
	f.resize(1)
	return f
}

// resize makes an empty table.
func (f *fastSessions) resize(buckets int) {
	b := make([]sessionBucket, buckets)
	f.buckets.Store(&b)
}

// bucket is where a session of that hash is, if it is, and tagOf by what. Of a SHA-256
// hash all bits are as good as random.
func (f *fastSessions) bucket(hash *store.Hash) *sessionBucket {
	buckets := *f.buckets.Load()
	return &buckets[binary.LittleEndian.Uint64(hash[:])&uint64(len(buckets)-1)]
}

func tagOf(hash *store.Hash) byte { return hash[8] }

// find is the session of that hash, nil if it is not here: the cache may have it.
func (f *fastSessions) find(hash *store.Hash) *session {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	b := f.bucket(hash)
	// Of a byte that is equal, the high bit stays; sometimes of one above it, too.
	differ := b.tags.Load() ^ ones*uint64(tagOf(hash))
	for equal := (differ - ones) &^ differ & highs; equal != 0; equal &= equal - 1 {
		i := bits.TrailingZeros64(equal) / 8
		if i == len(b.places) {
			break
		}
		if s := b.places[i].Load(); s != nil && s.hash == *hash && !s.hasLeft() {
			return s
		}
	}
	return nil
}

// put adds a session of the cache, which holds n, if it is not there. Where the cache has
// outgrown the table, those that are in it come back as they are asked for.
func (f *fastSessions) put(s *session, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.hasLeft() {
		return // and left was called
	}
	if n > bucketFill*len(*f.buckets.Load()) {
		f.resize(1 << bits.Len(uint(n/bucketFill)))
	}
	b := f.bucket(&s.hash)
	at := int(s.hash[9]) % len(b.places)
	for i := range b.places {
		switch b.places[i].Load() {
		case s:
			return
		case nil:
			at = i
		}
	}
	// Whoever reads meanwhile may miss a session, or look at one that is another's.
	b.places[at].Store(s)
	b.tags.Store(b.tags.Load()&^(0xff<<(8*at)) | uint64(tagOf(&s.hash))<<(8*at))
}

// left is to be called with every session that leaves the cache, so that it is not kept
// in memory.
func (f *fastSessions) left(s *session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.bucket(&s.hash)
	for i := range b.places {
		if b.places[i].Load() == s {
			b.places[i].Store(nil)
		}
	}
}
