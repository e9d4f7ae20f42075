package usersync

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// sameRecords compares every record of the feed with the mirror's, by what is in
// it: the digest goes by versions.
func sameRecords(t testing.TB, m *Mirror, s store.Store) {
	t.Helper()
	same(t, m, s)
	view(t, s, func(tx store.ReadTx) error {
		rows, err := tx.Changes(0, 1<<20)
		if err != nil {
			return err
		}
		for _, row := range rows {
			want, err := changeOf(tx, everything, row)
			if err != nil {
				return err
			}
			view(t, m.Store, func(tx store.ReadTx) error {
				got, err := tx.MirrorRecord(m.Name, row.Type, strconv.FormatInt(row.ID, 10))
				if err != nil {
					t.Errorf("%s %d: %v", row.Type, row.ID, err)
				} else if got.Deleted != want.Deleted || !got.Deleted && !sameFields(got.Fields, want.Data) {
					t.Errorf("%s %d is %+v at the mirror, want %+v", row.Type, row.ID, got, want)
				}
				return nil
			})
		}
		return nil
	})
}

func sameFields(a, b store.Fields) bool {
	return maps.EqualFunc(a, b, func(x, y any) bool { return reflect.DeepEqual(x, y) })
}

// permutations of 0 to n-1.
func permutations(n int) (all [][]int) {
	if n == 0 {
		return [][]int{nil}
	}
	for _, p := range permutations(n - 1) {
		for i := range n {
			all = append(all, slices.Insert(slices.Clone(p), i, n-1))
		}
	}
	return all
}

// Every order of a few changes, each told twice, ends in the same mirror: also
// of those that take back what another did.
func TestEveryOrder(t *testing.T) {
	s := openStore(t)
	var sent []*Batch
	directory(t, s, 2)
	for _, edit := range []func(){
		func() {},
		func() { setUser(t, s, 1, func(u *store.User) { u.FirstName = "Ann"; u.IsActive = false }) },
		func() { setUser(t, s, 1, func(u *store.User) { u.FirstName = "Anna"; u.IsActive = true }) },
		func() { update(t, s, func(tx store.WriteTx) error { return tx.DeleteUser(2) }) },
		func() { directory(t, s, 0) }, // another company
	} {
		edit()
		sent = append(sent, next(t, s, Position{}))
	}
	mirrors := openStore(t)
	for i, order := range permutations(len(sent)) {
		m := newMirror(t, mirrors)
		m.Name = fmt.Sprint("wiki", i)
		for _, at := range slices.Concat(order, order) {
			b := *sent[at]
			b.Changes = slices.Clone(b.Changes)
			slices.Reverse(b.Changes) // within a batch too
			for c := range b.Changes {
				b.Changes[c].Data = b.Changes[c].Data.Clone()
			}
			apply(t, m, &b)
		}
		sameRecords(t, m, s)
		if t.Failed() {
			t.Fatalf("in the order %v", order)
		}
	}
}

// wildGate is a gate on a bad road that restarts at times.
type wildGate struct {
	t    *testing.T
	path string
	calm atomic.Bool

	mu     sync.Mutex // guards all below
	random *rand.Rand
	past   [][]byte // batches that came
	store  *boltstore.Store
	rc     *Receiver
}

func (g *wildGate) open() {
	s, err := boltstore.Open(g.path, boltstore.Options{})
	if err != nil {
		g.t.Error(err)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.store, g.rc = s, &Receiver{Mirror: newMirror(g.t, s), Log: slog.New(slog.DiscardHandler)}
}

// restart closes the store whatever is under way.
func (g *wildGate) restart() {
	g.mu.Lock()
	s := g.store
	g.mu.Unlock()
	s.Close()
	g.open()
}

func (g *wildGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	g.mu.Lock()
	rc, dice, pause := g.rc, g.random.IntN(12), time.Duration(g.random.Int64N(int64(20*time.Millisecond)))
	late := body
	if len(g.past) > 0 {
		late = g.past[g.random.IntN(len(g.past))]
	}
	g.past = append(g.past, body)
	g.mu.Unlock()
	if g.calm.Load() {
		dice = -1
	}
	serve := func(w http.ResponseWriter, body []byte) {
		again := r.Clone(r.Context())
		again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		rc.ServeHTTP(w, again)
	}
	switch dice {
	case 0: // lost
		http.Error(w, "lost", http.StatusBadGateway)
		return
	case 1: // the answer is lost
		serve(httptest.NewRecorder(), body)
		panic(http.ErrAbortHandler)
	case 2, 3: // twice
		serve(httptest.NewRecorder(), body)
	case 4, 5: // an old one comes late, before
		serve(httptest.NewRecorder(), late)
	case 6: // and after
		defer serve(httptest.NewRecorder(), late)
	case 7, 8:
		time.Sleep(pause)
	}
	serve(w, body)
}

// Loss, repetition, reordering, delay and restarts of both sides, at random; then
// both hold the same.
func TestChaos(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("CADDYITO_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("seed %d (CADDYITO_SEED=%[1]d tries it again)", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	g := &wildGate{t: t, path: filepath.Join(t.TempDir(), "gate.db"), random: rand.New(rand.NewPCG(seed, 1))}
	g.open()
	defer func() { g.store.Close() }()
	web := httptest.NewUnstartedServer(g)
	web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	web.Start()
	defer web.Close()
	client := Client{ID: "wiki", URL: web.URL, Secrets: []string{secret}}

	serverPath := filepath.Join(t.TempDir(), "auth.db")
	openServer := func() *boltstore.Store {
		s, err := boltstore.Open(serverPath, boltstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := openServer()
	defer func() { s.Close() }()
	directory(t, s, 700)
	srv := startServer(t, s, client)
	for step := range 60 {
		for range r.IntN(8) {
			id := r.Int64N(720) + 1
			update(t, s, func(tx store.WriteTx) error {
				u, err := tx.User(id)
				switch {
				case err != nil:
					return tx.PutUser(&store.User{Username: fmt.Sprint("new", step, "-", r.Int()), IsActive: true, DateJoined: day}, nil)
				case r.IntN(5) == 0:
					return tx.DeleteUser(id)
				}
				u.FirstName, u.IsActive = strconv.Itoa(r.Int()), r.IntN(4) > 0
				return tx.PutUser(u, nil)
			})
		}
		switch r.IntN(10) {
		case 0:
			g.restart()
		case 1: // a reload
			other := startServer(t, s, client)
			srv.Close()
			srv = other
		case 2:
			srv.Close()
			s.Close()
			s = openServer()
			srv = startServer(t, s, client)
		case 3:
			srv.heard("wiki") // without waiting for a pause to end
		}
		time.Sleep(time.Duration(r.Int64N(int64(10 * time.Millisecond))))
	}
	g.calm.Store(true)
	follows := &gateServer{store: g.store}
	await(t, "the gate holds what the server does", func() bool {
		srv.heard("wiki")
		return follows.follows(t, s)
	})
	sameRecords(t, newMirror(t, g.store), s)
}

// Clocks that are ten minutes apart are named in log and status, lose nothing,
// and once they are right nothing else need be done.
func TestClocksApart(t *testing.T) {
	for _, off := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		s, g := openStore(t), newGate(t, nil)
		directory(t, s, 30)
		var wrong atomic.Int64
		wrong.Store(int64(off))
		g.receiver.Mirror.Now = func() time.Time { return time.Now().Add(time.Duration(wrong.Load())) }
		var log logBuffer
		g.receiver.Log = slog.New(slog.NewTextHandler(&log, nil))
		srv := startServer(t, s, wiki(g))
		await(t, "the server says why", func() bool {
			st := syncState(t, s)
			return st.Parked && strings.Contains(st.Error, "clocks differ")
		})
		if !strings.Contains(log.String(), "clocks differ") || !strings.Contains(log.String(), "NTP") {
			t.Errorf("the gate's log: %s", log.String())
		}
		if m := mirrorState(t, g.store, "wiki"); m.Seq != 0 {
			t.Errorf("the gate took what it could not trust: %+v", m)
		}
		setUser(t, s, 1, func(u *store.User) { u.FirstName = "Meanwhile" })
		wrong.Store(0)
		await(t, "the gate has it all", func() bool {
			srv.heard("wiki")
			return g.follows(t, s)
		})
		sameRecords(t, g.receiver.Mirror, s)
		await(t, "the status is clean, and remembers", func() bool {
			st := syncState(t, s)
			return !st.Parked && st.Error == "" && strings.Contains(st.LastError, "clocks differ")
		})
		srv.Close()
	}
}

// logBuffer is written to by requests.
type logBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// An older copy takes the place of the server's database, and has gone further
// than before when the mirror hears of it.
func TestOlderCopy(t *testing.T) {
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "auth.db"), filepath.Join(dir, "copy")
	s, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	directory(t, s, 20)
	// A copy of what was closed: one of what is open begins its feed anew.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(backup, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = boltstore.Open(path, boltstore.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := newMirror(t, openStore(t))
	for i := range 5 {
		setUser(t, s, int64(i+1), func(u *store.User) { u.FirstName = "Lost" })
	}
	fill(t, m, s)

	// Copied by hand, the feed is the same one: where the records that changed
	// are others, the digest tells.
	byHand, err := boltstore.Open(backup, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		setUser(t, byHand, int64(i+8), func(u *store.User) { u.FirstName = "By hand" })
	}
	if feedOf(t, byHand).ID != feedOf(t, s).ID || feedOf(t, byHand).Head <= feedOf(t, s).Head {
		t.Fatal("the copy is not of the same feed, further on")
	}
	fill(t, m, byHand)
	sameRecords(t, m, byHand)
	byHand.Close()

	// Restored, also where they are the same ones.
	again := filepath.Join(dir, "again")
	g, err := os.Create(again)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	g.Close()
	m = newMirror(t, openStore(t))
	setUser(t, s, 1, func(u *store.User) { u.FirstName = "Lost" })
	fill(t, m, s)
	lost := feedOf(t, s)
	place := filepath.Join(dir, "restored.db")
	if _, err := boltstore.Restore(place, again, boltstore.Options{}, nil); err != nil {
		t.Fatal(err)
	}
	restored, err := boltstore.Open(place, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	setUser(t, restored, 1, func(u *store.User) { u.FirstName = "Kept" })
	if feed := feedOf(t, restored); feed.Head != lost.Head || feed.Digest != lost.Digest {
		t.Fatal("the restored feed looks other than the lost one, so this shows nothing")
	}
	fill(t, m, restored)
	sameRecords(t, m, restored)
}
