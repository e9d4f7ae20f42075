package caddyauthclient

import (
	"context"
	"encoding/json"
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

// A gate that is not started lets nothing through: the request waits, and if
// the start never comes it fails.
func TestNotStarted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // whoever asked has gone
	h := &Handler{app: new(authapp.App), front: gate.NewFront(nil, "", "", nil)}
	err := h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx),
		caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
			t.Error("the request got through")
			return nil
		}))
	if he, ok := err.(caddyhttp.HandlerError); !ok || he.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("it says %v", err)
	}
}

// What is refused too early may still get to an app, by handle_errors; and what
// is an error is logged with its URL.
func TestNotStartedTellsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h := &Handler{app: new(authapp.App), front: gate.NewFront(nil, "", "", nil), access: new(accesslog.Log)}
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	r.Header = http.Header{"Remote-User": {"root"}, "Remote_groups": {"admins"}, "Cookie": {"caddyito-wiki=x; a=1"}}
	if err := h.ServeHTTP(httptest.NewRecorder(), r, nil); err == nil {
		t.Error("it was answered")
	}
	if len(r.Header) != 1 || r.Header.Get("Cookie") != "a=1" {
		t.Errorf("an error route gets %v", r.Header)
	}
	w := httptest.NewRecorder()
	own := httptest.NewRequest("GET", "/oidc/callback?code=SECRET", nil).WithContext(ctx)
	if err := h.ServeHTTP(w, own, nil); err != nil || w.Code != http.StatusServiceUnavailable {
		t.Errorf("the callback: %d, and Caddy logs %v", w.Code, err)
	}
}

// What the Caddyfile refuses is refused in JSON too.
func TestValidate(t *testing.T) {
	for _, c := range []struct{ config, want string }{
		{`{}`, ""},
		{`{"issuer": "https://id.example.com/realms/x/", "headers": [], "public": ["/a", "/b/*"], "allow": [{"paths": ["/x"]}]}`, ""},
		{`{"issuer": "id.example.com"}`, "absolute URL"},
		{`{"issuer": "https://id.example.com/?a"}`, "no query"},
		{`{"origins": ["https://wiki.example.com/"]}`, "the origin alone"},
		{`{"origins": ["https://u:p@wiki.example.com"]}`, "user name"},
		{`{"prefix": "oidc"}`, "begin with a slash"},
		{`{"prefix": "/a/./b"}`, "dot segments"},
		{`{"public": ["x"]}`, "must begin with /"},
		{`{"allow": [{}]}`, "says nobody"},
		{`{"allow": [{"paths": ["x"]}]}`, "must begin with /"},
		{`{"allow": [{"fields": {"company.name": []}}]}`, "needs the values"},
		{`{"allow": [{"fields": {"Company": ["x"]}}]}`, "not a field"},
		{`{"headers": [{"name": "X", "field": ""}]}`, "not a field"},
		{`{"headers": [{"name": "Host", "field": "username"}]}`, "choose another"},
		{`{"headers": [{"name": "X-User", "field": "username"}, {"name": "x_user", "field": "email"}]}`, "given twice"},
		{`{"authorization": "maybe"}`, "'pass' or 'strip'"},
		{`{"session": {"idle": "2h", "absolute": "1h"}}`, "longer than absolute"},
		{`{"session": {"idle": -1}}`, "longer than nothing"},
		{`{"cache_size": -1}`, "cache_size"},
		{`{"brand": {"accent": "red"}}`, "not a colour"},
		{`{"brand": {"accent": "#12345g"}}`, "not a colour"},
	} {
		var h Handler
		if err := caddy.StrictUnmarshalJSON([]byte(c.config), &h); err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		err := h.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: it says %v", c.config, err)
		}
	}
}

// An empty list of headers is no headers, and stays so in JSON; none is the
// default.
func TestHeadersNoneInJSON(t *testing.T) {
	for _, config := range []string{`{"headers":[]}`, `{}`} {
		var h Handler
		if err := json.Unmarshal([]byte(config), &h); err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(&h)
		if err != nil || string(out) != config {
			t.Errorf("%s becomes %s (%v)", config, out, err)
		}
	}
}

func TestScheme(t *testing.T) {
	for _, c := range []struct {
		trusted   bool
		forwarded string
		want      string
	}{
		{false, "", "http"}, {false, "https", "http"}, {true, "https", "https"}, {true, "", "http"}, {true, "gopher", "http"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Forwarded-Proto", c.forwarded)
		r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.TrustedProxyVarKey: c.trusted}))
		if got := scheme(r); got != c.want {
			t.Errorf("trusted %v, X-Forwarded-Proto %q: %s", c.trusted, c.forwarded, got)
		}
	}
}
