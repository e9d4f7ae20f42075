package usersync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyito/caddyito/internal/pace"
	"github.com/caddyito/caddyito/store"
)

const (
	// heartbeat is how often a client that has everything is asked whether it
	// does.
	heartbeat = time.Minute
	// remember is how often the position is written while there is more to send.
	remember = time.Second
	// fillAgain is within which a mirror that was filled anew and still differs is not
	// compared any more: more of the same would not mend it.
	fillAgain = time.Hour
)

var errDiffers = errors.New("the mirror differs from the server although it was just filled anew; for an hour the two are not compared")

// feeder keeps the mirror of one client up to date. It goes by what the mirror
// says of itself: the first batch holds nothing and asks where it stands. So
// nobody who does not answer as a mirror is ever sent a user.
type feeder struct {
	server *Server
	client Client
	view   *View
	cancel context.CancelFunc
	done   chan struct{}
	woken  chan struct{} // look whether there is something to do
	haste  chan struct{} // the client is alive: do not wait on
	// next sends what is next, and says by settled whether that was all.
	next func(context.Context) error

	at      *Position // nil before the mirror said
	settled bool      // the mirror has everything, and it is the same
	secret  int       // which of the secrets the client takes
	failed  int       // failures in a row
	anew    time.Time // when the mirror was last sent everything
	filling filling
	state   store.SyncState
	written time.Time // when state was
	gone    bool      // the client is: this is of no use any more

	differed time.Time // when the mirror last did although it had just been sent everything
}

// errGone: the client was deleted meanwhile. One that is made with the same id has
// been told nothing.
var errGone = errors.New("the client was deleted")

func (c Client) same(o Client) bool {
	return c.ID == o.ID && c.URL == o.URL && slices.Equal(c.Secrets, o.Secrets) &&
		c.Sync == o.Sync && slices.Equal(c.Fields, o.Fields) && c.Format == o.Format && c.AdminFlags == o.AdminFlags
}

func (s *Server) startFeeder(ctx context.Context, c Client) *feeder {
	ctx, cancel := context.WithCancel(ctx)
	f := &feeder{
		server: s, client: c, view: s.view(c), cancel: cancel, done: make(chan struct{}),
		woken: make(chan struct{}, 1), haste: make(chan struct{}, 1),
		state: store.SyncState{ClientID: c.ID},
	}
	f.next = f.step
	if c.Format == store.FormatDjangito {
		f.next = (&djangito{feeder: f}).step
	}
	go func() {
		f.run(ctx)
		close(f.done)
		if f.gone {
			s.clients.ring() // another feeder is for who has the id now
		}
	}()
	return f
}

func (f *feeder) stop() {
	f.cancel()
	<-f.done
}

// ended says whether it has, by itself.
func (f *feeder) ended() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

func (f *feeder) wake()  { pace.Wake(f.woken) }
func (f *feeder) hurry() { pace.Wake(f.haste) }

func (f *feeder) run(ctx context.Context) {
	for ctx.Err() == nil {
		changed := f.server.changed.next()
		err := f.next(ctx)
		switch {
		case ctx.Err() != nil || f.gone:
			return
		case err != nil:
			if f.fail(ctx, err); f.gone {
				return
			}
			f.wait(ctx, nil, nil, pace.Backoff(f.failed))
		case f.settled:
			f.wait(ctx, changed, f.woken, pace.Jitter(heartbeat))
		}
	}
}

func (f *feeder) wait(ctx context.Context, changed <-chan struct{}, woken chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-changed:
	case <-woken:
	case <-f.haste:
	case <-ctx.Done():
	}
}

// step sends one batch and learns where the mirror stands.
func (f *feeder) step(ctx context.Context) error {
	b, resync, err := f.batch(ctx)
	if err != nil {
		return err
	}
	p, ok, err := f.send(ctx, b)
	if err != nil {
		return err
	}
	if ok {
		f.server.meters.of(f.client.ID).told(len(b.Changes))
		f.filling.took(len(b.Changes))
	}
	begun := resync && ok
	now := f.server.cfg.Now()
	log := f.server.cfg.Log.With("client_id", f.client.ID)
	if !ok && f.at != nil && p.Upto == 0 && b.Head > 0 {
		// The mirror begins anew.
		if again := now.Sub(f.anew) < fillAgain; again && b.Digest != nil {
			f.differed = now
			return errDiffers
		}
		f.anew = now
		f.filling.begin(log, now, "the mirror of a client is filled anew: it lost what it had, or has something else than the server", b.Head)
	}
	asked := f.at == nil
	switch {
	case begun:
		f.filling.begin(log, now, sentAnew, b.Head)
		f.filling.took(len(b.Changes))
	case asked && p.Upto == 0 && b.Head > 0:
		f.filling.begin(log, now, "the mirror of a client is empty and is filled", b.Head)
	}
	f.settled = !asked && ok && p.Feed == b.Feed && p.View == b.View && p.Upto >= b.Head
	if !asked && !begun && !f.settled && p == *f.at {
		return fmt.Errorf("it does not move on from %d of %d: what it is sent it takes for old, or it answers without taking it", p.Upto, b.Head)
	}
	f.at = &p
	if f.settled {
		f.filling.end(log, now)
		f.server.pulled.end(f.server.cfg.Log, f.client.ID, now) // it may not ask again
	}
	if f.failed > 0 && !asked {
		log.Info("a client takes changes again", "failures", f.failed)
		f.failed = 0
	}
	if f.settled || begun || f.state.Error != "" && !asked || now.Sub(f.written) >= remember {
		return f.remember(ctx, func(s *store.SyncState) {
			s.FeedID, s.View, s.Seq, s.PushedAt = p.Feed, p.View, p.Upto, now
			if !asked {
				s.Error, s.Parked, s.FailedAt = "", false, time.Time{}
			}
			s.Resync = s.Resync && !begun
			if f.settled {
				s.CurrentAt = now
			}
		})
	}
	return nil
}

// batch is the next one to send: nothing while it is unknown where the mirror
// stands.
func (f *feeder) batch(ctx context.Context) (b *Batch, resync bool, err error) {
	counted := f.server.countedFor(f.client.ID)
	err = f.server.cfg.Store.View(ctx, func(tx store.ReadTx) error {
		if f.at == nil {
			feed, err := tx.Feed()
			b = &Batch{Feed: feed.ID, View: f.view.ID(), Head: feed.Head}
			return err
		}
		s, err := tx.SyncState(f.client.ID)
		if err != nil {
			return err
		}
		at := *f.at
		if resync = s.Resync; resync {
			at = Position{}
		}
		if b, err = counted.nextBatch(tx, f.view, at); err != nil {
			return err
		}
		b.Resync = b.Resync || resync
		if f.server.cfg.Now().Sub(f.differed).Abs() < fillAgain {
			b.Digest = nil
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("reading changes: %w", err)
	}
	b.Issuer, b.Audience = f.server.cfg.Issuer, f.client.ID
	return b, resync, nil
}

// parkedError is a refusal that sending again does not change.
type parkedError struct{ error }

// send posts the batch, with each secret until one is taken.
func (f *feeder) send(ctx context.Context, b *Batch) (p Position, ok bool, err error) {
	for range f.client.Secrets {
		var status int
		p, status, err = f.post(ctx, b, f.client.Secrets[f.secret])
		if status != http.StatusUnauthorized {
			return p, status == http.StatusOK, err
		}
		f.secret = (f.secret + 1) % len(f.client.Secrets)
	}
	return p, false, err
}

func (f *feeder) post(ctx context.Context, b *Batch, secret string) (p Position, status int, err error) {
	key, err := Key(secret, f.server.cfg.Issuer)
	if err != nil {
		return p, 0, parkedError{err}
	}
	body, err := Sign(b, key, f.server.cfg.Now())
	if err != nil {
		return p, 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.client.URL, bytes.NewReader(body))
	if err != nil {
		return p, 0, parkedError{fmt.Errorf("the sync URL is wrong: %w", err)}
	}
	r.Header.Set("Content-Type", ContentType)
	r.Header.Set("Accept", "application/json")
	resp, text, err := f.server.call(r)
	if err != nil {
		return p, 0, err
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusConflict:
		if json.Unmarshal(text, &p) != nil || p.Feed == "" || len(p.Feed) > 200 {
			return p, resp.StatusCode, parkedError{errors.New("what answers there is no gate: it does not say where it stands")}
		}
		return p, resp.StatusCode, nil
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
		return p, resp.StatusCode, refusal(resp, text)
	}
	if resp.StatusCode < 500 {
		return p, resp.StatusCode, parkedError{refusal(resp, text)}
	}
	return p, resp.StatusCode, refusal(resp, text)
}

// maxProblem is how much of what went wrong is kept, in bytes.
const maxProblem = 1000

// fail notes what went wrong, for the log and whoever looks at the status.
func (f *feeder) fail(ctx context.Context, err error) {
	f.settled = false
	f.at = nil // what was sent may have been taken: ask
	f.failed++
	f.server.meters.of(f.client.ID).failed()
	_, parked := errors.AsType[parkedError](err)
	problem := printable(err.Error(), maxProblem)
	if f.failed == 1 || problem != f.state.Error {
		message := "cannot reach a client to tell it of changes; trying again, with growing pauses"
		if parked {
			message = "a client refuses changes and is parked until its config or the server's is mended; trying again, with growing pauses"
		}
		f.server.cfg.Log.Warn(message, "client_id", f.client.ID, "url", f.client.URL, "error", problem)
	}
	now := f.server.cfg.Now()
	if err := f.remember(ctx, func(s *store.SyncState) {
		s.Error, s.Parked, s.FailedAt = problem, parked, now
		s.LastError, s.LastErrorAt = problem, now
	}); err != nil && ctx.Err() == nil && !f.gone {
		f.server.cfg.Log.Error("cannot note the state of sync", "client_id", f.client.ID, "error", err)
	}
}

// remember writes what is known of the client's mirror.
func (f *feeder) remember(ctx context.Context, change func(*store.SyncState)) error {
	err := f.server.cfg.Store.Update(ctx, func(tx store.WriteTx) error {
		s, err := tx.SyncState(f.client.ID)
		if err != nil {
			return err
		}
		if f.gone = !f.state.CurrentAt.IsZero() && s.CurrentAt.IsZero(); f.gone {
			return errGone // with a client its state is deleted
		}
		change(s)
		if s.CurrentAt.IsZero() {
			s.CurrentAt = f.server.cfg.Now()
		}
		if err := tx.PutSyncState(s); err != nil {
			return err
		}
		f.state = *s
		return nil
	})
	if err != nil {
		return fmt.Errorf("noting where a client stands: %w", err)
	}
	f.written = f.server.cfg.Now()
	return nil
}
