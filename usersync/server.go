package usersync

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/caddyito/caddyito/internal/lease"
	"github.com/caddyito/caddyito/internal/pace"
	"github.com/caddyito/caddyito/store"
)

// Config is what a Server is made of.
type Config struct {
	Store  store.Store
	Issuer string
	Schema *store.Schema
	// Clients lists those that are told of changes.
	Clients func(context.Context) ([]Client, error)
	// Client is the one with that id, as it is now; false if there is none that may
	// ask for changes.
	Client func(tx store.ClientReader, id string) (Client, bool, error)
	// Transport reaches them.
	Transport http.RoundTripper
	Log       *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Client is one that is told of changes.
type Client struct {
	ID  string
	URL string
	// Secrets that are in force, the newest first: which one a client uses while
	// it is rotated, it shows by what it accepts.
	Secrets []string
	// Sync and Fields say what it is told, Format and AdminFlags how: store.Client
	// has them.
	Sync       store.SyncMode
	Fields     []string
	Format     store.ClientFormat
	AdminFlags bool
}

// Server tells clients of changes: it pushes while it runs, and answers those
// who pull.
type Server struct {
	cfg  Config
	http *http.Client

	changed bell // the feed moved
	clients bell // clients changed, or one is to be sent everything anew

	mu      sync.Mutex // guards feeders, and is held while some of them are stopped
	feeders map[string]*feeder

	counted sync.Mutex                // guards digests: of feeders, which mu would keep from ending
	digests map[string]*countedDigest // by client, of views that are not whole

	meters meters
	pulled fillings // of clients that ask

	closing   chan struct{}
	closeOnce sync.Once
	stopWatch func()
	cancel    context.CancelFunc
	running   sync.WaitGroup
}

// NewServer makes a Server that answers pulls. It pushes nothing before Start.
func NewServer(c Config) *Server {
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Server{
		cfg: c, feeders: map[string]*feeder{}, digests: map[string]*countedDigest{}, closing: make(chan struct{}),
		http: &http.Client{
			Transport: c.Transport,
			// A client moves by registering its new address.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	s.stopWatch = c.Store.Watch(s.follow)
	return s
}

func (s *Server) follow(e store.Event) {
	switch e.Kind {
	case store.EventAll:
		s.changed.ring()
		s.clients.ring()
	case store.EventFeed:
		s.changed.ring()
	case store.EventClients:
		s.clients.ring()
	}
}

// Start begins to push once ready is closed.
func (s *Server) Start(ready <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.running.Go(func() {
		select {
		case <-ready:
			s.push(ctx)
		case <-ctx.Done():
		}
	})
}

// EndPolls ends the pulls that wait for a change, now and from here on, so that
// nobody has to wait for them who wants to shut down.
func (s *Server) EndPolls() { s.closeOnce.Do(func() { close(s.closing) }) }

// Ending is closed by EndPolls.
func (s *Server) Ending() <-chan struct{} { return s.closing }

// Close ends everything and waits for it.
func (s *Server) Close() {
	s.EndPolls()
	if s.cancel != nil {
		s.cancel()
	}
	s.running.Wait()
	s.stopWatch()
	s.http.CloseIdleConnections()
}

// look is how often the clients are listed, besides whenever they change.
const look = 20 * time.Second

// push has a feeder run for every client, as long as the lease is held.
func (s *Server) push(ctx context.Context) {
	k := lease.Keeper{Store: s.cfg.Store, Name: "sync-pusher " + s.cfg.Issuer, Log: s.cfg.Log, Now: s.cfg.Now}
	k.Run(ctx, func(ctx context.Context) {
		defer s.stopFeeders()
		told := false // that clients changed
		for ctx.Err() == nil {
			clients := s.clients.next()
			if err := s.startFeeders(ctx, told); err != nil && ctx.Err() == nil {
				s.cfg.Log.Error("cannot list the clients for sync; trying again", "error", err)
			}
			told = pace.Wait(ctx, look, clients)
		}
	})
}

// startFeeders brings the feeders in line with the clients there are, and wakes
// those that stay if it was told of something.
func (s *Server) startFeeders(ctx context.Context, told bool) error {
	clients, err := s.cfg.Clients(ctx)
	if err != nil {
		return fmt.Errorf("listing clients: %w", err)
	}
	wanted := map[string]Client{}
	for _, c := range clients {
		wanted[c.ID] = c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, f := range s.feeders {
		if c, ok := wanted[id]; !ok || !f.client.same(c) || f.ended() {
			f.stop()
			delete(s.feeders, id)
			s.forgetDigest(id)
		}
	}
	for id, c := range wanted {
		f := s.feeders[id]
		if f == nil {
			s.forgetDigest(id) // it may be another client, or have been told of all users meanwhile
			s.feeders[id] = s.startFeeder(ctx, c)
		} else if told {
			f.wake()
		}
	}
	return nil
}

func (s *Server) stopFeeders() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.feeders {
		f.cancel() // all at once, then wait
	}
	for id, f := range s.feeders {
		f.stop()
		delete(s.feeders, id)
	}
}

// heard is told that a client is alive.
func (s *Server) heard(clientID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.feeders[clientID]; f != nil {
		f.hurry()
	}
}

func (s *Server) view(c Client) *View { return NewView(s.cfg.Schema, c.ID, c.Sync, c.Fields) }

// countedDigest is of what a view showed of the feed up to a seq.
type countedDigest struct {
	mu         sync.Mutex // guards what follows: a client may ask while it is told
	view, feed string
	head       uint64
	digest     store.Digest
}

// countedFor is the digest that was counted last for a client, which is to be found
// before the feed is read: what is counted of a client that is another by then, nobody
// finds any more.
func (s *Server) countedFor(clientID string) *countedDigest {
	s.counted.Lock()
	defer s.counted.Unlock()
	d := s.digests[clientID]
	if d == nil {
		d = new(countedDigest)
		s.digests[clientID] = d
	}
	return d
}

func (s *Server) forgetDigest(clientID string) {
	s.counted.Lock()
	defer s.counted.Unlock()
	delete(s.digests, clientID)
}

// nextBatch is nextBatch, also with the digest of a view that is not whole where
// the mirror has all there is: once a minute, and anew only after a change, since
// adding it up means to read the feed.
func (d *countedDigest) nextBatch(tx Reader, v *View, at Position) (*Batch, error) {
	b, err := nextBatch(tx, v, at)
	if err != nil || b.Digest != nil || b.After != b.Head {
		return b, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.view != b.View || d.feed != b.Feed || d.head != b.Head {
		feed, err := tx.Feed()
		if err != nil {
			return nil, fmt.Errorf("reading the feed: %w", err)
		}
		counted, err := v.digest(tx, feed)
		if err != nil {
			return nil, err
		}
		d.view, d.feed, d.head, d.digest = b.View, b.Feed, b.Head, counted
	}
	counted := d.digest
	b.Digest = &counted
	return b, nil
}
