package usersync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// asking is a client that pulls.
var asking = Client{ID: "wiki", Secrets: []string{secret}}

func wiki(g *gateServer) Client { return Client{ID: "wiki", URL: g.URL, Secrets: []string{secret}} }

func syncState(t testing.TB, s store.Store) (st *store.SyncState) {
	t.Helper()
	view(t, s, func(tx store.ReadTx) (err error) {
		st, err = tx.SyncState("wiki")
		return err
	})
	return st
}

func TestPush(t *testing.T) {
	s, g := openStore(t), newGate(t, nil)
	directory(t, s, 1200) // some batches
	startServer(t, s, wiki(g))
	await(t, "the gate is filled", func() bool { return g.follows(t, s) })
	setUser(t, s, 1, func(u *store.User) { u.FirstName = "Eve" })
	await(t, "the change is there", func() bool { return g.follows(t, s) })
	if r := record(t, g.store, "user", 1); r.Fields["first_name"] != "Eve" {
		t.Errorf("the gate has %v", r.Fields)
	}
	await(t, "the server knows", func() bool {
		st := syncState(t, s)
		return st.Seq == feedOf(t, s).Head && st.Error == "" && !st.PushedAt.IsZero()
	})
}

// Who does not answer as a gate is sent no user.
func TestGreeting(t *testing.T) {
	s := openStore(t)
	directory(t, s, 3)
	var mu sync.Mutex
	var bodies []string
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		bodies = append(bodies, string(body))
		mu.Unlock()
		fmt.Fprint(w, "<html>Hello</html>")
	}))
	defer stranger.Close()
	startServer(t, s, Client{ID: "wiki", URL: stranger.URL, Secrets: []string{secret}})
	await(t, "the client is parked", func() bool { return syncState(t, s).Parked })
	await(t, "it is tried again", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(bodies) >= 2
	})
	mu.Lock()
	defer mu.Unlock()
	for _, body := range bodies {
		b, err := Verify([]byte(body), key(t), issuer, "wiki", time.Now())
		if err != nil || len(b.Changes) > 0 {
			t.Errorf("sent %+v, %v", b, err)
		}
	}
}

// A client that hangs delays no other.
func TestSlowClient(t *testing.T) {
	s := openStore(t)
	directory(t, s, 3)
	hang := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(hang)
	g := newGate(t, nil)
	startServer(t, s, Client{ID: "slow", URL: slow.URL, Secrets: []string{secret}}, wiki(g))
	for i := range 5 {
		setUser(t, s, 1, func(u *store.User) { u.FirstName = fmt.Sprint(i) })
		await(t, "the other follows", func() bool { return g.follows(t, s) })
	}
}

// A gate whose answers are lost, whose batches come twice and which fails at
// times ends up with all there is.
func TestBadRoads(t *testing.T) {
	var n atomic.Int64
	g := newGate(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch n.Add(1) {
			case 2: // done, but the answer is lost
				h.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			case 4: // not done
				http.Error(w, "no", http.StatusInternalServerError)
			default:
				h.ServeHTTP(w, r)
			}
		})
	})
	g.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s := openStore(t)
	directory(t, s, 1200)
	startServer(t, s, wiki(g))
	await(t, "the gate is filled", func() bool { return g.follows(t, s) })
}

// Who answers but never moves on is tried again with pauses, like one that fails.
func TestStuckClient(t *testing.T) {
	s := openStore(t)
	directory(t, s, 3)
	for _, status := range []int{200, 409} {
		for _, answer := range []Position{at(feedOf(t, s).ID, 1), at("another feed", 1), {feedOf(t, s).ID, "another view", 0}, at(feedOf(t, s).ID, 0)} {
			var posts atomic.Int64
			stuck := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				posts.Add(1)
				Answer(w, status, answer)
			}))
			c := Client{ID: fmt.Sprint("stuck", status, answer), URL: stuck.URL, Secrets: []string{secret}}
			srv := startServer(t, s, c)
			var st *store.SyncState
			await(t, "the status says so", func() bool {
				view(t, s, func(tx store.ReadTx) (err error) {
					st, err = tx.SyncState(c.ID)
					return err
				})
				return st.Error != ""
			})
			srv.Close()
			stuck.Close()
			if !strings.Contains(st.Error, "move on") && !strings.Contains(st.Error, "differs") || st.Parked {
				t.Errorf("%d %+v: the status is %+v", status, answer, st)
			}
			if n := posts.Load(); n > 10 {
				t.Errorf("%d %+v: %d requests before the first pause", status, answer, n)
			}
		}
	}
}

// wrongDigest is a store whose feed has another digest than it should.
type wrongDigest struct{ store.Store }

func (w wrongDigest) View(ctx context.Context, fn func(store.ReadTx) error) error {
	return w.Store.View(ctx, func(tx store.ReadTx) error { return fn(wrongTx{tx}) })
}

type wrongTx struct{ store.ReadTx }

func (tx wrongTx) Feed() (store.Feed, error) {
	f, err := tx.ReadTx.Feed()
	f.Digest[0] ^= 1
	return f, err
}

// A mirror that filling anew does not mend is told of changes all the same, at once,
// and is not filled for ever.
func TestDiffersForGood(t *testing.T) {
	var posts atomic.Int64
	g := newGate(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { posts.Add(1); h.ServeHTTP(w, r) })
	})
	s := openStore(t)
	directory(t, s, 20)
	startServer(t, wrongDigest{s}, wiki(g))
	await(t, "it is filled", func() bool { return atHead(t, s, g) && syncState(t, s).LastError != "" })
	if st := syncState(t, s); !strings.Contains(st.LastError, "differs") {
		t.Errorf("the status is %+v", st)
	}
	for i := range 3 {
		name := fmt.Sprint("name", i)
		setUser(t, s, 1, func(u *store.User) { u.FirstName = name })
		await(t, "a change is there", func() bool { return record(t, g.store, "user", 1).Fields["first_name"] == name })
	}
	if n := posts.Load(); n > 15 {
		t.Errorf("that took %d batches", n)
	}
}

// So is one that asks.
func TestPullDiffersForGood(t *testing.T) {
	s := openStore(t)
	directory(t, s, 1200)
	srv := pulled(t, wrongDigest{s}, asking)
	var pulls atomic.Int64
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pulls.Add(1)
		srv.ServePull(w, r, asking, secret)
	}))
	defer provider.Close()
	m := newMirror(t, openStore(t))
	defer runPuller(t, provider.URL, m)()
	for i := range 3 {
		name := fmt.Sprint("name", i)
		setUser(t, s, 1, func(u *store.User) { u.FirstName = name })
		await(t, "a change is there", func() bool {
			r := record(t, m.Store, "user", 1)
			return r != nil && r.Fields["first_name"] == name && mirrorState(t, m.Store, "wiki").Seq == feedOf(t, s).Head
		})
	}
	if n := pulls.Load(); n > 20 {
		t.Errorf("it asked %d times", n)
	}
}

// The lag in seconds counts from when the client last had everything, or was
// first to have it, however often it was heard of since.
func TestCurrentAt(t *testing.T) {
	s, g := openStore(t), newGate(t, nil)
	directory(t, s, 3)
	url := g.URL
	srv := startServer(t, s, Client{ID: "wiki", URL: "http://127.0.0.1:1", Secrets: []string{secret}})
	await(t, "nobody is there", func() bool { return syncState(t, s).Error != "" })
	never := syncState(t, s).CurrentAt
	if time.Since(never).Abs() > time.Minute {
		t.Fatalf("one that was never reached lags since %v", never)
	}
	srv.Close()
	srv = startServer(t, s, Client{ID: "wiki", URL: url, Secrets: []string{secret}})
	await(t, "it is current", func() bool { return g.follows(t, s) && syncState(t, s).CurrentAt.After(never) })
	current := syncState(t, s).CurrentAt
	srv.Close()
	setUser(t, s, 1, func(u *store.User) { u.FirstName = "x" })
	srv = startServer(t, s, Client{ID: "wiki", URL: "http://127.0.0.1:1", Secrets: []string{secret}})
	await(t, "it fails", func() bool { return syncState(t, s).Error != "" })
	if st := syncState(t, s); !st.CurrentAt.Equal(current) {
		t.Errorf("one that fails is current at %v, which it was at %v", st.CurrentAt, current)
	}
	srv.Close()

	// Whoever asks is current if nothing was left to tell.
	if _, err := srv.noted(t.Context(), "wiki", secret, everything, at(feedOf(t, s).ID, 1)); err != nil {
		t.Fatal(err)
	}
	if st := syncState(t, s); !st.CurrentAt.Equal(current) || st.PulledAt.IsZero() {
		t.Errorf("one that asks for more is current at %v", st.CurrentAt)
	}
	if _, err := srv.noted(t.Context(), "wiki", secret, everything, at(feedOf(t, s).ID, feedOf(t, s).Head)); err != nil {
		t.Fatal(err)
	}
	if st := syncState(t, s); !st.CurrentAt.After(current) {
		t.Errorf("one that has everything is current at %v", st.CurrentAt)
	}
}

func TestRotatedSecret(t *testing.T) {
	s, g := openStore(t), newGate(t, nil)
	directory(t, s, 3)
	c := wiki(g)
	c.Secrets = []string{strings.Repeat("new", 11), secret} // the gate still has the old one
	startServer(t, s, c)
	await(t, "the gate is filled", func() bool { return g.follows(t, s) })
	if st := syncState(t, s); st.Error != "" {
		t.Errorf("the other secret counts as a failure: %+v", st)
	}
}

func TestParked(t *testing.T) {
	s, g := openStore(t), newGate(t, nil)
	directory(t, s, 3)
	c := wiki(g)
	c.Secrets = []string{strings.Repeat("another", 5)}
	startServer(t, s, c)
	await(t, "it is parked", func() bool { return syncState(t, s).Parked })
	if st := syncState(t, s); !strings.Contains(st.Error, "different client secrets") || st.FailedAt.IsZero() {
		t.Errorf("the state is %+v", st)
	}
	if st := mirrorState(t, g.store, "wiki"); st.Seq != 0 {
		t.Errorf("the mirror took something: %+v", st)
	}
}

func TestResync(t *testing.T) {
	s, g := openStore(t), newGate(t, nil)
	directory(t, s, 600)
	startServer(t, s, wiki(g))
	await(t, "the gate is filled", func() bool { return g.follows(t, s) })
	// A record that was meddled with, of the right version: no digest tells.
	update(t, g.store, func(tx store.WriteTx) error {
		r, err := tx.MirrorRecord("wiki", "user", "1")
		if err != nil {
			return err
		}
		r.Fields["username"] = "damaged"
		return tx.PutMirrorRecord("wiki", r)
	})
	update(t, s, func(tx store.WriteTx) error {
		st, err := tx.SyncState("wiki")
		if err != nil {
			return err
		}
		st.Resync = true
		return tx.PutSyncState(st)
	})
	await(t, "it is repaired", func() bool {
		return record(t, g.store, "user", 1).Fields["username"] == "u0" && g.follows(t, s) && !syncState(t, s).Resync
	})
}

// An order to send everything anew is kept where the gate does not begin anew, since the
// server's clock was put back and what it sends looks like a replay.
func TestResyncClockPutBack(t *testing.T) {
	s, g := openStore(t), newGate(t, nil)
	directory(t, s, 20)
	var back atomic.Bool
	srv := NewServer(Config{
		Store: s, Issuer: issuer, Schema: store.DefaultSchema(), Transport: Transport(), Log: slog.New(slog.DiscardHandler),
		Clients: func(context.Context) ([]Client, error) { return []Client{wiki(g)}, nil },
		Now: func() time.Time {
			if back.Load() {
				return time.Now().Add(-10 * time.Second)
			}
			return time.Now()
		},
	})
	defer srv.Close()
	ready := make(chan struct{})
	close(ready)
	srv.Start(ready)
	await(t, "the gate is filled", func() bool { return atHead(t, s, g) })
	update(t, g.store, func(tx store.WriteTx) error {
		r, err := tx.MirrorRecord("wiki", "user", "1")
		if err != nil {
			return err
		}
		r.Fields["username"] = "damaged"
		return tx.PutMirrorRecord("wiki", r)
	})
	back.Store(true)
	update(t, s, func(tx store.WriteTx) error {
		st, err := tx.SyncState("wiki")
		if err != nil {
			return err
		}
		st.Resync = true
		return tx.PutSyncState(st)
	})
	await(t, "the server says why", func() bool { return syncState(t, s).Error != "" })
	if st := syncState(t, s); !st.Resync || !strings.Contains(st.Error, "for old") {
		t.Errorf("the state is %+v", st)
	}
	back.Store(false)
	await(t, "it is repaired", func() bool {
		srv.heard("wiki")
		return record(t, g.store, "user", 1).Fields["username"] == "u0" && g.follows(t, s) && !syncState(t, s).Resync
	})
}

// The mirror's own position is the truth: who lost it is sent everything.
func TestMirrorLost(t *testing.T) {
	s, g := openStore(t), newGate(t, nil)
	directory(t, s, 3)
	srv := startServer(t, s, wiki(g))
	await(t, "the gate is filled", func() bool { return g.follows(t, s) })
	update(t, g.store, func(tx store.WriteTx) error { return tx.DeleteMirror("wiki") })
	setUser(t, s, 1, func(u *store.User) { u.FirstName = "x" })
	await(t, "it is filled again", func() bool { return g.follows(t, s) })
	srv.Close()
	update(t, g.store, func(tx store.WriteTx) error { return tx.DeleteMirror("wiki") })
	startServer(t, s, wiki(g)) // without any change
	await(t, "it is filled by who starts", func() bool { return g.follows(t, s) })
}

// Two servers on one store, as in a reload: one pushes, and when it ends the
// other does, at once.
func TestHandover(t *testing.T) {
	var posts atomic.Int64
	g := newGate(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { posts.Add(1); h.ServeHTTP(w, r) })
	})
	s := openStore(t)
	directory(t, s, 3)
	one := startServer(t, s, wiki(g))
	await(t, "the gate is filled", func() bool { return g.follows(t, s) })
	two := startServer(t, s, wiki(g))
	setUser(t, s, 1, func(u *store.User) { u.FirstName = "x" })
	await(t, "the change is there", func() bool { return g.follows(t, s) })
	two.mu.Lock()
	if len(two.feeders) > 0 {
		t.Error("both push")
	}
	two.mu.Unlock()
	one.Close()
	setUser(t, s, 1, func(u *store.User) { u.FirstName = "y" })
	await(t, "the other goes on", func() bool { return g.follows(t, s) })
}

func TestPull(t *testing.T) {
	s := openStore(t)
	directory(t, s, 1200)
	srv := pulled(t, s, asking)
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, shown, _ := r.BasicAuth(); id != "wiki" || shown != secret {
			w.WriteHeader(401)
			return
		}
		srv.ServePull(w, r, asking, secret)
	}))
	defer provider.Close()
	m := newMirror(t, openStore(t))
	stop := runPuller(t, provider.URL, m)
	follows := func() bool {
		feed, st := feedOf(t, s), mirrorState(t, m.Store, "wiki")
		return st.Seq == feed.Head && st.Digest == feed.Digest
	}
	await(t, "the mirror is filled", follows)
	setUser(t, s, 1, func(u *store.User) { u.FirstName = "x" })
	await(t, "the change is there", follows)
	await(t, "the server knows", func() bool {
		st := syncState(t, s)
		return st.Seq == feedOf(t, s).Head && !st.PulledAt.IsZero()
	})
	update(t, s, func(tx store.WriteTx) error { return tx.PutSyncState(&store.SyncState{ClientID: "wiki", Resync: true}) })
	setUser(t, s, 1, func(u *store.User) { u.FirstName = "y" })
	await(t, "it is filled anew", func() bool { return !syncState(t, s).Resync && follows() })

	// Whoever wants to shut down need not wait for a pull.
	srv.EndPolls()
	provider.Config.SetKeepAlivesEnabled(false)
	stop()
}

func TestEndPolls(t *testing.T) {
	s := openStore(t)
	srv := pulled(t, s, asking)
	answered := make(chan *httptest.ResponseRecorder)
	go func() {
		w := httptest.NewRecorder()
		srv.ServePull(w, httptest.NewRequest("GET", "/o/sync?after=0&view="+everything.ID()+"&feed="+feedOf(t, s).ID, nil), asking, secret)
		answered <- w
	}()
	await(t, "it asks", func() bool { return !syncState(t, s).PulledAt.IsZero() })
	select {
	case w := <-answered:
		t.Fatalf("there is nothing new, but it is told %d %s", w.Code, w.Body)
	default:
	}
	srv.EndPolls()
	w := <-answered
	b, err := Verify(w.Body.Bytes(), key(t), issuer, "wiki", time.Now())
	if err != nil || len(b.Changes) > 0 {
		t.Errorf("at the end it is told %+v, %v", b, err)
	}
}

// Who waits for a change need not wait to be sent everything anew.
func TestResyncEndsPolls(t *testing.T) {
	s := openStore(t)
	directory(t, s, 3)
	srv := pulled(t, s, asking)
	answered := make(chan *httptest.ResponseRecorder)
	go func() {
		w := httptest.NewRecorder()
		srv.ServePull(w, httptest.NewRequest("GET", fmt.Sprintf("/o/sync?after=%d&view=%s&feed=%s", feedOf(t, s).Head, everything.ID(), feedOf(t, s).ID), nil), asking, secret)
		answered <- w
	}()
	await(t, "it asks", func() bool { return !syncState(t, s).PulledAt.IsZero() })
	resync := func(id string) {
		update(t, s, func(tx store.WriteTx) error {
			st, err := tx.SyncState(id)
			if err != nil {
				return err
			}
			st.Resync = true
			return tx.PutSyncState(st)
		})
	}
	resync("blog")
	select {
	case w := <-answered:
		t.Fatalf("because of another client it is told %d %s", w.Code, w.Body)
	case <-time.After(50 * time.Millisecond):
	}
	resync("wiki")
	b, err := Verify((<-answered).Body.Bytes(), key(t), issuer, "wiki", time.Now())
	if err != nil || !b.Resync || b.Upto != 0 {
		t.Errorf("it is told %+v, %v", b, err)
	}
	// It did not hear that, say. Once it asks from where it begins anew, it did.
	for _, after := range []uint64{b.Head, b.Head, 0} {
		w := httptest.NewRecorder()
		srv.ServePull(w, httptest.NewRequest("GET", fmt.Sprintf("/o/sync?after=%d&view=%s&feed=%s", after, everything.ID(), b.Feed), nil), asking, secret)
		b, err = Verify(w.Body.Bytes(), key(t), issuer, "wiki", time.Now())
		if err != nil || !b.Resync || b.After != 0 || after == 0 && len(b.Changes) != 4 || syncState(t, s).Resync == (after == 0) {
			t.Errorf("after %d it is told %+v, %v, and the order is %v", after, b, err, syncState(t, s).Resync)
		}
	}
	view(t, s, func(tx store.ReadTx) error {
		one, err := tx.SyncState("wiki")
		other, err2 := tx.SyncState("blog")
		if err == nil && err2 == nil && (one.Resync || !other.Resync) {
			t.Error("the mark is not taken away, or from another")
		}
		return errors.Join(err, err2)
	})
}

// An open poll is answered only as long as the client and its secret are in force,
// and with what the client may be told by then.
func TestPullOfThePast(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*Client) (ok bool)
		status int
	}{
		{"deleted", func(*Client) bool { return false }, 401},
		{"its secret is revoked", func(c *Client) bool { c.Secrets = []string{strings.Repeat("new", 11)}; return true }, 401},
		{"a secret more", func(c *Client) bool { c.Secrets = []string{strings.Repeat("new", 11), secret}; return true }, 200},
		{"a list of fields", func(c *Client) bool { c.Fields = []string{"username"}; return true }, 200},
	} {
		s := openStore(t)
		directory(t, s, 3)
		update(t, s, func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "wiki"}) })
		var now atomic.Pointer[Client]
		now.Store(&asking)
		srv := NewServer(Config{
			Store: s, Issuer: issuer, Schema: store.DefaultSchema(), Transport: Transport(), Log: slog.New(slog.DiscardHandler),
			Client: func(store.ClientReader, string) (Client, bool, error) { c := now.Load(); return *c, c.ID != "", nil },
		})
		defer srv.Close()
		answered := make(chan *httptest.ResponseRecorder)
		go func() {
			w := httptest.NewRecorder()
			srv.ServePull(w, httptest.NewRequest("GET", fmt.Sprintf("/o/sync?after=%d&view=%s&feed=%s", feedOf(t, s).Head, everything.ID(), feedOf(t, s).ID), nil), asking, secret)
			answered <- w
		}()
		await(t, "it asks", func() bool { return !syncState(t, s).PulledAt.IsZero() })
		changed := asking
		if !c.change(&changed) {
			changed = Client{}
		}
		now.Store(&changed)
		if changed.ID == "" {
			update(t, s, func(tx store.WriteTx) error { return tx.DeleteClient("wiki") })
		} else {
			setUser(t, s, 1, func(u *store.User) { u.Email = "u0@example.com" })
		}
		w := <-answered
		if w.Code != c.status || w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %v %s", c.what, w.Code, w.Header(), w.Body)
		}
		if changed.ID == "" {
			if st := syncState(t, s); st.FeedID != "" {
				t.Errorf("%s: the state is back: %+v", c.what, st)
			}
		}
		if w.Code != 200 {
			continue
		}
		b, err := Verify(w.Body.Bytes(), key(t), issuer, "wiki", time.Now())
		if err != nil || len(b.Changes) == 0 {
			t.Fatalf("%s: told %+v, %v", c.what, b, err)
		}
		if _, there := b.Changes[len(b.Changes)-1].Data["email"]; there == (changed.Fields != nil) {
			t.Errorf("%s: told %+v", c.what, b.Changes)
		}
	}
}

func TestPullQuery(t *testing.T) {
	for _, bad := range []string{"feed=a&feed=b", "view=a&view=b", "after=1&after=2", "after=-1", "after=x", "after=18446744073709551616", "%zz", "feed=" + strings.Repeat("x", 1000)} {
		if p, err := pullQuery(bad); err == nil {
			t.Errorf("%.60q is taken for %+v", bad, p)
		}
	}
	if p, err := pullQuery("feed=f&view=v&after=18446744073709551615"); err != nil || p != (Position{"f", "v", 1<<64 - 1}) {
		t.Errorf("got %+v, %v", p, err)
	}
}
