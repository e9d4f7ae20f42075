package provider

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// limit lets a burst through, then one each interval.
type limit struct {
	burst    int
	interval time.Duration
}

// Limits of failed attempts to sign in. They slow down and never lock out: with
// the last of them, guessing one account by all the world gets 1440 tries a day.
var (
	accountLimit = limit{10, time.Minute}
	// By its username and its address together. It has room for who comes by the one
	// while a stranger guesses by the other.
	bothNamesLimit = limit{20, time.Minute}
	networkLimit   = limit{50, 3 * time.Second}
	siteLimit      = limit{200, 500 * time.Millisecond}
	overallLimit   = limit{1000, 50 * time.Millisecond}
)

// factorLimit is of wrong codes of an app, for who has the right password. A guess is
// right three times in a million, so in a day all the world has one chance in a
// thousand.
var factorLimit = limit{10, 5 * time.Minute}

// Limits of links for a new password that are asked for.
var (
	resetAccountLimit = limit{3, 10 * time.Minute}
	resetNetworkLimit = limit{20, 30 * time.Second}
	// Of links that verify an address, by who asks.
	addressLimit = limit{5, 10 * time.Minute}
)

// Limits of what is wrong though it is too long to be guessed (guessing.go).
var (
	secretLimit = limit{50, 2 * time.Second}
	grantLimit  = limit{200, time.Second}
	bearerLimit = limit{1000, 100 * time.Millisecond}
)

// limiterSize is how many accounts, networks and sites, of each, are remembered;
// the least recently tried are forgotten first.
const limiterSize = 1 << 16

// limiter counts attempts to sign in, and what else is limited, in memory: per
// account, per network, per site and in all. It is the generic cell rate algorithm:
// for each key, the time at which its bucket would be full again.
type limiter struct {
	now func() time.Time

	mu      sync.Mutex // guards what follows
	buckets map[limit]*simplelru.LRU[string, time.Time]
}

// attempt names a bucket.
type attempt struct {
	limit limit
	key   string
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, buckets: map[limit]*simplelru.LRU[string, time.Time]{}}
}

// of are the buckets of a limit. l.mu is held.
func (l *limiter) of(lim limit) *simplelru.LRU[string, time.Time] {
	buckets := l.buckets[lim]
	if buckets == nil {
		buckets, _ = simplelru.NewLRU[string, time.Time](limiterSize, nil) // fails only for size 0
		l.buckets[lim] = buckets
	}
	return buckets
}

// take counts an attempt in every bucket, or in none if one of them is spent:
// then it says how long to wait. It counts before the password is looked at, so
// that parallel attempts are counted too; refund takes back what turned out to
// be no failure.
func (l *limiter) take(attempts ...attempt) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, a := range attempts {
		full := a.limit.interval * time.Duration(a.limit.burst)
		if t, ok := l.of(a.limit).Get(a.key); ok {
			wait = max(wait, t.Add(a.limit.interval).Sub(now)-full)
		}
	}
	if wait > 0 {
		return wait
	}
	for _, a := range attempts {
		t, ok := l.of(a.limit).Get(a.key)
		if !ok || t.Before(now) {
			t = now
		}
		l.of(a.limit).Add(a.key, t.Add(a.limit.interval))
	}
	return 0
}

func (l *limiter) refund(attempts ...attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range attempts {
		if t, ok := l.of(a.limit).Get(a.key); ok {
			l.of(a.limit).Add(a.key, t.Add(-a.limit.interval))
		}
	}
}

// unprovenRequest names the buckets of what anybody can have written down here:
// requests of clients that only name themselves. They bound how much of it lies
// in the store at once.
func (p *Provider) unprovenRequest(r *http.Request) []attempt {
	ip := p.ClientIP(r)
	return []attempt{
		{networkLimit, "request " + networkOf(ip)},
		{siteLimit, "request " + siteOf(ip)},
		{overallLimit, "request"},
	}
}

// tooManyError says how long to wait before the next attempt.
type tooManyError struct{ wait time.Duration }

func (e *tooManyError) Error() string { return "too many attempts" }

// seconds is what Retry-After takes.
func (e *tooManyError) seconds() int { return int(e.wait/time.Second) + 1 }

// networkOf is what one subscriber holds at the least: a /24, or a /64.
func networkOf(ip string) string { return prefixOf(ip, 24, 64) }

// siteOf is what one site holds, so that none has all attempts of the world to
// itself: a /16, or a /48.
func siteOf(ip string) string { return prefixOf(ip, 16, 48) }

func prefixOf(ip string, bits4, bits6 int) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return printable(ip, 64)
	}
	addr = addr.Unmap().WithZone("")
	bits := bits6
	if addr.Is4() {
		bits = bits4
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return addr.String()
	}
	return prefix.String()
}
