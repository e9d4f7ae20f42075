package usersync

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func apply(t testing.TB, m *Mirror, b *Batch) (Position, bool) {
	t.Helper()
	p, ok, err := m.Apply(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return p, ok
}

// fill brings the mirror to the head, as a sender does.
func fill(t testing.TB, m *Mirror, s store.Store) {
	t.Helper()
	p, err := m.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		b := next(t, s, p)
		b.IssuedAt = time.Now().Unix()
		var ok bool
		if p, ok = apply(t, m, b); ok && p.Upto == b.Head {
			return
		}
	}
	t.Fatal("the mirror never gets there")
}

func same(t testing.TB, m *Mirror, s store.Store) {
	t.Helper()
	feed, state := feedOf(t, s), mirrorState(t, m.Store, m.Name)
	if state.FeedID != feed.ID || state.Seq != feed.Head || state.Digest != feed.Digest {
		t.Errorf("the mirror stands at %s %d with digest %x; the server at %s %d with %x",
			state.FeedID, state.Seq, state.Digest, feed.ID, feed.Head, feed.Digest)
	}
}

func TestMirrorHolds(t *testing.T) {
	s := openStore(t)
	directory(t, s, 1200)
	m := newMirror(t, openStore(t))
	fill(t, m, s)
	same(t, m, s)
	u := record(t, m.Store, "user", 1)
	if u.Fields["username"] != "u0" || u.Fields["company"] != (store.Ref{Type: "company", ID: 1}) || u.Fields["is_active"] != true {
		t.Errorf("the mirror has %v", u.Fields)
	}
	for _, name := range []string{"is_staff", "is_superuser"} {
		if v, there := u.Fields[name]; there {
			t.Errorf("%s = %v left the server", name, v)
		}
	}
}

// A batch ends after 500 changes or 1 MB, and the largest record that there can be
// fits into one, whatever is in it.
func TestBatchLimits(t *testing.T) {
	schema := &store.Schema{Objects: []store.ObjectType{{Name: "page"}}}
	for i := range 50 {
		schema.Objects[0].Fields = append(schema.Objects[0].Fields, store.Field{Name: "text" + strconv.Itoa(i), Type: store.Text})
	}
	all := NewView(schema, "wiki", "", nil)
	s := openStore(t)
	put := func(text string, bytes int) {
		t.Helper()
		page := &store.Object{Type: "page", Fields: store.Fields{}}
		for i := 0; bytes > 0; i++ {
			n := min(10_000, bytes/len(text))
			page.Fields["text"+strconv.Itoa(i)], bytes = strings.Repeat(text, n), bytes-n*len(text)
		}
		update(t, s, func(tx store.WriteTx) error { return store.SaveObject(tx, schema, page) })
	}
	directory(t, s, 600)
	for range 30 {
		put("x", 100_000)
	}
	for _, text := range []string{"<", `"`, "😀", "x"} {
		put(text, 500_000)
	}
	var sizes []int
	m := newMirror(t, openStore(t))
	for p, head := (Position{}), feedOf(t, s).Head; p.Upto < head; {
		var b *Batch
		view(t, s, func(tx store.ReadTx) (err error) {
			b, err = nextBatch(tx, all, p)
			return err
		})
		b.Issuer, b.Audience = issuer, "wiki"
		token, err := Sign(b, key(t), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if b, err = m.Verify(token); err != nil {
			t.Fatalf("after %d: %v", p.Upto, err)
		}
		sizes = append(sizes, len(b.Changes))
		p, _ = apply(t, m, b)
	}
	same(t, m, s)
	if want := []int{500, 111, 10, 10, 1, 1, 2}; !slices.Equal(sizes, want) {
		t.Errorf("batches have %v changes; want %v", sizes, want)
	}
}

func TestPrivateFieldsStay(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx store.WriteTx) error {
		if err := tx.PutObject(&store.Object{Type: "company", Fields: store.Fields{"name": "Acme", "margin": "9", "gone": "x"}}, nil); err != nil {
			return err
		}
		return tx.PutUser(&store.User{Username: "a", IsActive: true, DateJoined: day, Fields: store.Fields{"phone": "1", "salary": "2", "gone": "x"}}, nil)
	})
	schema := &store.Schema{
		User:    []store.Field{{Name: "phone", Type: store.Text}, {Name: "salary", Type: store.Text, Private: true}},
		Objects: []store.ObjectType{{Name: "company", Fields: []store.Field{{Name: "name", Type: store.Text}, {Name: "margin", Type: store.Text, Private: true}}}},
	}
	view(t, s, func(tx store.ReadTx) error {
		b, err := nextBatch(tx, NewView(schema, "wiki", "", nil), Position{})
		if err != nil {
			return err
		}
		for _, c := range b.Changes {
			for _, name := range []string{"salary", "margin", "gone"} {
				if _, there := c.Data[name]; there {
					t.Errorf("%s of a %s left the server", name, c.Type)
				}
			}
		}
		if b.Changes[1].Data["phone"] != "1" || b.Changes[0].Data["name"] != "Acme" {
			t.Errorf("what may leave does not: %+v", b.Changes)
		}
		return nil
	})
}

// A push makes nobody an admin, even one that a server signed.
func TestPushMakesNoAdmin(t *testing.T) {
	m := newMirror(t, openStore(t))
	apply(t, m, &Batch{Feed: "f", Upto: 1, Head: 1, IssuedAt: day.Unix(), Changes: []Change{{Type: "user", ID: 1, Version: 1, Data: store.Fields{
		"username": "a", "is_active": true, "is_superuser": true, "is_staff": true, "version": int64(9), "id": int64(2), "sub": "x", "Bad-Name": "x",
	}}}})
	got := record(t, m.Store, "user", 1)
	if len(got.Fields) != 2 || got.Fields["username"] != "a" {
		t.Errorf("the mirror took %v", got.Fields)
	}
}

// What the schema reserves of users alone, an object has as it is declared.
func TestFieldsOfObjects(t *testing.T) {
	sch := store.DefaultSchema()
	for _, name := range []string{"sub", "fields", "username", "is_staff", "is_superuser", "caddyito_feed"} {
		sch.Objects[0].Fields = append(sch.Objects[0].Fields, store.Field{Name: name, Type: store.Text})
	}
	if err := sch.Check(); err != nil {
		t.Fatal(err)
	}
	fields := store.Fields{"name": "Acme", "sub": "a", "fields": "b", "username": "c", "is_staff": "d", "is_superuser": "e", "caddyito_feed": "f"}
	s, m := openStore(t), newMirror(t, openStore(t))
	update(t, s, func(tx store.WriteTx) error {
		return tx.PutObject(&store.Object{Type: "company", Fields: maps.Clone(fields)}, nil)
	})
	view(t, s, func(tx store.ReadTx) error {
		b, err := nextBatch(tx, NewView(sch, "wiki", "", nil), Position{})
		if err == nil {
			b.Issuer, b.Audience = issuer, "wiki"
			var token []byte
			if token, err = Sign(b, key(t), time.Now()); err == nil {
				b, err = m.Verify(token)
			}
		}
		if err == nil {
			_, _, err = m.Apply(t.Context(), b)
		}
		return err
	})
	if got := record(t, m.Store, "company", 1).Fields; !maps.Equal(got, fields) {
		t.Errorf("the mirror has %v", got)
	}
}

// Every order and repetition of batches ends in the same mirror.
func TestAnyOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 15 {
		s := openStore(t)
		directory(t, s, 3)
		m := newMirror(t, openStore(t))
		var sent []*Batch
		stops := []Position{{}}
		for range 25 {
			id := r.Int64N(6) + 1
			update(t, s, func(tx store.WriteTx) error {
				u, err := tx.User(id)
				switch {
				case err != nil:
					return tx.PutUser(&store.User{Username: "n" + strconv.Itoa(r.Int()), IsActive: true, DateJoined: day}, nil)
				case r.IntN(4) == 0:
					return tx.DeleteUser(id)
				}
				u.FirstName = strconv.Itoa(r.Int())
				return tx.PutUser(u, nil)
			})
			b := next(t, s, stops[r.IntN(len(stops))])
			sent = append(sent, b)
			stops = append(stops, at(b.Feed, b.Upto))
		}
		for range 80 { // lost, repeated, in any order
			p, ok := apply(t, m, sent[r.IntN(len(sent))])
			if ok && p.Upto > feedOf(t, s).Head {
				t.Fatalf("the mirror is at %d of %d", p.Upto, feedOf(t, s).Head)
			}
		}
		fill(t, m, s)
		same(t, m, s)
		digest := mirrorState(t, m.Store, "wiki").Digest
		for _, i := range r.Perm(len(sent)) { // replayed
			apply(t, m, sent[i])
		}
		if got := mirrorState(t, m.Store, "wiki").Digest; got != digest {
			t.Error("replayed batches changed the mirror")
		}
		same(t, m, s)
	}
}

func TestSessionsEnd(t *testing.T) {
	s := openStore(t)
	directory(t, s, 3)
	m := newMirror(t, openStore(t))
	fill(t, m, s)
	signIn := func(id string) {
		update(t, m.Store, func(tx store.WriteTx) error {
			return tx.PutSession(&store.Session{Realm: "wiki", Hash: store.HashOf(id), Subject: id, CreatedAt: day, AuthTime: day,
				LastSeen: day, IdleExpiresAt: day.AddDate(9, 0, 0), ExpiresAt: day.AddDate(9, 0, 0)})
		})
	}
	signedIn := func(id string) bool {
		var sessions []*store.Session
		view(t, m.Store, func(tx store.ReadTx) (err error) {
			sessions, err = tx.SessionsOf("wiki", id)
			return err
		})
		return len(sessions) > 0
	}
	m.Ended = new(atomic.Uint64)
	for _, id := range []string{"1", "2", "3"} {
		signIn(id)
	}
	before := next(t, s, Position{})
	setUser(t, s, 1, func(u *store.User) { u.IsActive = false })
	update(t, s, func(tx store.WriteTx) error { return tx.DeleteUser(2) })
	setUser(t, s, 3, func(u *store.User) { u.FirstName = "still here" })
	fill(t, m, s)
	if signedIn("1") || signedIn("2") || !signedIn("3") {
		t.Errorf("signed in: disabled %v, deleted %v, renamed %v; want only the last", signedIn("1"), signedIn("2"), signedIn("3"))
	}
	if n := m.Ended.Load(); n != 2 {
		t.Errorf("%d sessions are counted as ended, want 2", n)
	}
	apply(t, m, before) // a replay brings nobody back
	if r := record(t, m.Store, "user", 1); r.Fields["is_active"] != false {
		t.Errorf("a replay enabled a user: %v", r.Fields)
	}
	if r := record(t, m.Store, "user", 2); !r.Deleted {
		t.Errorf("a replay brought back a user: %v", r)
	}
}

// A mirror that came to hold something else repairs itself, and is of use
// meanwhile.
func TestDigestRepairs(t *testing.T) {
	s := openStore(t)
	directory(t, s, 1200)
	m := newMirror(t, openStore(t))
	fill(t, m, s)
	update(t, m.Store, func(tx store.WriteTx) error { // somebody meddled
		return tx.PutMirrorRecord("wiki", &store.Record{Type: "user", ID: "7777", Version: 3, Fields: store.Fields{"username": "ghost", "is_active": true}})
	})
	setUser(t, s, 5, func(u *store.User) { u.FirstName = "Eve" })
	feed := feedOf(t, s)
	p, ok := apply(t, m, next(t, s, at(feed.ID, feed.Head-1)))
	if ok || p != at(feed.ID, 0) {
		t.Fatalf("a mirror that differs says %v at %+v; want 0, to be filled anew", ok, p)
	}
	if record(t, m.Store, "user", 5).Fields["first_name"] != "Eve" {
		t.Error("what came with the batch that found it is not in force")
	}
	p, ok = apply(t, m, next(t, s, p))
	if !ok || p.Upto < batchChanges || p.Upto >= feed.Head {
		t.Fatalf("the first batch of filling anew: %v, %+v", ok, p)
	}
	if record(t, m.Store, "user", 1100) == nil {
		t.Error("the mirror is of no use while it is filled anew")
	}
	fill(t, m, s)
	same(t, m, s)
	if r := record(t, m.Store, "user", 7777); r != nil {
		t.Errorf("what was not seen is still there: %v", r)
	}
	if at := mirrorState(t, m.Store, m.fresh()); at != (store.MirrorState{}) {
		t.Errorf("the fresh mirror is left over: %+v", at)
	}
}

// A sign-in may bring a record before the feed does.
func TestSignInAhead(t *testing.T) {
	s := openStore(t)
	directory(t, s, 2)
	m := newMirror(t, openStore(t))
	fill(t, m, s)
	b := next(t, s, at(feedOf(t, s).ID, feedOf(t, s).Head))
	setUser(t, s, 1, func(u *store.User) { u.FirstName = "New" })
	var rec *store.Record
	view(t, s, func(tx store.ReadTx) error {
		u, err := tx.User(1)
		rec = u.Record()
		return err
	})
	update(t, m.Store, func(tx store.WriteTx) error {
		_, err := store.ApplyRecord(tx, "wiki", rec)
		return err
	})
	if p, ok := apply(t, m, b); !ok {
		t.Errorf("a mirror that is ahead is taken for a damaged one: %+v", p)
	}
	fill(t, m, s)
	same(t, m, s)
}

// Another feed: the server's database is another, or a backup was restored.
func TestOtherFeed(t *testing.T) {
	old, restored := openStore(t), openStore(t)
	directory(t, old, 30)
	directory(t, restored, 5)
	m := newMirror(t, openStore(t))
	fill(t, m, old)
	replay := next(t, old, Position{})
	replay.IssuedAt = time.Now().Add(-time.Minute).Unix()
	feed := feedOf(t, restored)
	b := next(t, restored, at(feed.ID, 2))
	b.IssuedAt = time.Now().Unix()
	if p, ok := apply(t, m, b); ok || p != at(feed.ID, 0) {
		t.Errorf("a batch from the midst of another feed: %v, %+v; want it from 0", ok, p)
	}
	// With the other feed, an id may be another person's.
	update(t, m.Store, func(tx store.WriteTx) error {
		return tx.PutSession(&store.Session{Realm: "wiki", Hash: store.HashOf("1"), Subject: "1", CreatedAt: day, AuthTime: day,
			LastSeen: day, IdleExpiresAt: day.AddDate(9, 0, 0), ExpiresAt: day.AddDate(9, 0, 0)})
	})
	fill(t, m, restored)
	same(t, m, restored)
	view(t, m.Store, func(tx store.ReadTx) error {
		if sessions, err := tx.SessionsOf("wiki", "1"); err != nil || len(sessions) > 0 {
			t.Errorf("a session of the other feed goes on: %v, %v", sessions, err)
		}
		return nil
	})
	if record(t, m.Store, "user", 20) != nil {
		t.Error("a user whom the other feed does not have is still there")
	}
	apply(t, m, replay)
	same(t, m, restored) // a replay does not lead back
}

// Clocks that were ahead and are put back: what was taken meanwhile seems to be of
// the future, and must not make the gate take for a replay what comes now.
func TestClocksPutBack(t *testing.T) {
	old, rebuilt := openStore(t), openStore(t)
	directory(t, old, 5)
	directory(t, rebuilt, 3)
	m := newMirror(t, openStore(t))
	now := day.AddDate(0, 0, 1)
	m.Now = func() time.Time { return now }
	send := func(s store.Store, p Position) (Position, bool) {
		t.Helper()
		b := next(t, s, p)
		b.IssuedAt = now.Unix()
		return apply(t, m, b)
	}
	p, ok := send(old, Position{})
	if !ok {
		t.Fatal("the first batch does not fit")
	}
	now = day
	if _, ok := send(old, p); !ok || !mirrorState(t, m.Store, "wiki").At.Equal(day) {
		t.Errorf("the server vouched for the mirror at %v, last at %v", day, mirrorState(t, m.Store, "wiki").At)
	}
	now = day.AddDate(0, 0, 1)
	send(old, p)
	now = day
	if p, ok := send(rebuilt, Position{}); !ok || p.Feed != feedOf(t, rebuilt).ID {
		t.Errorf("the server that was rebuilt is taken for a replay: %+v, %v", p, ok)
	}
	same(t, m, rebuilt)
	// An old batch that is sent again is still one.
	replay := next(t, old, Position{})
	replay.IssuedAt = day.Unix() - 1
	apply(t, m, replay)
	same(t, m, rebuilt)
}

// A copy of an older database under a running gate: the same feed, but behind.
func TestFeedWentBack(t *testing.T) {
	s := openStore(t)
	directory(t, s, 5)
	m := newMirror(t, openStore(t))
	fill(t, m, s)
	feed := feedOf(t, s)
	update(t, m.Store, func(tx store.WriteTx) error {
		if err := tx.PutMirrorRecord("wiki", &store.Record{Type: "user", ID: "99", Version: feed.Head + 50, Fields: store.Fields{"username": "later"}}); err != nil {
			return err
		}
		return tx.PutMirrorState("wiki", store.MirrorState{FeedID: feed.ID, Seq: feed.Head + 50})
	})
	b := next(t, s, at(feed.ID, feed.Head+50))
	if !b.Resync || b.After != 0 {
		t.Fatalf("to a mirror ahead of the feed goes %+v; want a resync", b)
	}
	fill(t, m, s)
	same(t, m, s)
	if record(t, m.Store, "user", 99) != nil {
		t.Error("what the server does not know any more is still there")
	}
}

// A mirror that sign-ins filled before there was sync may hold records of
// anything.
func TestSyncAfterSignIns(t *testing.T) {
	s := openStore(t)
	directory(t, s, 5)
	m := newMirror(t, openStore(t))
	update(t, m.Store, func(tx store.WriteTx) error {
		return tx.PutMirrorRecord("wiki", &store.Record{Type: "user", ID: "1", Version: 1 << 40, Fields: store.Fields{"username": "of an older server", "is_active": true}})
	})
	fill(t, m, s)
	same(t, m, s)
	if record(t, m.Store, "user", 1).Fields["username"] != "u0" {
		t.Error("the mirror holds on to what it had")
	}
}
