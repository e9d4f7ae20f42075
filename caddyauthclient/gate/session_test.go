package gate

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// watchedStore counts transactions, and does something between a read and its
// return.
type watchedStore struct {
	store.Store
	views, updates atomic.Int64
	afterView      atomic.Pointer[func()]
	fail           atomic.Pointer[error]
}

func (s *watchedStore) View(ctx context.Context, fn func(store.ReadTx) error) error {
	s.views.Add(1)
	if err := s.fail.Load(); err != nil {
		return *err
	}
	err := s.Store.View(ctx, fn)
	if f := s.afterView.Swap(nil); f != nil {
		(*f)()
	}
	return err
}

func (s *watchedStore) Update(ctx context.Context, fn func(store.WriteTx) error) error {
	s.updates.Add(1)
	return s.Store.Update(ctx, fn)
}

func watch(h *house) (*watchedStore, func(*Config)) {
	w := &watchedStore{Store: h.store}
	return w, func(c *Config) { c.Store = w }
}

func (h *house) sessionHash(b *browser) store.Hash {
	return store.HashOf(b.cookies[b.g.origins[0].sessionCookie])
}

func (h *house) deleteSession(hash store.Hash) {
	h.update(func(tx store.WriteTx) error { return tx.DeleteSession("wiki", hash) })
}

func TestRequestsTouchTheStoreOnce(t *testing.T) {
	h := newHouse(t)
	w, change := watch(h)
	b := newBrowser(h.newGate(change))
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	seen(t, b.get("/"))
	views, updates := w.views.Load(), w.updates.Load()
	for range 100 {
		seen(t, b.get("/"))
	}
	if w.views.Load() != views || w.updates.Load() != updates {
		t.Errorf("100 requests made %d reads and %d writes", w.views.Load()-views, w.updates.Load()-updates)
	}
}

func TestWhatEndsASessionIsSeenByTheNextRequest(t *testing.T) {
	for name, end := range map[string]func(*house, *browser){
		"session deleted": func(h *house, b *browser) { h.deleteSession(h.sessionHash(b)) },
		"all of the user's deleted": func(h *house, b *browser) {
			h.update(func(tx store.WriteTx) error {
				_, err := tx.DeleteSessionsOf("wiki", "1", store.Hash{})
				return err
			})
		},
		"user disabled":  func(h *house, _ *browser) { h.setUser("1", func(r *store.Record) { r.Fields["is_active"] = false }) },
		"user deleted":   func(h *house, _ *browser) { h.setUser("1", func(r *store.Record) { r.Deleted = true }) },
		"is_active gone": func(h *house, _ *browser) { h.setUser("1", func(r *store.Record) { delete(r.Fields, "is_active") }) },
		"mirror deleted": func(h *house, _ *browser) { h.update(func(tx store.WriteTx) error { return tx.DeleteMirror("wiki") }) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.ours()
			b := newBrowser(h.gate)
			wantStatus(t, b.signIn(h.issuer, "/"), 303)
			seen(t, b.get("/"))
			end(h, b)
			wantStatus(t, b.get("/"), 302)
			if got := seen(t, b.get("/public/x")); got.Get("Remote-User") != "" {
				t.Error("still known on public paths")
			}
		})
	}
}

func TestADisabledUserWhoIsEnabledAgainIsBack(t *testing.T) {
	h := newHouse(t)
	h.ours()
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	h.setUser("1", func(r *store.Record) { r.Fields["is_active"] = false })
	wantStatus(t, b.get("/"), 302)
	h.setUser("1", func(r *store.Record) { r.Fields["is_active"] = true; r.Fields["username"] = "anna" })
	if got := seen(t, b.get("/")).Get("Remote-User"); got != "anna" {
		t.Errorf("Remote-User %q", got)
	}
}

// A read that was under way when the session ended must not bring it back into
// the cache.
func TestAReadThatIsOvertakenIsNotKept(t *testing.T) {
	for name, end := range map[string]func(*house, *browser){
		"session": func(h *house, b *browser) { h.deleteSession(h.sessionHash(b)) },
		"user":    func(h *house, _ *browser) { h.setUser("1", func(r *store.Record) { r.Fields["is_active"] = false }) },
		"object": func(h *house, _ *browser) {
			h.update(func(tx store.WriteTx) error {
				return tx.PutMirrorRecord("wiki", &store.Record{Type: "company", ID: "7", Version: 99, Fields: store.Fields{"name": "New"}})
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(c *Config) { c.Headers = []Header{{"X-Company", "company.name"}} })
			h.ours()
			w, change := watch(h)
			b := newBrowser(h.newGate(change, func(c *Config) { c.Headers = []Header{{"X-Company", "company.name"}} }))
			wantStatus(t, b.signIn(h.issuer, "/"), 303)
			hook := func() { end(h, b) }
			if name != "session" {
				g := b.g // the session is read before; stop at the second read
				if s, err := g.session(context.Background(), h.sessionHash(b)); err != nil || s == nil {
					t.Fatal(err)
				}
			}
			w.afterView.Store(&hook)
			seen(t, b.get("/")) // at the same time as the end: either answer is right
			if w.afterView.Load() != nil {
				t.Fatal("the read did not happen; the test proves nothing")
			}
			if name == "object" {
				if got := seen(t, b.get("/")).Get("X-Company"); got != "New" {
					t.Errorf("X-Company %q", got)
				}
				return
			}
			wantStatus(t, b.get("/"), 302)
		})
	}
}

// Readers run all the time; once the Update that ends a session or disables a
// user has returned, no request that begins then may pass.
func TestRevocationUnderConcurrentReaders(t *testing.T) {
	h := newHouse(t)
	h.ours()
	b := newBrowser(h.gate)
	for round := range 30 {
		b.cookies = map[string]string{}
		wantStatus(t, b.signIn(h.issuer, "/"), 303)
		var ended atomic.Bool
		var wg sync.WaitGroup
		stop := make(chan struct{})
		started := make(chan struct{}, 4)
		for range 4 {
			wg.Go(func() {
				first := true
				for {
					select {
					case <-stop:
						return
					default:
					}
					r := b.request("GET", "/")
					was := ended.Load()
					d := h.gate.Decide(r)
					if was && d.Verdict == Pass {
						t.Error("passed after the end")
						return
					}
					if first {
						first = false
						started <- struct{}{}
					}
				}
			})
		}
		for range 4 {
			<-started
		}
		if round%2 == 0 {
			h.deleteSession(h.sessionHash(b))
		} else {
			h.setUser("1", func(r *store.Record) { r.Fields["is_active"] = false })
		}
		ended.Store(true)
		for range 50 {
			if d := h.gate.Decide(b.request("GET", "/")); d.Verdict == Pass {
				t.Fatal("passed after the end")
			}
		}
		close(stop)
		wg.Wait()
		if round%2 == 1 {
			h.setUser("1", func(r *store.Record) { r.Fields["is_active"] = true })
		}
	}
}

func TestLimitsOfASession(t *testing.T) {
	limits := func(c *Config) { c.SessionIdle, c.SessionAbsolute = time.Hour, 5*time.Hour }
	h := newHouse(t, limits)
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	// Used every half hour it lives, to the absolute limit.
	for range 9 {
		h.clock.add(30 * time.Minute)
		seen(t, b.get("/"))
	}
	h.clock.add(31 * time.Minute)
	wantStatus(t, b.get("/"), 302)

	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	h.clock.add(61 * time.Minute)
	wantStatus(t, b.get("/"), 302)
}

func TestUseIsWrittenLaterAndTogether(t *testing.T) {
	h := newHouse(t)
	w, change := watch(h)
	limits := func(c *Config) { c.SessionIdle = time.Hour }
	g := h.newGate(change, limits)
	browsers := make([]*browser, 20)
	for i := range browsers {
		browsers[i] = newBrowser(g)
		wantStatus(t, browsers[i].signIn(h.issuer, "/"), 303)
	}
	h.clock.add(40 * time.Minute)
	used := h.clock.now()
	before := w.updates.Load()
	for _, b := range browsers {
		for range 5 {
			seen(t, b.get("/"))
		}
	}
	if n := w.updates.Load() - before; n != 0 {
		t.Errorf("%d writes while requests were served", n)
	}
	gone := h.sessionHash(browsers[19])
	h.deleteSession(gone)
	g.Close() // flushes
	if n := w.updates.Load() - before; n != 1 {
		t.Errorf("%d writes for 20 sessions, want 1", n)
	}
	err := h.store.View(context.Background(), func(tx store.ReadTx) error {
		for _, b := range browsers[:19] {
			s, err := tx.Session("wiki", h.sessionHash(b))
			if err != nil {
				return err
			}
			if d := s.LastSeen.Sub(used); d < -time.Second || d > time.Second || s.IdleExpiresAt.Sub(s.LastSeen) != time.Hour {
				t.Errorf("last seen %v, idle until %v; used %v", s.LastSeen, s.IdleExpiresAt, used)
			}
		}
		if _, err := tx.Session("wiki", gone); err == nil {
			t.Error("a touch brought a session back")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// A new gate (after a reload) sees the use.
	b := browsers[0]
	b.g = h.newGate(limits)
	h.clock.add(40 * time.Minute)
	seen(t, b.get("/"))
}

func TestSessionsOutliveTheGate(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	h.gate.Close()
	h.gate.Close()
	b.g = h.newGate()
	seen(t, b.get("/"))
}

func TestAClosedGateAsksTheStore(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	seen(t, b.get("/"))
	h.gate.Close()
	seen(t, b.get("/"))
	h.deleteSession(h.sessionHash(b))
	wantStatus(t, b.get("/"), 302)
}

func TestAStoreThatFails(t *testing.T) {
	h := newHouse(t)
	w, change := watch(h)
	b := newBrowser(h.newGate(change))
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	closed := store.ErrClosed
	w.fail.Store(&closed)
	wantStatus(t, b.get("/page"), 503)
	wantStatus(t, b.get("/oidc/me"), 503)
	if got := seen(t, b.get("/public/x")); got.Get("Remote-User") != "" {
		t.Error("known on a public path although the store cannot say")
	}
	stranger := newBrowser(b.g)
	wantStatus(t, stranger.get("/page"), 302)
	w.fail.Store(nil)
	seen(t, b.get("/page"))

	h.store.Close()
	b.g.sessions.dropAll()
	wantStatus(t, b.get("/page"), 503)
	b.header.Set("Sec-Fetch-Site", "same-origin")
	wantStatus(t, b.get("/oidc/logout"), 503)
}

func TestMemoryIsBounded(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.CacheSize = 10 })
	var all []*browser
	for i := range 50 {
		h.issuer.userinfo = map[string]any{"sub": fmt.Sprint("u-", i), "preferred_username": fmt.Sprint("user", i)}
		h.issuer.claims = func(c map[string]any) { c["sub"] = fmt.Sprint("u-", i) }
		b := newBrowser(h.gate)
		wantStatus(t, b.signIn(h.issuer, "/"), 303)
		all = append(all, b)
	}
	h.clock.add(10 * time.Minute) // so that all want to be touched, too
	for range 2 {
		for i, b := range all {
			if got := seen(t, b.get("/")).Get("Remote-User"); got != fmt.Sprint("user", i) {
				t.Fatalf("user%d is %q", i, got)
			}
		}
	}
	if s, p := h.gate.sessions.len(), h.gate.people.len(); s > 10 || p > 10 {
		t.Errorf("%d sessions and %d people in memory", s, p)
	}
	h.gate.touches.mu.Lock()
	if n := len(h.gate.touches.pending); n > 10 {
		t.Errorf("%d touches pending", n)
	}
	h.gate.touches.mu.Unlock()
	// Whoever the cache let go of is told of changes all the same.
	h.setUser("u-3", func(r *store.Record) { r.Fields["is_active"] = false })
	wantStatus(t, all[3].get("/"), 302)
}

func TestEventsOfOthersDoNotMatter(t *testing.T) {
	h := newHouse(t)
	w, change := watch(h)
	b := newBrowser(h.newGate(change))
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	seen(t, b.get("/"))
	h.update(func(tx store.WriteTx) error {
		if err := tx.PutMirrorRecord("other", &store.Record{Type: "user", ID: "u-1", Fields: store.Fields{}}); err != nil {
			return err
		}
		return tx.PutSession(&store.Session{Realm: "other", Hash: h.sessionHash(b), Subject: "x", ExpiresAt: h.clock.now()})
	})
	views := w.views.Load()
	seen(t, b.get("/"))
	if w.views.Load() != views {
		t.Error("another gate's change emptied the cache")
	}
	b.g.follow(store.Event{Kind: store.EventAll})
	seen(t, b.get("/"))
	if w.views.Load() == views {
		t.Error("EventAll did not empty the cache")
	}
}

func TestASessionOfAnotherGateDoesNotCount(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	other := h.newGate(func(c *Config) { c.Name = "other" })
	stolen := newBrowser(other)
	stolen.cookies[other.origins[0].sessionCookie] = b.cookies[h.gate.origins[0].sessionCookie]
	wantStatus(t, stolen.get("/"), 302)
}

// Whoever still holds what the cache replaced must learn that it is stale.
func TestWhatLeavesTheCacheIsDropped(t *testing.T) {
	const old, fresh, fresher, b, c, d = 1, 2, 3, 4, 5, 6
	var dropped []int
	held := newCache(2, func(e *entry) {
		if !e.left {
			t.Errorf("%d was dropped and had not left", e.number)
		}
		dropped = append(dropped, e.number)
	})
	add := func(gen uint64, name, number int) (int, bool) {
		e, ok := held.add(gen, &entry{name: name, number: number}, func(e *entry) bool { return e.number != old })
		return e.number, ok
	}
	add(held.generation(), 1, old)
	if v, ok := add(held.generation(), 1, fresh); v != fresh || !ok {
		t.Errorf("add gave %d %v", v, ok)
	}
	if v, ok := add(held.generation(), 1, fresher); v != fresh || !ok {
		t.Errorf("add gave %d %v instead of what is current", v, ok)
	}
	add(held.generation(), 2, b)
	if e, ok := held.peek(1); ok {
		e.used = true
	}
	add(held.generation(), 3, c) // b was not used
	gen := held.generation()
	held.drop(3)
	if _, ok := add(gen, 4, d); ok {
		t.Error("kept what was read before a drop")
	}
	held.dropAll()
	if want := []int{old, b, c, fresh}; !slices.Equal(dropped, want) || held.len() != 0 {
		t.Errorf("dropped %v, want %v", dropped, want)
	}
}
