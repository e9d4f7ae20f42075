package provider

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// What a client encodes as RFC 6749 has it comes out as it went in.
func FuzzBasic(f *testing.F) {
	f.Add("Basic YTpi")
	f.Add("basic  YTpi")
	f.Add("Basic !!!")
	f.Add("Basic")
	f.Add("Basic " + base64.StdEncoding.EncodeToString([]byte("%zz:%")))
	f.Fuzz(func(t *testing.T, s string) {
		if id, _, ok := parseBasic(s); ok && (id == "" || !strings.EqualFold(s[:6], "basic ")) {
			t.Fatalf("%q gives id %q", s, id)
		}
		if s == "" {
			return
		}
		header := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(s)+":"+url.QueryEscape(s)))
		if id, secret, ok := parseBasic(header); len(header) < 8<<10 && (!ok || id != s || secret != s) {
			t.Fatalf("%q comes back as %q, %q, %v", s, id, secret, ok)
		}
	})
}

// A redirect URI matches only itself, and never what a browser would run.
func FuzzRedirectMatch(f *testing.F) {
	registered := []string{"https://app.example.com/cb", "com.example.app:/cb", "http://127.0.0.1:8080/cb?x=1"}
	for _, s := range append(registered, "https://app.example.com/cb#x", "https://app.example.com/cb/", "HTTPS://app.example.com/cb", "javascript:alert(1)", "jAvAscript:x", "data:,x", "", "//x", "https:///x") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if redirectAllowed(registered, uri) != slices.Contains(registered, uri) {
			t.Fatalf("%q", uri)
		}
		// Even what somebody registered.
		if redirectAllowed([]string{uri}, uri) {
			u, err := url.Parse(appendQuery(uri, url.Values{"code": {"c"}}))
			if err != nil || u.Scheme == "" || u.Fragment != "" || u.Query().Get("code") != "c" && !strings.Contains(u.RawQuery, ";") && !u.Query().Has("code") {
				t.Fatalf("%q: the code is lost: %v %v", uri, u, err)
			}
			for _, bad := range []string{"javascript:", "data:", "vbscript:", "blob:", "file:", "about:"} {
				if strings.HasPrefix(strings.ToLower(uri), bad) {
					t.Fatalf("%q is allowed", uri)
				}
			}
		}
	})
}

// What the forms hand back stays one authorization request.
func FuzzAsked(f *testing.F) {
	f.Add("client_id=app&state=x", "1.x")
	f.Add("caddyito_asked=1.2", "")
	f.Fuzz(func(t *testing.T, query, asked string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		p := &Provider{}
		p.askedKey[0] = 1
		q.Set(askedParam, asked)
		mac := p.askedMAC(withoutAsked(q), strings.SplitN(asked, ".", 2)[0])
		if !strings.HasSuffix(asked, "."+mac) {
			p.Now = nil // not reached: a forged memory is refused before any clock
			if _, ok := p.askedAt(q); ok {
				t.Fatalf("%q taken", asked)
			}
		}
	})
}
