package usersync

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyito/caddyito/store"
)

// In these tests time passes as quickly as nobody has anything to do, and the
// network is a function call.

// deaf is a store that wakes nobody.
type deaf struct{ store.Store }

func (deaf) Watch(func(store.Event)) (stop func()) { return func() {} }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// direct answers requests by a handler.
func direct(h http.Handler) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result(), nil
	}
}

// pushTo starts a server whose only client is reached by tr.
func pushTo(t *testing.T, s store.Store, tr http.RoundTripper) *Server {
	c := Client{ID: "wiki", URL: "https://wiki.example.com/oidc/sync", Secrets: []string{secret}}
	srv := NewServer(Config{
		Store: s, Issuer: issuer, Schema: store.DefaultSchema(), Transport: tr, Log: slog.New(slog.DiscardHandler),
		Clients: func(context.Context) ([]Client, error) { return []Client{c}, nil }, Client: one(c),
	})
	ready := make(chan struct{})
	close(ready)
	srv.Start(ready)
	t.Cleanup(srv.Close)
	return srv
}

// A change that nobody was woken for is told with the next heartbeat.
func TestTimerBehindWakeUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, rc := openStore(t), &Receiver{Mirror: newMirror(t, openStore(t)), Log: slog.New(slog.DiscardHandler)}
		directory(t, s, 3)
		pushTo(t, deaf{s}, direct(rc))
		time.Sleep(time.Second)
		same(t, rc.Mirror, s)
		setUser(t, s, 1, func(u *store.User) { u.FirstName = "x" })
		time.Sleep(heartbeat * 5 / 4)
		synctest.Wait()
		same(t, rc.Mirror, s)
	})
}

// A client that is dead for a day is tried ever less often, until that is every
// five minutes, and nothing is lost on it.
func TestDeadForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, rc := openStore(t), &Receiver{Mirror: newMirror(t, openStore(t)), Log: slog.New(slog.DiscardHandler)}
		directory(t, s, 3)
		var dead atomic.Bool
		var tries atomic.Int64
		dead.Store(true)
		pushTo(t, s, roundTripper(func(r *http.Request) (*http.Response, error) {
			if tries.Add(1); dead.Load() {
				return nil, errors.New("connection refused")
			}
			return direct(rc)(r)
		}))
		time.Sleep(time.Minute)
		if n := tries.Load(); n < 5 || n > 8 {
			t.Errorf("tried %d times in the first minute", n)
		}
		for range 24 {
			setUser(t, s, 1, func(u *store.User) { u.FirstName += "x" }) // is no reason to try
			time.Sleep(time.Hour)
		}
		if n := tries.Load(); n < 24*9 || n > 24*17 {
			t.Errorf("tried %d times in a day", n)
		}
		st := syncState(t, s)
		if age := time.Since(st.CurrentAt); st.Error != "connection refused" || age < 24*time.Hour {
			t.Errorf("the status is %+v, and it lags for %s", st, age)
		}
		dead.Store(false)
		time.Sleep(5 * time.Minute * 5 / 4)
		synctest.Wait()
		same(t, rc.Mirror, s)
		if st := syncState(t, s); st.Error != "" || time.Since(st.CurrentAt) > 10*time.Minute {
			t.Errorf("the status is %+v", st)
		}
	})
}

// A gate asks when it starts, leaves that while it is pushed to, and begins again
// when pushes stay away.
func TestAsksWhenPushesStayAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, rc := openStore(t), &Receiver{Mirror: newMirror(t, openStore(t)), Log: slog.New(slog.DiscardHandler)}
		directory(t, s, 3)
		var cut atomic.Bool
		var asked atomic.Int64
		srv := pushTo(t, s, roundTripper(func(r *http.Request) (*http.Response, error) {
			if cut.Load() {
				return nil, errors.New("no route to host")
			}
			return direct(rc)(r)
		}))
		p := &Puller{
			Receiver: rc, Log: rc.Log,
			Endpoint: func() (string, error) { return issuer + "/o/sync", nil },
			Transport: direct(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				srv.ServePull(w, r, Client{ID: "wiki"}, secret)
			})),
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); p.Run(ctx) }()
		time.Sleep(time.Hour)
		if n := asked.Load(); n > 2 {
			t.Errorf("asked %d times in an hour of pushes", n)
		}
		cut.Store(true)
		time.Sleep(pushedWithin + pushedLook)
		setUser(t, s, 1, func(u *store.User) { u.FirstName = "x" })
		synctest.Wait()
		same(t, rc.Mirror, s) // it was waiting for that
		cut.Store(false)
		time.Sleep(10 * time.Minute)
		n := asked.Load()
		time.Sleep(time.Hour)
		if more := asked.Load() - n; more > 0 {
			t.Errorf("asked %d times in an hour although pushes come again", more)
		}
		cancel()
		srv.EndPolls()
		<-done
	})
}
