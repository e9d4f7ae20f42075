package caddyauthserver

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
)

// While the app does not start, the server answers for its own URLs by itself:
// of an error, Caddy would log the URL with what is secret in it.
func TestBeforeTheAppStarted(t *testing.T) {
	module, err := caddy.GetModule("auth")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	site := &caddyhttp.Server{Logs: &caddyhttp.ServerLogConfig{}}
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		t.Error("it was passed on")
		return nil
	})
	for _, c := range []struct {
		prefix, target, accept string
		own                    bool
		contentType            string
	}{
		{"", "/o/authorize?state=SECRET", "text/html", true, "text/html; charset=utf-8"},
		{"", "/o/setup?token=SECRET", "text/html", true, "text/html; charset=utf-8"},
		{"", "/o/token", "application/json", true, "application/problem+json"},
		{"", "/.well-known/openid-configuration?x=y", "*/*", true, "application/problem+json"},
		{"/auth", "/auth/authorize?state=SECRET", "text/html", true, "text/html; charset=utf-8"},
		{"/auth", "/o/authorize?state=x", "text/html", false, ""},
		{"", "/elsewhere?state=x", "text/html", false, ""},
	} {
		s := &Server{Prefix: c.prefix, app: module.New().(*authapp.App), access: accesslog.New(ctx)}
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", c.target, nil)
		r.Header.Set("Accept", c.accept)
		gone, leave := context.WithCancel(r.Context()) // so that it does not wait
		leave()
		r = caddyhttp.PrepareRequest(r.WithContext(gone), caddy.NewReplacer(), w, site)
		err := s.ServeHTTP(w, r, next)
		if !c.own {
			if status, ok := err.(caddyhttp.HandlerError); !ok || status.StatusCode != 503 {
				t.Errorf("%s: %v", c.target, err)
			}
			continue
		}
		if err != nil || w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" ||
			w.Header().Get("Content-Type") != c.contentType || !strings.Contains(w.Body.String(), "try again") {
			t.Errorf("%s: %v %d %v\n%s", c.target, err, w.Code, w.Header(), w.Body)
		}
		skipped, _ := caddyhttp.GetVar(r.Context(), caddyhttp.LogSkipVar).(bool)
		if skipped != strings.Contains(c.target, "?") {
			t.Errorf("%s: its query gets into Caddy's access log: %v", c.target, !skipped)
		}
	}
}

// A gate of this process that asks while it starts is told so too.
func TestServeAuthBeforeTheServerStarted(t *testing.T) {
	w := httptest.NewRecorder()
	new(Server).ServeAuth(w, httptest.NewRequest("GET", "/o/jwks", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("it answers %d", w.Code)
	}
}
