package glue

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// What the gate costs a request with a session, in allocations, beside the same
// site without it.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const gated, plain = "$SERVER {\n auth_server\n}\n$GATE {\n auth_client $SERVER\n respond ok\n}\n", "$GATE {\n respond ok\n}\n"
	b := start(t, gated)
	alice := newBrowser(t)
	alice.signIn(b.gate+"/x", "alice")
	jar, err := url.Parse(b.gate)
	if err != nil {
		t.Fatal(err)
	}
	with := b.allocations(alice.Jar.Cookies(jar))
	if err := b.load(plain); err != nil {
		t.Fatal(err)
	}
	without := b.allocations(alice.Jar.Cookies(jar))
	t.Logf("%.0f allocations with the gate, %.0f without", with, without)
	if with-without > 12 {
		t.Errorf("the gate costs %.0f allocations", with-without)
	}
}

func (b *box) allocations(cookies []*http.Cookie) float64 {
	b.t.Helper()
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		b.t.Fatal(err)
	}
	u, err := url.Parse(b.gate)
	if err != nil {
		b.t.Fatal(err)
	}
	var server *caddyhttp.Server
	for _, s := range app.(*caddyhttp.App).Servers {
		if strings.HasSuffix(s.Listen[0], ":"+u.Port()) {
			server = s
		}
	}
	if server == nil {
		b.t.Fatal("no server for the gate")
	}
	r := httptest.NewRequest("GET", b.gate+"/x", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	if server.ServeHTTP(w, request(r)); w.Body.String() != "ok" {
		b.t.Fatalf("%d %s", w.Code, w.Body)
	}
	discard := &discardWriter{header: http.Header{}}
	return testing.AllocsPerRun(200, func() {
		clear(discard.header)
		server.ServeHTTP(discard, request(r))
	})
}

// request is r anew: the gate changes what it passes on.
func request(r *http.Request) *http.Request { return r.Clone(r.Context()) }

type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header         { return w.header }
func (w *discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *discardWriter) WriteHeader(int)             {}
