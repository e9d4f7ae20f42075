package caddyauthclient

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/authapp/accesslog"
	"github.com/caddyito/caddyito/caddyauthclient/gate"
)

// askEarly sends a request to a gate that is not started, from somebody who does
// not wait until it is.
func askEarly(t *testing.T, site *caddyhttp.Server, target string, header http.Header) (*httptest.ResponseRecorder, *http.Request, error) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	h := &Handler{app: new(authapp.App), front: gate.NewFront(nil, "", "", nil), access: accesslog.New(ctx)}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", target, nil)
	r.Header = header
	gone, leave := context.WithCancel(r.Context())
	leave()
	r = caddyhttp.PrepareRequest(r.WithContext(gone), caddy.NewReplacer(), w, site)
	err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		t.Errorf("%s got through", target)
		return nil
	}))
	return w, r, err
}

// A gate that is not started lets nothing through, and says so to people on a
// page, to programs as a problem document. Of an error, Caddy would log the URL.
func TestNotStarted(t *testing.T) {
	for _, c := range []struct{ target, accept, contentType string }{
		{"/", "text/html", "text/html; charset=utf-8"},
		{"/api", "application/json", "application/problem+json"},
		{"/api", "*/*", "application/problem+json"},
		{"/oidc/callback?code=SECRET", "text/html", "text/html; charset=utf-8"},
		{"/oidc/me", "application/json", "application/problem+json"},
	} {
		w, r, err := askEarly(t, &caddyhttp.Server{Logs: &caddyhttp.ServerLogConfig{}}, c.target, http.Header{"Accept": {c.accept}})
		if err != nil || w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" ||
			w.Header().Get("Content-Type") != c.contentType || !strings.Contains(w.Body.String(), "try again") {
			t.Errorf("%s: %v %d %v\n%s", c.target, err, w.Code, w.Header(), w.Body)
		}
		skipped, _ := caddyhttp.GetVar(r.Context(), caddyhttp.LogSkipVar).(bool)
		if skipped != strings.Contains(c.target, "SECRET") {
			t.Errorf("%s: its query gets into Caddy's access log: %v", c.target, !skipped)
		}
	}
}

// A site's error routes have their say, but not about what is the gate's own; and
// they may ask an app, which is to learn nothing.
func TestNotStartedErrorRoutes(t *testing.T) {
	site := &caddyhttp.Server{Errors: &caddyhttp.HTTPErrorConfig{Routes: caddyhttp.RouteList{{
		Handlers: []caddyhttp.MiddlewareHandler{new(caddyhttp.StaticResponse)},
	}}}}
	w, r, err := askEarly(t, site, "/", http.Header{
		"Remote-User": {"root"}, "Remote_groups": {"admins"}, "Cookie": {"caddyito-wiki=x; a=1"},
	})
	if he, ok := err.(caddyhttp.HandlerError); !ok || he.StatusCode != http.StatusServiceUnavailable || w.Body.Len() > 0 {
		t.Errorf("it says %v\n%s", err, w.Body)
	}
	if w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("it sets %v", w.Header())
	}
	if len(r.Header) != 1 || r.Header.Get("Cookie") != "a=1" {
		t.Errorf("an error route gets %v", r.Header)
	}
	if w, _, err := askEarly(t, site, "/oidc/callback?code=SECRET", http.Header{}); err != nil || w.Code != http.StatusServiceUnavailable {
		t.Errorf("the callback: %d, and Caddy logs %v", w.Code, err)
	}
}
