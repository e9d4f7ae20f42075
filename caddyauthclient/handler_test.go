package caddyauthclient

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

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
		{`{"session": {"idle": -1}}`, "idle must be at least a second"},
		{`{"session": {"absolute": "500ms"}}`, "absolute must be at least a second"},
		{`{"origins": ["https://*.example.com"]}`, "of one host"},
		{`{"offline": "1h", "client_secret": "short"}`, "at least 32 bytes"},
		{`{"offline": "1h", "client_id": "wiki", "client_secret": "0123456789abcdef0123456789abcdef"}`, ""},
		{`{"public": ["/a;b"]}`, "never matches"},
		{`{"public": ["/c//d"]}`, "never matches"},
		{`{"public": ["/e/../f*"]}`, "never matches"},
		{`{"allow": [{"paths": ["/g\\\\h"]}]}`, "never matches"},
		{`{"public": ["/.well-known/*", "/.*", "/..x", "/*"]}`, ""},
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
