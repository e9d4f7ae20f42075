package gate

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyito/caddyito/internal/pace"
	"github.com/caddyito/caddyito/store"
)

const (
	// recheckEvery is how often it is asked whether those who were let pass still
	// would be. Changes of the store ask at once; time that passes, and another
	// process's changes after this gate was closed, tell nobody.
	recheckEvery = 2 * time.Second
	// recheckPause follows each time, whoever asks.
	recheckPause = 50 * time.Millisecond
)

// Passage is a request of somebody signed in that was let pass and is not
// answered yet: mostly for a moment, but a WebSocket, an event stream or a long
// download stays open for hours. It is broken off when the request would not be
// let pass any more. The app is to write its answer to it, which makes that private
// (private.go).
type Passage struct {
	// Identity is who sent the request.
	Identity *Identity
	// Tokens are those of the session; nil where the gate keeps none.
	Tokens *Tokens

	http.ResponseWriter
	part *passagePart
	// prev and next tie a ring, in which the part's own passage is the end.
	prev, next *Passage

	claim
	cancel context.CancelFunc // nil for most
	broken bool

	said bool // the header went out, or is about to
	// values are those of the response header that Finish sets, and room is for those of
	// the request's that Apply sets; here, to save allocations.
	values [2]string
	room   [4]string
}

// claim is on what a request was let pass.
type claim struct {
	session store.Hash
	public  bool
	// paths are what the rules went by: copies, for what comes after the gate may
	// rewrite the request. Nil where no rule goes by path.
	paths *[2]place // of the request, and asked for
}

// place is what rules see of a URL.
type place struct{ path, raw string }

func (l place) url() *url.URL { return &url.URL{Path: l.path, RawPath: l.raw} }

// passages are all that are under way at a gate. They are cheap to begin and to
// end, for every request does: one allocation, one short lock of many.
type passages struct {
	gate  *Gate
	parts [16]passagePart
	// rung says that somebody may not be let pass any more.
	rung    chan struct{}
	watched atomic.Bool // watch runs
}

type passagePart struct {
	gate  *Gate
	mu    sync.Mutex // guards all below, and the passages in the ring
	ring  Passage
	begun uint64   // in all
	_     [64]byte // so that two locks do not share a line of the processor's cache
}

func newPassages(g *Gate) *passages {
	ps := &passages{gate: g, rung: make(chan struct{}, 1)}
	for i := range ps.parts {
		ps.parts[i].gate = g
		ring := &ps.parts[i].ring
		ring.prev, ring.next = ring, ring
	}
	return ps
}

// Gate is the one that let the request pass.
func (p *Passage) Gate() *Gate { return p.part.gate }

// String keeps what it holds out of logs.
func (p *Passage) String() string { return "Passage(hidden)" }

// Begin notes that r passes, by a Decision to let it, and returns what to pass on in
// place of w and r. It is to be called before Apply, which takes the cookie away, and
// which puts the values of headers into the passage, by d. Finish must be called when the
// app has answered, or before something else answers in its place, and End in the end.
func (g *Gate) Begin(w http.ResponseWriter, r *http.Request, d *Decision) (*Passage, *http.Request) {
	p := &Passage{
		Identity:       d.Identity,
		Tokens:         g.tokensOf(r, *d),
		ResponseWriter: w,
		part:           &g.passages.parts[rand.Uint32N(uint32(len(g.passages.parts)))],
		claim:          claim{session: d.session, public: d.public},
	}
	d.room = p.room[:]
	if g.policy.paths {
		p.paths = &[2]place{{r.URL.Path, r.URL.RawPath}, {d.asked.Path, d.asked.RawPath}}
	}
	if staysOpen(r) {
		ctx, cancel := context.WithCancel(r.Context())
		r, p.cancel = r.WithContext(ctx), cancel
	}
	part := p.part
	part.mu.Lock()
	part.begun++
	p.prev, p.next = part.ring.prev, &part.ring
	p.prev.next, part.ring.prev = p, p
	part.mu.Unlock()
	if !g.passages.watched.Load() && g.passages.watched.CompareAndSwap(false, true) {
		go g.passages.watch()
	}
	return p, r
}

// End is to be called when the request is answered.
func (p *Passage) End() {
	p.part.mu.Lock()
	p.prev.next, p.next.prev = p.next, p.prev
	p.part.mu.Unlock()
	if p.cancel != nil {
		p.cancel()
	}
}

// staysOpen says whether r asks for what stays open until one side has enough: an
// upgrade, or an event stream (HTML standard, section 9.2). Such a one is
// cancelled when it is broken off; for all others that would cost more than the
// rest of the gate, and they end without.
func staysOpen(r *http.Request) bool {
	if isUpgrade(r) {
		return true
	}
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(accept, "text/event-stream") {
			return true
		}
	}
	return false
}

// ring has the passages looked at soon.
func (ps *passages) ring() {
	pace.Wake(ps.rung)
}

// watch breaks off what may not go on. It runs as long as there are passages,
// also when the gate is closed: in a reload, requests outlive their config.
func (ps *passages) watch() {
	tick := time.NewTicker(recheckEvery)
	defer tick.Stop()
	for {
		idle := false
		select {
		case <-tick.C:
			idle = true
		case <-ps.rung:
		}
		if ps.recheck() > 0 || !idle {
			time.Sleep(recheckPause)
			continue
		}
		ps.watched.Store(false)
		// One may have begun meanwhile and found the watch running.
		if ps.empty() || !ps.watched.CompareAndSwap(false, true) {
			return
		}
	}
}

func (ps *passages) empty() bool {
	for i := range ps.parts {
		part := &ps.parts[i]
		part.mu.Lock()
		empty := part.ring.next == &part.ring
		part.mu.Unlock()
		if !empty {
			return false
		}
	}
	return true
}

// recheck breaks off every passage that would not be let pass now, and says how
// many there were in all.
func (ps *passages) recheck() int {
	all, broken := 0, 0
	claims := map[*Passage]claim{}
	for i := range ps.parts {
		part := &ps.parts[i]
		clear(claims)
		part.mu.Lock()
		for p := part.ring.next; p != &part.ring; p = p.next {
			claims[p] = p.claim
		}
		part.mu.Unlock()
		all += len(claims)
		// Without the lock, for the store may have to be asked.
		maps.DeleteFunc(claims, func(_ *Passage, c claim) bool { return ps.gate.upholds(&c) })
		if len(claims) == 0 {
			continue
		}
		part.mu.Lock()
		for p := part.ring.next; p != &part.ring; p = p.next {
			if _, over := claims[p]; !over {
				continue
			}
			if !p.broken {
				broken++
			}
			p.breakOff()
		}
		part.mu.Unlock()
	}
	if broken > 0 {
		ps.gate.log.Info("broke off open connections of people who may not go on", "connections", broken)
	}
	return all
}

// begun is how many there were in all.
func (ps *passages) begun() (n uint64) {
	for i := range ps.parts {
		part := &ps.parts[i]
		part.mu.Lock()
		n += part.begun
		part.mu.Unlock()
	}
	return n
}

// upholds says whether a request would still be let pass on c.
func (g *Gate) upholds(c *claim) bool {
	_, id, err := g.whose(context.Background(), c.session, g.now())
	if err != nil {
		g.log.Error("cannot read the session; its open connections are broken off", "error", err)
	}
	if err != nil || id == nil || g.outdated() {
		return false
	}
	if c.public {
		return true
	}
	var paths [2]place
	if c.paths != nil {
		paths = *c.paths
	}
	return g.policy.permits(*id.verdicts, paths[0].url()) && g.policy.permits(*id.verdicts, paths[1].url())
}

// breakOff has all reading and writing fail from now on, also on a connection
// that was hijacked, so that whoever does it gives up. net/http cancels a
// request's context when it cannot read from the connection. A handler may move
// a deadline again, but not for longer than until the next recheck.
func (p *Passage) breakOff() {
	if p.cancel != nil {
		p.cancel()
	}
	again := p.broken
	p.broken = true
	past := time.Unix(1, 0)
	c := http.NewResponseController(p.ResponseWriter)
	if err := c.SetWriteDeadline(past); err != nil && p.cancel == nil && !again {
		p.part.gate.log.Warn("cannot break off a request whose session ended; a module in front of the gate hides the connection", "error", err)
	}
	c.SetReadDeadline(past)
}
