package gate

import (
	"net/url"
	"strings"
	"testing"
)

// OpenID Connect Core section 4.
func TestThirdPartyInitiatedLogin(t *testing.T) {
	for name, c := range map[string]struct {
		query      url.Values
		path, hint string // "" is refused
	}{
		"bare":                 {url.Values{"iss": {testIssuer}}, "/", ""},
		"a page":               {url.Values{"iss": {testIssuer}, "target_link_uri": {"https://wiki.example.com/a?b=1"}}, "/a?b=1", ""},
		"a hint":               {url.Values{"iss": {testIssuer}, "login_hint": {"ann@example.com&prompt=none"}}, "/", "ann@example.com&prompt=none"},
		"another host":         {url.Values{"iss": {testIssuer}, "target_link_uri": {"https://evil.example/a"}}, "/", ""},
		"host as prefix":       {url.Values{"iss": {testIssuer}, "target_link_uri": {"https://wiki.example.com.evil.example/a"}}, "/", ""},
		"host as user":         {url.Values{"iss": {testIssuer}, "target_link_uri": {"https://wiki.example.com@evil.example/a"}}, "/", ""},
		"two slashes":          {url.Values{"iss": {testIssuer}, "target_link_uri": {"https://wiki.example.com//evil.example"}}, "/", ""},
		"encoded slash":        {url.Values{"iss": {testIssuer}, "target_link_uri": {"https://wiki.example.com/%2fevil.example"}}, "/", ""},
		"backslash":            {url.Values{"iss": {testIssuer}, "target_link_uri": {`https://wiki.example.com/\evil.example`}}, "/", ""},
		"over http":            {url.Values{"iss": {testIssuer}, "target_link_uri": {"http://wiki.example.com/a"}}, "/", ""},
		"script":               {url.Values{"iss": {testIssuer}, "target_link_uri": {"javascript:alert(1)"}}, "/", ""},
		"the gate's own":       {url.Values{"iss": {testIssuer}, "target_link_uri": {"https://wiki.example.com/oidc/logout"}}, "/", ""},
		"itself":               {url.Values{"iss": {testIssuer}, "target_link_uri": {"https://wiki.example.com/oidc/login?iss=" + testIssuer}}, "/", ""},
		"another issuer":       {url.Values{"iss": {"https://evil.example"}}, "", ""},
		"no issuer":            {url.Values{"iss": {""}}, "", ""},
		"issuer with a slash":  {url.Values{"iss": {testIssuer + "/"}}, "", ""},
		"two issuers":          {url.Values{"iss": {testIssuer, testIssuer}}, "", ""},
		"two targets":          {url.Values{"iss": {testIssuer}, "target_link_uri": {"https://wiki.example.com/a", "https://evil.example"}}, "", ""},
		"a hint with newlines": {url.Values{"iss": {testIssuer}, "login_hint": {"a\r\nb"}}, "", ""},
		"a long hint":          {url.Values{"iss": {testIssuer}, "login_hint": {strings.Repeat("x", maxHint+1)}}, "", ""},
		"too much":             {url.Values{"iss": {testIssuer}, "x": {strings.Repeat("x", maxInitiate)}}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			b := newBrowser(h.gate)
			signedIn := newBrowser(h.gate)
			wantStatus(t, signedIn.signIn(h.issuer, "/"), 303)
			w := b.get("/oidc/login?" + c.query.Encode())
			posted := b.fromElsewhere("/oidc/login", c.query.Encode())
			wantNoCookies(t, posted)
			if c.path == "" {
				wantStatus(t, w, 400)
				wantStatus(t, posted, 400)
				return
			}
			wantStatus(t, posted, 303)
			if to := location(t, posted); !strings.HasPrefix(to, "/oidc/login?") {
				t.Fatalf("the POST leads to %s", to)
			}
			// By POST it is the same, once the browser came by GET.
			for _, w := range []string{location(t, w), location(t, b.get(location(t, posted)))} {
				u, _ := url.Parse(w)
				if !strings.HasPrefix(w, testIssuer+"/authorize?") || u.Query().Get("login_hint") != c.hint || u.Query().Has("prompt") {
					t.Errorf("goes to %s", w)
				}
				back := b.clone().get(h.issuer.authorize(w))
				if to := location(t, back); to != c.path {
					t.Errorf("came back to %s, want %s", to, c.path)
				}
			}
			// Who is signed in already goes there straight.
			if to := location(t, signedIn.get("/oidc/login?"+c.query.Encode())); to != c.path {
				t.Errorf("signed in: to %s, want %s", to, c.path)
			}
		})
	}
}

func FuzzInitiate(f *testing.F) {
	g := bareGate(f)
	o := &g.origins[0]
	f.Add("iss=https%3A%2F%2Fissuer.example&login_hint=a&target_link_uri=https%3A%2F%2Fwiki.example.com%2Fa")
	f.Add("iss=https%3A%2F%2Fissuer.example&target_link_uri=https%3A%2F%2Fwiki.example.com%2F%2Fevil")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := g.initiated(raw)
		if err != nil {
			return
		}
		to := g.targetPath(o, q[targetLink])
		base, _ := url.Parse(o.url + "/")
		if u, err := base.Parse(to); err != nil || u.Host != o.host || u.Scheme != o.scheme {
			t.Errorf("%q leads to %q", raw, to)
		}
	})
}
