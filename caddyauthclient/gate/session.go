package gate

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/caddyito/caddyito/store"
)

// session is what deciding needs of a store.Session. Times are in nanoseconds
// of the Unix epoch.
type session struct {
	subject string
	expires int64
	idle    atomic.Int64 // when it ends if it is not used
	seen    atomic.Int64 // as written, or about to be (touch.go)
	use
	gone atomic.Bool // from the cache
	kept *kept       // nil where the gate keeps no tokens
	// identity of the subject, so that one look-up finds both. Whether it still
	// is current, it knows.
	identity atomic.Pointer[Identity]
	hash     store.Hash
}

func newSession(hash store.Hash, rec *store.Session) *session {
	// A clone: the record's strings may be parts of one, which would stay in memory whole.
	s := &session{hash: hash, subject: strings.Clone(rec.Subject), expires: rec.ExpiresAt.UnixNano(), kept: newKept(rec.Tokens)}
	s.idle.Store(rec.IdleExpiresAt.UnixNano())
	s.seen.Store(rec.LastSeen.UnixNano())
	return s
}

func (s *session) live(now int64) bool { return now < s.idle.Load() && now < s.expires }

// identify is who sends r, by the session cookie, and the session; nil for a
// stranger. An error means that the store could not say.
func (g *Gate) identify(r *http.Request, o *origin) (store.Hash, *Identity, error) {
	value, ok := secretCookie(r.Header, o.sessionCookie)
	if !ok {
		return store.Hash{}, nil, nil
	}
	hash := hashSecret(value)
	now := g.cfg.Now().UnixNano()
	s, id, err := g.whose(r.Context(), hash, now)
	if err != nil || id == nil {
		return hash, nil, err
	}
	s.mark()
	id.mark()
	if seen := s.seen.Load(); now-seen > g.touches.every {
		g.touches.add(s, hash, seen, now)
	}
	return hash, id, nil
}

// whose is who has the session, nil for nobody. It does not count as use.
func (g *Gate) whose(ctx context.Context, hash store.Hash, now int64) (*session, *Identity, error) {
	s, err := g.session(ctx, hash)
	if err != nil || s == nil || !s.live(now) {
		return nil, nil, err
	}
	id, err := g.identity(ctx, s)
	return s, id, err
}

// hashSecret is store.HashOf for a secret, without an allocation.
func hashSecret(s string) store.Hash {
	var b [secretLen]byte
	copy(b[:], s)
	return sum(b[:])
}

// session finds the session in the cache, or else in the store; nil if there is
// none.
func (g *Gate) session(ctx context.Context, hash store.Hash) (*session, error) {
	if g.closed.Load() {
		return g.readSession(ctx, hash) // nothing tells the cache any more
	}
	if s := g.fast.find(&hash); s != nil {
		return s, nil
	}
	s, held := g.sessions.peek(hash)
	if !held {
		gen := g.sessions.generation()
		var err error
		if s, err = g.readSession(ctx, hash); err != nil || s == nil {
			return nil, err
		}
		s, held = g.sessions.add(gen, hash, s, func(*session) bool { return true })
		g.fast.fit(g.sessions.len())
	}
	if held {
		g.fast.put(s)
	}
	return s, nil
}

func (g *Gate) readSession(ctx context.Context, hash store.Hash) (*session, error) {
	var s *session
	err := g.cfg.Store.View(ctx, func(tx store.ReadTx) error {
		rec, err := tx.Session(g.cfg.Name, hash)
		if errors.Is(err, store.ErrNotFound) {
			s = nil
			return nil
		}
		if err != nil {
			return err
		}
		s = newSession(hash, rec)
		return nil
	})
	return s, err
}

// follow keeps the caches true to the store: it is called within every commit.
func (g *Gate) follow(e store.Event) {
	if e.Kind == store.EventAll || e.Realm == g.cfg.Name {
		defer g.passages.ring()
	}
	switch {
	case e.Kind == store.EventAll:
		g.sessions.dropAll()
		g.endings.changedAll()
		g.objects.Add(1)
		g.people.dropAll()
	case e.Realm != g.cfg.Name:
	case e.Kind == store.EventSession:
		g.sessions.drop(e.Hash)
		g.endings.changed(e.Hash)
	case e.Kind == store.EventMirror && e.Type == "":
		g.objects.Add(1)
		g.people.dropAll()
	case e.Kind == store.EventMirror && e.Type == store.UserType:
		g.people.drop(e.ID)
	case e.Kind == store.EventMirror:
		g.objects.Add(1)
	}
}
