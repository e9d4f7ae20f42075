package usersync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

const (
	issuer = "https://auth.example.com"
	secret = "0123456789abcdef0123456789abcdef"
)

var day = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func openStore(t testing.TB) store.Store {
	t.Helper()
	s, err := boltstore.Open(filepath.Join(t.TempDir(), "auth.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func update(t testing.TB, s store.Store, fn func(store.WriteTx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s store.Store, fn func(store.ReadTx) error) {
	t.Helper()
	if err := s.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// directory makes a company and n users in it.
func directory(t testing.TB, s store.Store, n int) {
	t.Helper()
	update(t, s, func(tx store.WriteTx) error {
		if err := tx.PutObject(&store.Object{Type: "company", Fields: store.Fields{"name": "Acme"}}, nil); err != nil {
			return err
		}
		for i := range n {
			u := &store.User{
				Username: fmt.Sprintf("u%d", i), IsActive: true, IsStaff: true, IsSuperuser: true, DateJoined: day,
				Fields: store.Fields{"company": store.Ref{Type: "company", ID: 1}},
			}
			if err := tx.PutUser(u, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func setUser(t testing.TB, s store.Store, id int64, change func(*store.User)) {
	t.Helper()
	update(t, s, func(tx store.WriteTx) error {
		u, err := tx.User(id)
		if err != nil {
			return err
		}
		change(u)
		return tx.PutUser(u, nil)
	})
}

func feedOf(t testing.TB, s store.Store) (f store.Feed) {
	t.Helper()
	view(t, s, func(tx store.ReadTx) (err error) {
		f, err = tx.Feed()
		return err
	})
	return f
}

func mirrorState(t testing.TB, s store.Store, name string) (m store.MirrorState) {
	t.Helper()
	view(t, s, func(tx store.ReadTx) (err error) {
		m, err = tx.MirrorState(name)
		return err
	})
	return m
}

func record(t testing.TB, s store.Store, typ string, id int64) (r *store.Record) {
	t.Helper()
	view(t, s, func(tx store.ReadTx) (err error) {
		r, err = tx.MirrorRecord("wiki", typ, strconv.FormatInt(id, 10))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	return r
}

// everything is the view of a client without options.
var everything = NewView(store.DefaultSchema(), "wiki", "", nil)

// at is where a mirror stands that is told everything.
func at(feed string, upto uint64) Position { return Position{feed, everything.ID(), upto} }

// next is the batch for a mirror that stands at p, of the server's store.
func next(t testing.TB, s store.Store, p Position) *Batch {
	t.Helper()
	var b *Batch
	view(t, s, func(tx store.ReadTx) (err error) {
		b, err = nextBatch(tx, everything, p)
		return err
	})
	b.IssuedAt = day.Unix()
	return b
}

func newMirror(t testing.TB, s store.Store) *Mirror {
	return &Mirror{Name: "wiki", Store: s, Issuer: issuer, ClientID: "wiki", Secret: secret, Now: time.Now}
}

// gateServer is a gate that takes pushes.
type gateServer struct {
	store store.Store
	*httptest.Server
	receiver *Receiver
}

func newGate(t testing.TB, wrap func(http.Handler) http.Handler) *gateServer {
	g := &gateServer{store: openStore(t)}
	g.receiver = &Receiver{Mirror: newMirror(t, g.store), Log: slog.New(slog.DiscardHandler)}
	h := http.Handler(g.receiver)
	if wrap != nil {
		h = wrap(h)
	}
	g.Server = httptest.NewServer(h)
	t.Cleanup(g.Close)
	return g
}

// pulled answers who pulls, as those clients.
func pulled(t testing.TB, s store.Store, clients ...Client) *Server {
	srv := NewServer(Config{
		Store: s, Issuer: issuer, Schema: store.DefaultSchema(), Transport: Transport(),
		Client: one(clients...), Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(srv.Close)
	return srv
}

// one finds one of the clients.
func one(clients ...Client) func(store.ClientReader, string) (Client, bool, error) {
	return func(_ store.ClientReader, id string) (Client, bool, error) {
		for _, c := range clients {
			if c.ID == id {
				return c, true, nil
			}
		}
		return Client{}, false, nil
	}
}

// startServer pushes to clients until the test ends, or Close.
func startServer(t testing.TB, s store.Store, clients ...Client) *Server {
	srv := NewServer(Config{
		Store: s, Issuer: issuer, Schema: store.DefaultSchema(), Transport: Transport(),
		Clients: func(context.Context) ([]Client, error) { return clients, nil },
		Client:  one(clients...),
		Log:     slog.New(slog.DiscardHandler),
	})
	ready := make(chan struct{})
	close(ready)
	srv.Start(ready)
	t.Cleanup(srv.Close)
	return srv
}

// await waits for a condition.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// follows says whether the gate holds what the server does.
func (g *gateServer) follows(t testing.TB, s store.Store) bool {
	feed, m := feedOf(t, s), mirrorState(t, g.store, "wiki")
	return m.FeedID == feed.ID && m.Seq == feed.Head && m.Digest == feed.Digest
}

// runPuller has a mirror ask a provider for changes, until it is stopped.
func runPuller(t *testing.T, provider string, m *Mirror) (stop func()) {
	t.Helper()
	p := &Puller{
		Receiver:  &Receiver{Mirror: m, Log: slog.New(slog.DiscardHandler)},
		Endpoint:  func() (string, error) { return provider + "/o/sync", nil },
		Transport: http.DefaultTransport, Log: slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	return func() { cancel(); <-done }
}
