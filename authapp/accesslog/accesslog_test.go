package accesslog

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func TestRedactQuery(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"/oidc/callback?code=SECRET&state=SECRET", "/oidc/callback?code=REDACTED&state=REDACTED"},
		{"https://a.example/cb?code=SECRET", "https://a.example/cb?code=REDACTED"},
		{"/setup?SECRET", "/setup?REDACTED"},
		{"/x?a=1=SECRET", "/x?a=REDACTED"},
		{"/x?a=1&&b", "/x?a=REDACTED&REDACTED"},
		{"/cb#access_token=SECRET", "/cb#access_token=REDACTED"},
		{"/cb?a=1#code=SECRET", "/cb?a=REDACTED&code=REDACTED"},
		{"/x", "/x"},
		{"/x?", "/x?"},
		{"", ""},
	} {
		got, had := redactQuery(c.in)
		if got != c.want || had != (got != c.in) {
			t.Errorf("redactQuery(%q) = %q, %v; want %q", c.in, got, had, c.want)
		}
	}
}

func FuzzRedactQuery(f *testing.F) {
	f.Add("/oidc/callback?code=abc&state=def")
	f.Add("?=&=#=")
	f.Add("/a#b?c=d")
	f.Fuzz(func(t *testing.T, uri string) {
		got, _ := redactQuery(uri)
		i := strings.IndexAny(got, "?#")
		if i < 0 {
			return
		}
		for p := range strings.SplitSeq(got[i+1:], "&") {
			if _, v, ok := strings.Cut(p, "="); p != "" && (ok && v != "REDACTED" || !ok && p != "REDACTED") {
				t.Errorf("redactQuery(%q) = %q lets %q out", uri, got, p)
			}
		}
	})
}

// Whether Caddy logs a host is Caddy's to say; logs repeats its rules.
func TestLogs(t *testing.T) {
	for name, c := range map[string]struct {
		conf *caddyhttp.ServerLogConfig
		want bool
	}{
		"no logs":      {nil, false},
		"all":          {&caddyhttp.ServerLogConfig{}, true},
		"skipped":      {&caddyhttp.ServerLogConfig{SkipHosts: []string{"a.example"}}, false},
		"other mapped": {&caddyhttp.ServerLogConfig{SkipUnmappedHosts: true, LoggerNames: map[string]caddyhttp.StringArray{"b.example": {"log0"}}}, false},
		"mapped":       {&caddyhttp.ServerLogConfig{SkipUnmappedHosts: true, LoggerNames: map[string]caddyhttp.StringArray{"*.example": {"log0"}}}, true},
	} {
		if got := logs(c.conf, "a.example:8443"); got != c.want {
			t.Errorf("%s: logs = %v", name, got)
		}
	}
}
