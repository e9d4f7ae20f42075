package gate

import (
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

func TestOffline(t *testing.T) {
	h := newHouse(t)
	h.gate.cfg.Offline = MinOffline
	h.ours()
	b := newBrowser(h.gate)
	h.gate.receiver.Mirror.Secret = syncSecret // the issuer of these tests knows another
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	w := b.get("/")
	wantStatus(t, w, 503) // the server never vouched for the mirror
	if w.Header().Get("Retry-After") == "" {
		t.Error("it does not say when to try again")
	}
	if _, _, ok := h.gate.MirrorAt(); ok {
		t.Error("a mirror that was never vouched for has an age")
	}
	heard := func(after, upto uint64) {
		t.Helper()
		ann := usersync.Change{Type: "user", ID: 1, Version: upto, Data: store.Fields{"username": "ann", "is_active": true}}
		wantStatus(t, push(t, h.gate, &usersync.Batch{Feed: "f", After: after, Upto: upto, Head: upto, Changes: []usersync.Change{ann}}, syncSecret), 200)
		h.clock.add(time.Second)
	}
	heard(0, 100)
	seen(t, b.get("/"))
	h.clock.add(MinOffline - 2*time.Second)
	seen(t, b.get("/"))
	h.clock.add(2 * time.Second)
	wantStatus(t, b.get("/"), 503)
	wantStatus(t, b.get("/oidc/me"), 200) // says how old it is
	if got := seen(t, b.get("/public/x")).Get("Remote-User"); got != "" {
		t.Errorf("on a public path the app is told %q", got)
	}
	heard(100, 101)
	seen(t, b.get("/"))

	// A clock that went wrong and was put right does not make the mirror new.
	const year = 365 * 24 * time.Hour
	h.clock.add(-2 * time.Second) // a second ahead, as after any correction
	seen(t, b.get("/"))
	h.gate.heard.at.Store(h.clock.now().Add(year).UnixNano()) // what the gate knows by itself
	seen(t, b.get("/"))                                       // the store knows better
	update := func(at time.Time) {
		err := h.store.Update(t.Context(), func(tx store.WriteTx) error {
			s, err := tx.MirrorState(h.gate.cfg.Name)
			if err != nil {
				return err
			}
			s.At = at
			return tx.PutMirrorState(h.gate.cfg.Name, s)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	update(h.clock.now().Add(year))
	h.gate.heard.at.Store(0)
	h.clock.add(2 * time.Second) // past lookEvery
	wantStatus(t, b.get("/"), 503)
	heard(101, 102)
	seen(t, b.get("/"))
}

// A store that takes its time lets nobody be refused while one looks into it: the
// server was heard from, only this gate does not know yet.
func TestOfflineManyAtOnce(t *testing.T) {
	h := newHouse(t)
	h.gate.cfg.Offline = MinOffline
	h.ours()
	b := newBrowser(h.gate)
	h.gate.receiver.Mirror.Secret = syncSecret
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	ann := usersync.Change{Type: "user", ID: 1, Version: 1, Data: store.Fields{"username": "ann", "is_active": true}}
	wantStatus(t, push(t, h.gate, &usersync.Batch{Feed: "f", Upto: 1, Head: 1, Changes: []usersync.Change{ann}}, syncSecret), 200)
	for range 3 {
		h.gate.heard.at.Store(0)
		looks, goOn := &watchedStore{Store: h.store}, make(chan struct{})
		wait := func() { <-goOn }
		looks.afterView.Store(&wait)
		h.gate.cfg.Store = looks
		var many sync.WaitGroup
		for range 20 {
			many.Go(func() {
				if h.gate.outdated() {
					t.Error("outdated")
				}
			})
		}
		time.Sleep(20 * time.Millisecond) // all come, or nearly
		close(goOn)
		many.Wait()
		if n := looks.views.Load(); n != 1 {
			t.Errorf("%d looked", n)
		}
	}
}
