package provider

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
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
		what, _, _ := strings.Cut(asked, ".")
		mac := p.askedMAC(withoutAsked(q), what, "browser")
		if !strings.HasSuffix(asked, "."+mac) {
			p.Now = nil // not reached: a forged memory is refused before any clock
			if _, ok := p.askedAt(q, "browser"); ok {
				t.Fatalf("%q taken", asked)
			}
		}
	})
}

// Whatever is asked for, only claims that there are come of it, within what the
// client may know, and what is kept of it reads as the same.
func FuzzClaims(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"userinfo":{"email":null,"name":{"essential":true}},"id_token":{"sub":{"value":"1"},"acr":{"essential":true,"values":["1","2"]}}}`,
		`{"userinfo":{"email":null,"email":null}}`, `{"id_token":{"sub":{"values":[1,null,{"a":[]}]}}}`, `{"USERINFO":{"groups":{}}}`, `[`, "\xff",
	} {
		f.Add(s)
	}
	known := claimsFor(store.DefaultSchema())
	c := &client{Client: store.Client{ID: "app", ClientSettings: store.ClientSettings{Scopes: []string{"openid", "email"}}}}
	f.Fuzz(func(t *testing.T, raw string) {
		req, err := parseClaims(raw, known)
		if err != nil {
			return
		}
		for _, subs := range append(req.subs, req.acr) {
			if subs != nil && len(subs) == 0 {
				t.Fatal("nobody can be meant")
			}
		}
		if covering := req.within(c, []string{"openid"}, known); !covers([]string{"email"}, covering) {
			t.Fatalf("%q takes %v", raw, covering)
		}
		kept := req.kept()
		got, err := askedClaims(&store.Family{Claims: kept, Scopes: []string{"openid"}}, c, []string{"openid"}, known)
		if err != nil || !slices.Equal(got.UserInfo, req.UserInfo) || !slices.Equal(got.IDToken, req.IDToken) || len(kept) > 2*maxClaims {
			t.Fatalf("%q is kept as %s, which reads as %v, %v", raw, kept, got, err)
		}
		for _, name := range slices.Concat(got.UserInfo, got.IDToken) {
			if name != "email" && name != "email_verified" {
				t.Fatalf("%q gets %s", raw, name)
			}
		}
	})
}
