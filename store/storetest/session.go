package storetest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func newSession(realm, secret, subject, sid string) *store.Session {
	return &store.Session{
		Realm: realm, Hash: store.HashOf(secret), Subject: subject, SID: sid, IDToken: "x.y.z",
		CreatedAt: day, AuthTime: day, LastSeen: day,
		IdleExpiresAt: day.Add(time.Hour), ExpiresAt: day.Add(24 * time.Hour), IP: "::1", UserAgent: "curl", Remember: subject == "7",
	}
}

func putSession(p *place, s *store.Session) *store.Session {
	p.t.Helper()
	p.update(func(tx store.WriteTx) error { return tx.PutSession(s) })
	return s
}

func readSession(realm, secret string) func(store.ReadTx) (*store.Session, error) {
	return func(tx store.ReadTx) (*store.Session, error) { return tx.Session(realm, store.HashOf(secret)) }
}

func testSession(t *testing.T, p *place) {
	s := newSession("server", "a", "7", "sid")
	gone(p, "no session", readSession("server", "a"))
	putSession(p, s)
	if got := must(p, readSession("server", "a")); !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v; want %+v", got, s)
	}
	gone(p, "another realm", readSession("wiki", "a"))
	gone(p, "another hash", readSession("server", "b"))
	s.IDToken, s.UserAgent, s.Methods, s.FactorTime, s.Tokens = "", "", []string{"pwd", "otp", "mfa"}, day.Add(time.Second), []byte{0, 255, 10}
	putSession(p, s)
	if got := must(p, readSession("server", "a")); !reflect.DeepEqual(got, s) {
		t.Errorf("replaced: got %+v; want %+v", got, s)
	}
	del := func(tx store.WriteTx) error { return tx.DeleteSession("server", s.Hash) }
	p.update(del)
	gone(p, "a deleted session", readSession("server", "a"))
	notFound(t, "deleting twice", p.fails(del))
}

func testSessionTouch(t *testing.T, p *place) {
	s := putSession(p, newSession("server", "a", "7", "sid"))
	touch := func(seen, idle time.Time) func(store.WriteTx) error {
		return func(tx store.WriteTx) error { return tx.TouchSession("server", s.Hash, seen, idle) }
	}
	p.update(touch(day.Add(time.Minute), day.Add(61*time.Minute)))
	s.LastSeen, s.IdleExpiresAt = day.Add(time.Minute), day.Add(61*time.Minute)
	if got := must(p, readSession("server", "a")); !reflect.DeepEqual(got, s) {
		t.Errorf("touched: got %+v; want %+v", got, s)
	}
	p.update(touch(day, day)) // never back
	if got := must(p, readSession("server", "a")); !reflect.DeepEqual(got, s) {
		t.Errorf("touched backwards: got %+v; want %+v", got, s)
	}
	p.update(touch(day.Add(2*time.Minute), day)) // each on its own
	s.LastSeen = day.Add(2 * time.Minute)
	if got := must(p, readSession("server", "a")); !reflect.DeepEqual(got, s) {
		t.Errorf("touched in part: got %+v; want %+v", got, s)
	}
	p.update(touch(day, day.Add(2*time.Hour)))
	if got := must(p, readSession("server", "a")); !got.LastSeen.Equal(s.LastSeen) || !got.IdleExpiresAt.Equal(day.Add(2*time.Hour)) {
		t.Errorf("touched in part: %+v", got)
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteSession("server", s.Hash) })
	notFound(t, "touching what is gone", p.fails(touch(day.Add(time.Hour), day.Add(3*time.Hour))))
	gone(p, "a session touched after its end", readSession("server", "a"))

	// A crowd that touches cannot bring back what one of them ends.
	putSession(p, s)
	race(p, func(i int, tx store.WriteTx) error {
		if i == crowd/2 {
			return tx.DeleteSession("server", s.Hash)
		}
		return tx.TouchSession("server", s.Hash, day.Add(time.Duration(i)*time.Minute), day.Add(time.Hour))
	})
	gone(p, "an ended session among touches", readSession("server", "a"))
}

func testSessionLists(t *testing.T, p *place) {
	add := func(realm, secret, subject, sid string, age time.Duration) {
		t.Helper()
		s := newSession(realm, secret, subject, sid)
		s.CreatedAt = day.Add(-age)
		putSession(p, s)
	}
	add("server", "new", "7", "s1", time.Minute)
	add("server", "old", "7", "s2", time.Hour)
	add("server", "mid", "7", "s1", 2*time.Minute)
	add("server", "other", "77", "s3", 0)
	add("wiki", "gate", "7", "s1", 0)
	add("wiki", "nosid", "8", "", 0)
	for limit, want := range map[int]int{100: 4, 3: 3, 0: 0} {
		if n := must(p, func(tx store.ReadTx) (int, error) { return tx.CountSessions("server", limit) }); n != want {
			t.Errorf("counted %d sessions of at most %d; want %d", n, limit, want)
		}
	}
	list := func(what, a, b string) (secrets []string) {
		t.Helper()
		sessions := must(p, func(tx store.ReadTx) ([]*store.Session, error) {
			if what == "subject" {
				return tx.SessionsOf(a, b)
			}
			return tx.SessionsBySID(a, b)
		})
		for _, s := range sessions {
			for _, secret := range []string{"new", "old", "mid", "other", "gate", "nosid"} {
				if s.Hash == store.HashOf(secret) {
					secrets = append(secrets, secret)
				}
			}
		}
		return secrets
	}
	if got := list("subject", "server", "7"); !slices.Equal(got, []string{"new", "mid", "old"}) {
		t.Errorf("sessions of 7 are %q; want the newest first", got)
	}
	if got := list("sid", "server", "s1"); !sameSet(got, []string{"new", "mid"}) {
		t.Errorf("sessions of sid s1 are %q", got)
	}
	if got := list("sid", "wiki", "s1"); !sameSet(got, []string{"gate"}) {
		t.Errorf("sessions of sid s1 in another realm are %q", got)
	}
	if got := list("sid", "wiki", ""); len(got) != 0 {
		t.Errorf("sessions without a sid are listed: %q", got)
	}
	// A session that changes hands is listed where it is now.
	add("server", "mid", "8", "s9", 0)
	if a, b := list("subject", "server", "7"), list("subject", "server", "8"); !slices.Equal(a, []string{"new", "old"}) || !slices.Equal(b, []string{"mid"}) {
		t.Errorf("after one changed hands: %q and %q", a, b)
	}
	if a, b := list("sid", "server", "s1"), list("sid", "server", "s9"); !slices.Equal(a, []string{"new"}) || !slices.Equal(b, []string{"mid"}) {
		t.Errorf("after one changed its sid: %q and %q", a, b)
	}
	end := func(subject string, keep store.Hash) (n int) {
		t.Helper()
		p.update(func(tx store.WriteTx) error {
			var err error
			n, err = tx.DeleteSessionsOf("server", subject, keep)
			return err
		})
		return n
	}
	if n := end("7", store.HashOf("new")); n != 1 {
		t.Errorf("ended %d; want 1", n)
	}
	if got := list("subject", "server", "7"); !slices.Equal(got, []string{"new"}) {
		t.Errorf("after all others ended: %q", got)
	}
	gone(p, "an ended session", readSession("server", "old"))
	if n := end("7", store.Hash{}); n != 1 {
		t.Errorf("ended %d; want 1", n)
	}
	if n := end("7", store.Hash{}); n != 0 {
		t.Errorf("ended %d of none", n)
	}
	must(p, readSession("wiki", "gate"))
	must(p, readSession("server", "other"))
}
