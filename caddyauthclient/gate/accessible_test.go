package gate

import (
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/caddyito/caddyito/internal/browsertest"
)

// What a gate says is for everybody.
func TestBrowserAccessible(t *testing.T) {
	t.Parallel()
	axe, chromium := browsertest.Axe(t), browsertest.Start(t)
	pages := map[string]browsertest.Kept{}
	keep := func(name string, status int, w *httptest.ResponseRecorder) {
		t.Helper()
		wantStatus(t, w, status)
		pages[name] = browsertest.Kept{Header: w.Header(), Body: w.Body.String()}
	}
	h := newHouse(t, func(c *Config) {
		c.Allow = []Rule{{Groups: []string{"dev"}}, {Paths: []string{"/admin/*"}, Groups: []string{"admin"}}}
	})
	h.ours()
	b := newBrowser(h.gate)
	keep("other host", 400, b.get("https://other.example.com/"))
	keep("damaged", 400, b.get("/oidc/callback?code=x&state=y"))
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	keep("not allowed", 403, b.get("/admin/x"))
	elsewhere := b.request("GET", "/oidc/logout")
	elsewhere.Header.Set("Sec-Fetch-Site", "cross-site")
	keep("sign out", 200, b.do(elsewhere))
	h.gate.cfg.Offline = MinOffline
	keep("out of date", 503, b.get("/"))

	refusing := newHouse(t)
	refusing.issuer.callback = func(q url.Values) { q.Set("error", "access_denied"); q.Del("code") }
	keep("refused by the issuer", 403, newBrowser(refusing.gate).signIn(refusing.issuer, "/page"))
	closed := newBrowser(bareGate(t))
	closed.cookies = b.cookies
	keep("not available", 503, closed.get("/"))
	browsertest.CheckKept(t, chromium, axe, "gate", pages, browsertest.TwoLooks)
}
