package gate

import (
	"context"
	"errors"
	"math"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyito/caddyito/store"
)

// session is what deciding needs of a store.Session. It is one line of the processor's
// cache, 64 bytes; a test holds it to that.
type session struct {
	hash store.Hash
	// identity of the subject, so that one look-up finds both. Whether it still
	// is current, it knows; until it was read, it is unread.
	identity atomic.Pointer[Identity]
	kept     *kept // nil where the gate keeps no tokens
	expires  instant
	idle     atomic.Uint32 // instant when it ends if it is not used
	seen     atomic.Uint32 // instant as written, or about to be (touch.go)
	held
}

func newSession(hash store.Hash, rec *store.Session) *session {
	s := &session{hash: hash, expires: instantOf(rec.ExpiresAt), kept: newKept(rec.Tokens)}
	s.idle.Store(uint32(instantOf(rec.IdleExpiresAt)))
	s.seen.Store(uint32(instantOf(rec.LastSeen)))
	s.identity.Store(unread(rec.Subject))
	return s
}

func (s *session) key() store.Hash { return s.hash }

func (s *session) live(now instant) bool { return now < instant(s.idle.Load()) && now < s.expires }

// instant is a time in whole seconds of the Unix epoch. Those that do not fit, from the
// year 2106 on, are all the last one.
type instant uint32

func instantOf(t time.Time) instant { return instant(min(max(t.Unix(), 0), math.MaxUint32)) }

func (i instant) time() time.Time { return time.Unix(int64(i), 0).UTC() }

func (i instant) add(d time.Duration) instant { return instantOf(i.time().Add(d)) }

func (g *Gate) now() instant { return instantOf(g.cfg.Now()) }

// identify is who sends r, by the session cookie, and the session; nil for a
// stranger. An error means that the store could not say.
func (g *Gate) identify(r *http.Request, o *origin) (store.Hash, *Identity, error) {
	value, ok := secretCookie(r.Header, o.sessionCookie)
	if !ok {
		return store.Hash{}, nil, nil
	}
	hash := hashSecret(value)
	now := g.now()
	s, id, err := g.whose(r.Context(), hash, now)
	if err != nil || id == nil {
		return hash, nil, err
	}
	s.mark()
	id.mark()
	if seen := instant(s.seen.Load()); now > seen && now-seen > g.touches.every {
		g.touches.add(s, seen, now)
	}
	return hash, id, nil
}

// whose is who has the session, nil for nobody. It does not count as use.
func (g *Gate) whose(ctx context.Context, hash store.Hash, now instant) (*session, *Identity, error) {
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
		s, held = g.sessions.add(gen, s, func(*session) bool { return true })
	}
	if held {
		g.fast.put(s, g.sessions.len())
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
		g.people.drop(store.HashOf(e.ID))
	case e.Kind == store.EventMirror:
		g.objects.Add(1)
	}
}
