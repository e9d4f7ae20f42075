// Package glue tries the modules inside a running Caddy of this process: what
// the Caddyfile says reaches the server and the gate, and what they say reaches
// placeholders, matchers, handle_errors and logs. Journeys through processes of
// their own are in package integration.
package glue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddyito/caddyito"
	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/internal/freeport"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

const pass = "correct horse battery staple"

// box is a running Caddy and its surroundings.
type box struct {
	t            *testing.T
	dir          string
	server, gate string           // origins
	app          *httptest.Server // the upstream: says what headers it got
}

// newBox prepares a place for a Caddy that is not running yet.
func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, dir: t.TempDir(), server: "http://" + freeport.AddrForTest(t), gate: "http://" + freeport.AddrForTest(t)}
	t.Setenv("XDG_DATA_HOME", b.dir)
	t.Setenv("XDG_CONFIG_HOME", b.dir)
	b.app = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"uri": r.RequestURI, "header": r.Header})
	}))
	t.Cleanup(b.app.Close)
	t.Cleanup(func() { caddy.Stop() })
	return b
}

// load runs the sites. $SERVER, $GATE and $APP stand for the origins and the
// upstream's address.
func (b *box) load(sites string) error {
	b.t.Helper()
	config := fmt.Sprintf(`{
	admin off
	persist_config off
	default_bind 127.0.0.1
	storage file_system %s
	log {
		output file %s {
			roll_disabled
		}
		format json
		level DEBUG
	}
}
`, b.dir, b.logFile()) + strings.NewReplacer("$SERVER", b.server, "$GATE", b.gate, "$APP", strings.TrimPrefix(b.app.URL, "http://")).Replace(sites)
	out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		b.t.Fatal(err)
	}
	return caddy.Load(out, true)
}

// start is load for sites that must run, with alice (staff, of Acme) and bob.
func start(t *testing.T, sites string) *box {
	t.Helper()
	b := newBox(t)
	if err := b.load(sites); err != nil {
		t.Fatal(err)
	}
	b.people()
	return b
}

func (b *box) people() {
	b.t.Helper()
	app, err := authapp.Active()
	if err != nil {
		b.t.Fatal(err)
	}
	hash, err := password.New(password.Params{}).Hash(context.Background(), pass)
	if err != nil {
		b.t.Fatal(err)
	}
	err = app.Store().Update(context.Background(), func(tx store.WriteTx) error {
		schema := store.DefaultSchema()
		acme := &store.Object{Type: "company", Fields: store.Fields{"name": "Acme <&> Sons", "primary_activity": "Buyer"}}
		if err := store.SaveObject(tx, schema, acme); err != nil {
			return err
		}
		for _, u := range []*store.User{
			{Username: "alice", Email: "alice@example.com", FirstName: "Alice", LastName: "<b>Archer</b>", Groups: []string{"staff", "wiki"},
				IsActive: true, IsSuperuser: true, DateJoined: time.Now(), Fields: store.Fields{"company": store.Ref{Type: "company", ID: acme.ID}}},
			{Username: "bob", Email: "bob@example.com", IsActive: true, DateJoined: time.Now()},
		} {
			if err := store.SaveUser(tx, schema, u); err != nil {
				return err
			}
			if err := tx.PutCredential(&store.Credential{UserID: u.ID, PasswordHash: hash, PasswordChangedAt: time.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) logFile() string { return filepath.Join(b.dir, "log.json") }

func (b *box) log() string {
	b.t.Helper()
	data, err := os.ReadFile(b.logFile())
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

// browser has a cookie jar, asks for pages, and follows redirects.
type browser struct {
	t *testing.T
	*http.Client
	redirected func(to *url.URL) // may be nil
}

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &browser{t: t}
	c.Client = &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) > 12 {
			return fmt.Errorf("redirected %d times", len(via))
		}
		if r.Response.Header.Get("Referrer-Policy") == "no-referrer" {
			r.Header.Del("Referer") // as browsers do
		}
		if c.redirected != nil {
			c.redirected(r.URL)
		}
		return nil
	}
	return c
}

// page is an answer, read.
type page struct {
	status int
	url    *url.URL
	header http.Header
	body   string
}

func (p *page) String() string { return fmt.Sprintf("%d at %s\n%s", p.status, p.url, p.body) }

func (c *browser) do(r *http.Request) *page {
	c.t.Helper()
	var resp *http.Response
	var err error
	for range 4 {
		try := r.Clone(r.Context()) // the client adds cookies to what it sends
		if r.GetBody != nil {
			if try.Body, err = r.GetBody(); err != nil {
				break
			}
		}
		resp, err = c.Client.Do(try)
		if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			break
		}
		// Caddy was loaded anew a moment ago, and closed a listener with this
		// connection in its queue; browsers try again, too.
	}
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return &page{resp.StatusCode, resp.Request.URL, resp.Header, string(body)}
}

// get loads a page, with extra headers as name, value, ...
func (c *browser) get(address string, header ...string) *page {
	c.t.Helper()
	r, err := http.NewRequest("GET", address, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = []string{header[i+1]} // as spelled
	}
	return c.do(r)
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	hidden     = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// submit fills in the first form of a page.
func (c *browser) submit(p *page, fields ...string) *page {
	c.t.Helper()
	action := formAction.FindStringSubmatch(p.body)
	if action == nil {
		c.t.Fatalf("no form: %s", p)
	}
	values := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(p.body, -1) {
		values.Set(m[1], unescape(m[2]))
	}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	to, err := p.url.Parse(unescape(action[1]))
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequest("POST", to.String(), strings.NewReader(values.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Origin", p.url.Scheme+"://"+p.url.Host)
	return c.do(r)
}

func unescape(s string) string {
	return strings.NewReplacer("&amp;", "&", "&#43;", "+", "&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">").Replace(s)
}

// signIn opens an address behind the gate and signs in on the way.
func (c *browser) signIn(address, user string) *page {
	c.t.Helper()
	p := c.get(address)
	if !strings.Contains(p.body, `id="login-submit"`) {
		c.t.Fatalf("%s asks for no sign-in: %s", address, p)
	}
	return c.submit(p, "username", user, "password", pass)
}

// gateCookie says whether a gate's session is among the cookies of a header.
func (b *box) gateCookie(h http.Header) bool {
	return strings.Contains(strings.Join(h["Cookie"], ";"), b.gateCookieName())
}

func (b *box) gateCookieName() string {
	return "caddyito-" + url.QueryEscape(strings.TrimPrefix(b.gate, "http://"))
}

// seen is what the upstream saw.
func (p *page) seen(t *testing.T) (uri string, header http.Header) {
	t.Helper()
	var v struct {
		URI    string
		Header http.Header
	}
	if p.status != 200 || json.Unmarshal([]byte(p.body), &v) != nil {
		t.Fatalf("not the upstream's answer: %s", p)
	}
	return v.URI, v.Header
}
