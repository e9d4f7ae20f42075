package provider_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// told is what a client was told of a logout.
type told struct {
	url, token string
	header     http.Header
}

// clientsOf is a transport to clients that answer as they are told to.
type clientsOf struct {
	mu     sync.Mutex // guards all
	got    []told
	answer func(host string, n int) (int, error) // n: how often that host was asked
	asked  map[string]int
}

func (c *clientsOf) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form) != 1 || len(form["logout_token"]) != 1 {
		return nil, fmt.Errorf("the form is %q", body)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked == nil {
		c.asked = map[string]int{}
	}
	c.asked[r.URL.Host]++
	status := 200
	if c.answer != nil {
		answer, n := c.answer, c.asked[r.URL.Host]
		c.mu.Unlock()
		status, err = answer(r.URL.Host, n)
		c.mu.Lock()
		if err != nil {
			return nil, err
		}
	}
	c.got = append(c.got, told{r.URL.String(), form.Get("logout_token"), r.Header})
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func (c *clientsOf) all() []told {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

func (c *clientsOf) urls() []string {
	var urls []string
	for _, x := range c.all() {
		urls = append(urls, x.url)
	}
	slices.Sort(urls)
	return urls
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// newNotifying is a server that tells clients of logouts: "wiki" and "quiet",
// which are gates, and "shop", which named an address.
func newNotifying(t *testing.T, c *clientsOf) *server {
	s := newServer(t, func(cfg *provider.Config) { cfg.SyncTransport = c })
	withWiki(s)
	s.update(func(tx store.WriteTx) error {
		return tx.PutClient(&store.Client{ID: "shop", ClientSettings: store.ClientSettings{
			SkipConsent:          true,
			Public:               true,
			RedirectURIs:         []string{"https://shop.example.com/cb"},
			BackchannelLogoutURI: "https://shop.example.com/bye",
			IDTokenAlg:           "ES256",
		}})
	})
	s.startLogouts()
	return s
}

func (s *server) startLogouts() {
	ready := make(chan struct{})
	close(ready)
	s.p.StartLogouts(ready)
}

// queued is how many logouts are yet to be told.
func (s *server) queued() (n int) {
	s.t.Helper()
	err := s.store.View(context.Background(), func(tx store.ReadTx) error {
		n = 0
		ids, err := tx.LogoutClients()
		for _, id := range ids {
			var l []*store.Logout
			if l, err = tx.Logouts(id, 0, 1000); err != nil {
				break
			}
			n += len(l)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// at signs in at clients by their ids and says as which sid.
func (b *browser) at(ids ...string) (sid string) {
	b.t.Helper()
	for _, id := range ids {
		redirect := "https://" + id + ".example.com/oidc/callback"
		if id == "shop" {
			redirect = "https://shop.example.com/cb"
		}
		b.code(authQuery(id, redirect, "scope", "openid"))
	}
	err := b.store.View(context.Background(), func(tx store.ReadTx) error {
		s, err := tx.Session(store.ServerRealm, store.HashOf(b.sessionCookie().Value))
		if err == nil {
			sid = s.SID
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return sid
}

func (b *browser) signOut() {
	b.t.Helper()
	if a := b.post("/o/logout", b.logout().form()); a.StatusCode != http.StatusOK {
		b.t.Fatalf("signing out: %d %s", a.StatusCode, a.body)
	}
}

// keyfunc finds the server's keys as a client does.
func (s *server) keyfunc() jwt.Keyfunc {
	s.t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(s.call("GET", "/o/jwks", "", nil).body), &set); err != nil {
		s.t.Fatal(err)
	}
	return func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		keys := set.Key(kid)
		if len(keys) != 1 {
			return nil, fmt.Errorf("no key %q", kid)
		}
		return keys[0].Key, nil
	}
}

// Back-Channel Logout sections 2.4 and 2.5.
func TestBackchannelLogoutToken(t *testing.T) {
	c := new(clientsOf)
	s := newNotifying(t, c)
	b := s.browser()
	sid := b.at("wiki", "shop")
	bystander := s.browser()
	bystander.at("wiki", "quiet")
	b.code(authQuery("app", appRedirect)) // has no address: is not told
	b.signOut()
	eventually(t, "both are told", func() bool { return len(c.all()) == 2 && s.queued() == 0 })
	if got := fmt.Sprint(c.urls()); got != "[https://shop.example.com/bye https://wiki.example.com/oidc/backchannel-logout]" {
		t.Errorf("told are %s", got)
	}
	keys := s.keyfunc()
	ids := map[any]bool{}
	for _, x := range c.all() {
		client := strings.Split(strings.TrimPrefix(x.url, "https://"), ".")[0]
		if typ := x.header.Get("Content-Type"); typ != "application/x-www-form-urlencoded" {
			t.Errorf("content type %s", typ)
		}
		claims := jwt.MapClaims{}
		tok, err := jwt.ParseWithClaims(x.token, claims, keys, jwt.WithValidMethods([]string{map[string]string{"wiki": "RS256", "shop": "ES256"}[client]}), jwt.WithTimeFunc(s.clock.now),
			jwt.WithIssuer(s.issuer), jwt.WithAudience(client), jwt.WithSubject("1"), jwt.WithExpirationRequired())
		if err != nil {
			t.Fatal(err)
		}
		if tok.Header["typ"] != "logout+jwt" || claims["sid"] != sid || claims["jti"] == "" || ids[claims["jti"]] {
			t.Errorf("%v %v", tok.Header, claims)
		}
		ids[claims["jti"]] = true
		if got := fmt.Sprint(claims["events"]); got != "map[http://schemas.openid.net/event/backchannel-logout:map[]]" {
			t.Errorf("events %s", got)
		}
		iat, _ := claims.GetIssuedAt()
		exp, _ := claims.GetExpirationTime()
		if exp.Sub(iat.Time) != 2*time.Minute || !iat.Equal(s.clock.now()) {
			t.Errorf("from %v to %v", iat, exp)
		}
		if _, ok := claims["nonce"]; ok {
			t.Error("there is a nonce")
		}
		// It opens no door of the server.
		if a := s.browser().logout("id_token_hint", x.token, "post_logout_redirect_uri", "https://wiki.example.com/"); a.Header.Get("Location") != "" {
			t.Error("a logout token is taken for an id_token_hint")
		}
		if a := s.call("GET", "/o/userinfo", "Bearer "+x.token, nil); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("userinfo takes a logout token: %d", a.StatusCode)
		}
	}
	if n := s.p.Counts(); n.Logouts != 2 || n.FailedLogouts != 0 {
		t.Errorf("counted %+v", n)
	}
}

// Section 2: whatever ends the session has its clients told, and no other's.
func TestBackchannelLogoutOccasions(t *testing.T) {
	const wiki, quiet = "https://wiki.example.com/oidc/backchannel-logout", "https://quiet.example.com/oidc/backchannel-logout"
	for name, c := range map[string]struct {
		end  func(s *server, here, away *browser)
		want []string
	}{
		"signing out": {func(_ *server, here, _ *browser) { here.signOut() }, []string{wiki}},
		"a new password": {func(_ *server, here, _ *browser) {
			a := here.changePassword("current_password", alicePassword, "new_password", newPassword, "new_password_again", newPassword)
			if a.StatusCode != http.StatusOK {
				here.t.Errorf("changing the password: %d", a.StatusCode)
			}
		}, []string{quiet}},
		"somebody else signs in there": {func(_ *server, here, _ *browser) {
			here.login(here.get("/o/login"), "bob", "bob's password")
		}, []string{wiki}},
	} {
		t.Run(name, func(t *testing.T) {
			to := new(clientsOf)
			s := newNotifying(t, to)
			here, away := s.browser(), s.browser()
			here.t, away.t = t, t
			here.at("wiki")
			away.at("quiet")
			c.end(s, here, away)
			eventually(t, "the clients are told", func() bool { return len(to.all()) == len(c.want) && s.queued() == 0 })
			if got := to.urls(); !slices.Equal(got, c.want) {
				t.Errorf("told are %s", got)
			}
		})
	}
}

// A session that ran out by itself is over when a client says so by a hint.
func TestBackchannelLogoutAfterTheSessionRanOut(t *testing.T) {
	to := new(clientsOf)
	s := newNotifying(t, to)
	b := s.browser()
	b.at("wiki", "shop")
	id := b.tokens("openid").id
	s.clock.add(25 * time.Hour)
	s.browser().logout("id_token_hint", id)
	eventually(t, "both are told", func() bool { return len(to.all()) == 2 })
}

// Section 2.8: a client that is down or refuses is tried again, and holds up
// nobody else; each attempt has a token of its own.
func TestBackchannelLogoutRetries(t *testing.T) {
	hang := make(chan struct{})
	to := &clientsOf{answer: func(host string, n int) (int, error) {
		switch host {
		case "quiet.example.com":
			<-hang
			return 0, fmt.Errorf("no answer")
		case "shop.example.com":
			if n == 1 {
				return 0, fmt.Errorf("connection refused")
			}
			return 204, nil
		}
		return 200, nil
	}}
	s := newNotifying(t, to)
	t.Cleanup(func() { close(hang) })
	b := s.browser()
	b.at("quiet", "wiki", "shop")
	b.signOut()
	eventually(t, "the others are told", func() bool {
		return fmt.Sprint(to.urls()) == "[https://shop.example.com/bye https://wiki.example.com/oidc/backchannel-logout]" && s.queued() == 1
	})
}

func TestBackchannelLogoutRefused(t *testing.T) {
	to := &clientsOf{answer: func(string, int) (int, error) { return 400, nil }}
	s := newNotifying(t, to)
	b := s.browser()
	b.at("wiki")
	b.signOut()
	for n := 1; n <= 5; n++ {
		eventually(t, fmt.Sprintf("there are %d attempts", n), func() bool {
			s.clock.add(time.Minute)
			s.update(func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "nudge"}) }) // wakes it
			return len(to.all()) >= n
		})
	}
	eventually(t, "it is given up", func() bool { return s.queued() == 0 })
	tokens := map[string]bool{}
	for _, x := range to.all() {
		tokens[x.token] = true
	}
	if len(tokens) != 5 || !strings.Contains(s.logs.String(), "refuses a logout again and again") {
		t.Errorf("%d tokens; the log:\n%s", len(tokens), s.logs)
	}
	if strings.Contains(s.logs.String(), "eyJ") {
		t.Error("the log holds a token")
	}
}

// What is queued outlives the process.
func TestBackchannelLogoutOutlivesARestart(t *testing.T) {
	to := &clientsOf{answer: func(string, int) (int, error) { return 0, fmt.Errorf("connection refused") }}
	s := newNotifying(t, to)
	b := s.browser()
	b.at("wiki", "shop")
	b.signOut()
	eventually(t, "both were tried", func() bool { return s.p.Counts().FailedLogouts >= 2 })
	s.close()
	up := new(clientsOf)
	s.open(func(c *provider.Config) { c.SyncTransport = up })
	if s.queued() != 2 {
		t.Errorf("%d are queued", s.queued())
	}
	s.update(func(tx store.WriteTx) error { return tx.DeleteClient("shop") })
	s.startLogouts()
	eventually(t, "the wiki is told", func() bool { return len(up.all()) == 1 && s.queued() == 0 })
}

func TestBackchannelLogoutIsGivenUpAfterADay(t *testing.T) {
	to := new(clientsOf)
	s := newServer(t, func(c *provider.Config) { c.SyncTransport = to })
	withWiki(s)
	b := s.browser()
	b.at("wiki")
	b.signOut()
	s.clock.add(24 * time.Hour)
	s.startLogouts()
	eventually(t, "it is given up", func() bool { return s.queued() == 0 })
	if len(to.all()) != 0 || !strings.Contains(s.logs.String(), "not told of a logout for a day") {
		t.Errorf("told %v; the log:\n%s", to.urls(), s.logs)
	}
}

// Section 2.1.
func TestBackchannelLogoutMetadata(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		d := s.browser().get(path).decode(t)
		if d["backchannel_logout_supported"] != true || d["backchannel_logout_session_supported"] != true {
			t.Errorf("%s says %v", path, d)
		}
	}
}

// hasty is a transport that notes how long it has for each request.
type hasty struct {
	clientsOf
	left chan time.Duration
}

func (h *hasty) RoundTrip(r *http.Request) (*http.Response, error) {
	end, _ := r.Context().Deadline()
	select {
	case h.left <- time.Until(end):
	default:
	}
	return h.clientsOf.RoundTrip(r)
}

// A client has five seconds to take a logout, all in all.
func TestLogoutsHaveFiveSeconds(t *testing.T) {
	h := &hasty{left: make(chan time.Duration, 1)}
	s := newServer(t, func(cfg *provider.Config) { cfg.SyncTransport = h })
	withWiki(s)
	s.startLogouts()
	b := s.browser()
	b.at("wiki")
	b.signOut()
	if left := <-h.left; left <= 0 || left > 5*time.Second {
		t.Errorf("it has %s", left)
	}
}
