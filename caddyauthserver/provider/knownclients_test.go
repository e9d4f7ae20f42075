package provider_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// Clients are kept in memory, but what changes is in force with the next request.
func TestChangesOfAClientAreInForceAtOnce(t *testing.T) {
	edit := func(fn func(s *server, c *store.Client)) func(*server) {
		return func(s *server) {
			s.update(func(tx store.WriteTx) error {
				c, err := tx.Client("app")
				if err != nil {
					return err
				}
				fn(s, c)
				return tx.PutClient(c)
			})
		}
	}
	for name, test := range map[string]struct {
		change       func(*server)
		authenticate string // the error of the token endpoint, "" for none
		bearer       int    // of its access tokens
	}{
		"disabled":         {edit(func(_ *server, c *store.Client) { c.Disabled = true }), "invalid_client", http.StatusUnauthorized},
		"deleted":          {func(s *server) { s.update(func(tx store.WriteTx) error { return tx.DeleteClient("app") }) }, "invalid_client", http.StatusUnauthorized},
		"another secret":   {edit(func(s *server, c *store.Client) { _, c.Secrets[0] = store.NewClientSecret(s.key, "app", s.clock.now()) }), "invalid_client", http.StatusOK},
		"secret has ended": {func(s *server) { s.clock.add(time.Hour) }, "invalid_client", 0},
		"other groups":     {edit(func(_ *server, c *store.Client) { c.AllowGroups = []string{"others"} }), "invalid_grant", http.StatusUnauthorized},
		"no refreshing":    {edit(func(_ *server, c *store.Client) { c.GrantTypes = []string{store.GrantCode} }), "unauthorized_client", http.StatusOK},
		"another name":     {edit(func(_ *server, c *store.Client) { c.Name = "Other" }), "", http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			app := as("app", appSecret)
			if name == "secret has ended" {
				app = as("app", "rotated-away")
			}
			first := s.browser().tokens("openid offline_access")
			tok := tokensOf(t, s.token(app, refreshForm(first.refresh)))
			if got := s.status(tok.access); got != http.StatusOK {
				t.Fatalf("an access token: %d", got)
			}
			test.change(s)
			if test.bearer != 0 {
				if got := s.status(tok.access); got != test.bearer {
					t.Errorf("an access token: %d, want %d", got, test.bearer)
				}
			}
			a := s.token(app, refreshForm(tok.refresh))
			if got, _ := a.decode(t)["error"].(string); got != test.authenticate {
				t.Errorf("refreshing: %d %s", a.StatusCode, a.body)
			}
		})
	}
}

// Nor does a client stay known that was read while it changed.
func TestNoClientIsKnownAsItWas(t *testing.T) {
	s := newServer(t)
	app := as("app", appSecret)
	ask := func() int {
		return s.call("POST", "/o/introspect", app, refreshForm("x", "token", "unknown")).StatusCode
	}
	var done atomic.Bool
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for !done.Load() {
				s.p.ServeHTTP(&discarded{}, s.browser().introspection(app))
			}
		})
	}
	defer others.Wait()
	defer done.Store(true)
	for i := range 200 {
		disabled := i%2 == 0
		s.update(func(tx store.WriteTx) error {
			c, err := tx.Client("app")
			if err != nil {
				return err
			}
			c.Disabled = disabled
			return tx.PutClient(c)
		})
		// Who is wrong too often is told to slow down.
		if got := ask(); disabled != (got == http.StatusUnauthorized || got == http.StatusTooManyRequests) || !disabled && got != http.StatusOK {
			t.Fatalf("disabled %t, and answered %d", disabled, got)
		}
	}
}

// introspection asks about a token that there is not.
func (b *browser) introspection(authorization string) *http.Request {
	req := b.request("POST", "/o/introspect", refreshForm("x", "token", "unknown"))
	req.Header.Set("Authorization", authorization)
	return req
}

// discarded is an answer that nobody reads.
type discarded struct{ header http.Header }

func (d *discarded) Header() http.Header {
	if d.header == nil {
		d.header = http.Header{}
	}
	return d.header
}
func (*discarded) Write(b []byte) (int, error) { return len(b), nil }
func (*discarded) WriteHeader(int)             {}
