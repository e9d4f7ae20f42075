package storetest

import (
	"slices"
	"sync"
	"testing"

	"github.com/caddyito/caddyito/store"
)

func testWatch(t *testing.T, p *place) {
	var mu sync.Mutex
	var events []store.Event
	stop := p.s.Watch(func(e store.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
	})
	take := func() []store.Event {
		mu.Lock()
		defer mu.Unlock()
		got := events
		events = nil
		return got
	}
	session := newSession("server", "s", "7", "sid")
	session2 := newSession("server", "s2", "7", "sid")
	user := newUser("u")
	object := company("c")
	sessionEvent := store.Event{Kind: store.EventSession, Realm: "server", Hash: session.Hash}
	for _, step := range []struct {
		name string
		do   func(tx store.WriteTx) error
		want []store.Event
	}{
		{"a user", func(tx store.WriteTx) error { return tx.PutUser(user, nil) }, []store.Event{{Kind: store.EventFeed}}},
		{"an object", func(tx store.WriteTx) error { return tx.PutObject(object, nil) }, []store.Event{{Kind: store.EventFeed}}},
		{"a session", func(tx store.WriteTx) error { return tx.PutSession(session) }, []store.Event{sessionEvent}},
		{"a touch", func(tx store.WriteTx) error {
			return tx.TouchSession("server", session.Hash, day.AddDate(0, 0, 1), day.AddDate(0, 0, 1))
		}, []store.Event{sessionEvent}},
		{"the end of a session", func(tx store.WriteTx) error { return tx.DeleteSession("server", session.Hash) }, []store.Event{sessionEvent}},
		{"two sessions", func(tx store.WriteTx) error {
			if err := tx.PutSession(session); err != nil {
				return err
			}
			return tx.PutSession(session2)
		}, []store.Event{sessionEvent, {Kind: store.EventSession, Realm: "server", Hash: session2.Hash}}},
		{"the end of all sessions of a subject", func(tx store.WriteTx) error {
			_, err := tx.DeleteSessionsOf("server", "7", store.Hash{})
			return err
		}, []store.Event{sessionEvent, {Kind: store.EventSession, Realm: "server", Hash: session2.Hash}}},
		{"a record", func(tx store.WriteTx) error {
			return tx.PutMirrorRecord("wiki", &store.Record{Type: "user", ID: "1"})
		}, []store.Event{{Kind: store.EventMirror, Realm: "wiki", Type: "user", ID: "1"}}},
		{"a mirror's end", func(tx store.WriteTx) error { return tx.DeleteMirror("wiki") }, []store.Event{{Kind: store.EventMirror, Realm: "wiki"}}},
		{"a client", func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "c"}) }, []store.Event{{Kind: store.EventClients}}},
		{"a client's end", func(tx store.WriteTx) error { return tx.DeleteClient("c") }, []store.Event{{Kind: store.EventClients}}},
		{"a key", func(tx store.WriteTx) error { return tx.PutSigningKey(&store.SigningKey{KID: "k"}) }, []store.Event{{Kind: store.EventSigningKeys}}},
		{"a key's end", func(tx store.WriteTx) error { return tx.DeleteSigningKey("k") }, []store.Event{{Kind: store.EventSigningKeys}}},
		{"an object's end", func(tx store.WriteTx) error { return tx.DeleteObject(store.Ref{Type: "company", ID: object.ID}) }, []store.Event{{Kind: store.EventFeed}}},
		{"a user's end", func(tx store.WriteTx) error { return tx.DeleteUser(user.ID) }, []store.Event{{Kind: store.EventFeed}}},
		{"a logout", func(tx store.WriteTx) error { return tx.PutLogout(newLogout("c", "s")) }, []store.Event{{Kind: store.EventLogouts}}},
		{"a credential", func(tx store.WriteTx) error { return tx.PutCredential(&store.Credential{UserID: 1}) }, nil},
		{"nothing", func(tx store.WriteTx) error { return nil }, nil},
	} {
		p.update(step.do)
		// Before Update returns, and each event once.
		if got := take(); !sameSet(got, step.want) {
			t.Errorf("%s: %v; want %v", step.name, got, step.want)
		}
	}
	p.fails(func(tx store.WriteTx) error {
		if err := everything(0, tx); err != nil {
			return err
		}
		return errRefused
	})
	if got := take(); len(got) != 0 {
		t.Errorf("a failed transaction told %v", got)
	}
	// Among a crowd, those who succeed are told of and those who fail are not.
	race(p, func(i int, tx store.WriteTx) error {
		if err := tx.PutSession(newSession("server", name("r", i), "9", "")); err != nil {
			return err
		}
		if i%2 == 1 {
			return errRefused
		}
		return nil
	})
	got := take()
	for i := range crowd {
		told := slices.Contains(got, store.Event{Kind: store.EventSession, Realm: "server", Hash: store.HashOf(name("r", i))})
		if told != (i%2 == 0) {
			t.Errorf("of %d it was told: %v", i, told)
		}
	}
	// An event comes after the commit: what it names can be read as it now is,
	// by whoever it wakes.
	woken := make(chan struct{}, crowd)
	stop2 := p.s.Watch(func(store.Event) { woken <- struct{}{} })
	p.update(func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "late"}) })
	<-woken
	must(p, func(tx store.ReadTx) (*store.Client, error) { return tx.Client("late") })
	stop2()
	take()
	stop()
	p.update(func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "later"}) })
	if got := take(); len(got) != 0 {
		t.Errorf("after stop came %v", got)
	}
	stop() // twice is fine
}
