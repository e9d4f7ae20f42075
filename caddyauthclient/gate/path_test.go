package gate

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestAmbiguousPaths(t *testing.T) {
	for _, p := range []string{
		"//public/x", "/public//x", "/public/../page", "/public/..", "/public/.", "/./public/x", "/public/%2e%2e/page", "/public/%2E./page",
		"/public/..%2fpage", "/public%2fx", "/public%2Fx", "/public%5cx", `/public\x`, "/public;/x", "/public%3bx", "/public/%00", "/public/%0d%0a",
		"/public/%ff", "/public/%252e%252e/page", "/public/%252fx", "", "*", "public/x", "/public/%7f", "/public/x/..;/y",
	} {
		u := parsePath(p)
		if !ambiguous(u) {
			t.Errorf("%q is not ambiguous (path %q, raw %q)", p, u.Path, u.RawPath)
		}
	}
	for _, p := range []string{
		"/", "/public/x", "/public/x.html", "/.well-known/x", "/a..b/c", "/a.", "/...", "/M%C3%BCller", "/a%20b", "/a(b)", "/a%7Eb", "/100%25", "/a:b@c", "/x/",
	} {
		u := parsePath(p)
		if ambiguous(u) {
			t.Errorf("%q is ambiguous (path %q, raw %q)", p, u.Path, u.RawPath)
		}
	}
	// A rewrite that forgot RawPath.
	if !ambiguous(&url.URL{Path: "/public/x", RawPath: "/a%2fb"}) {
		t.Error("a RawPath with an encoded slash is not ambiguous")
	}
}

func parsePath(p string) *url.URL {
	u, err := url.ParseRequestURI(p)
	if err != nil {
		return &url.URL{Path: p}
	}
	return u
}

// FuzzPathPolicy: whatever passes as public must be, for software that decodes
// once more, or cleans the path, or folds backslashes, below the public prefix.
func FuzzPathPolicy(f *testing.F) {
	for _, s := range []string{"/public/x", "/public/../page", "/public/%2e%2e/x", "/public%2f..", "/PUBLIC/x", "/public/;/x", "/public/\\..", "/public/%252e"} {
		f.Add(s)
	}
	g := bareGate(f)
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" {
			return
		}
		r := httptest.NewRequest("GET", "https://wiki.example.com/", nil)
		r.URL = u
		if g.Decide(r).Verdict != Pass {
			return
		}
		for _, read := range []func(string) string{
			func(s string) string { return s },
			path.Clean,
			decodeLeniently,
			func(s string) string { return path.Clean(decodeLeniently(s)) },
			func(s string) string { return path.Clean(strings.ReplaceAll(s, `\`, "/")) },
			func(s string) string { before, _, _ := strings.Cut(s, "\x00"); return before },
			func(s string) string { before, _, _ := strings.Cut(s, ";"); return before },
		} {
			for _, p := range []string{u.Path, u.EscapedPath()} {
				if got := read(p); got != "/public" && !strings.HasPrefix(got, "/public/") && got != "/health" &&
					!strings.HasPrefix(decodeLeniently(got), "/public/") && decodeLeniently(got) != "/health" {
					t.Fatalf("%q is public, but can be read as %q", target, got)
				}
			}
		}
	})
}

func TestFoldPath(t *testing.T) {
	for a, b := range map[string]string{"/Admin": "/admin", "/bac\u212Aup": "/backup", "/\u017Fecret": "/secret", "/MÜLLER": "/müller"} {
		if foldPath(a) != foldPath(b) {
			t.Errorf("%q folds to %q, %q to %q", a, foldPath(a), b, foldPath(b))
		}
	}
	if foldPath("/a") == foldPath("/b") {
		t.Error("all paths are one")
	}
}

func TestReturnPath(t *testing.T) {
	g := bareGate(t)
	long := strings.Repeat("a", maxReturn)
	for target, want := range map[string]string{
		"/page?a=1&b=%2F%0A":             "/page?a=1&b=%2F%0A",
		"/":                              "/",
		"/?q":                            "/?q",
		"/page?":                         "/page",
		"/a%2Fb":                         "/a%2Fb",
		"/M%C3%BCller?x=ü":               "/M%C3%BCller?x=%C3%BC",
		"/x?next=https://evil.example//": "/x?next=https://evil.example//",
		`/x?a=\b`:                        "/x?a=%5Cb",
		"/100%25":                        "/100%25",
		"//evil.example":                 "/",
		"//evil.example/..":              "/",
		"/%2fevil.example":               "/",
		"/%2Fevil.example":               "/",
		"/%252fevil.example":             "/",
		"/%5cevil.example":               "/",
		`/\evil.example`:                 "/",
		"/%09/evil.example":              "/",
		"/a%0d%0aSet-Cookie:x":           "/",
		"/oidc/logout":                   "/",
		"/oidc/login?return=/x":          "/",
		"/page?" + long:                  "/page",
		"/" + long:                       "/",
		"/" + long + "?x":                "/",
	} {
		r := httptest.NewRequest("GET", "https://wiki.example.com/", nil)
		u, err := url.ParseRequestURI(target)
		if err != nil {
			u = &url.URL{Path: target}
		}
		if strings.HasPrefix(target, "//") { // as net/http reads a request line
			u = &url.URL{Path: target}
		}
		r.URL = u
		if got := g.returnPath(r); got != want {
			t.Errorf("%.60q: %.60q, want %.60q", target, got, want)
		}
	}
}

func TestAskedReturn(t *testing.T) {
	g := bareGate(t)
	for _, s := range []string{
		"https://evil.example", "//evil.example", `/\evil.example`, `\/evil.example`, `\\evil.example`, "/\t/evil.example", "\t//evil.example",
		"/\n/evil.example", "/ /evil", "evil.example", "javascript:alert(1)", "https:evil.example", "///evil.example", "/%2f/evil.example", "/%5cevil",
		"@evil.example", "/@evil.example//x", "http://wiki.example.com@evil.example/", ".evil.example", "", "?x", "#x", "/x#y", "/a\x00", "/ü", "/%zz", "/%",
		"/%0d%0aLocation:%20x", "/.//evil.example", "/..//evil.example", "/%2e//evil", "/oidc/login", "/oidc/logout",
		"/x/../oidc/logout", "/x/%2e%2e/oidc/logout", "/x%2f..%2foidc/logout", "/./oidc/logout", "/x/..;/oidc/logout",
	} {
		r := httptest.NewRequest("GET", "https://wiki.example.com/oidc/login?return="+url.QueryEscape(s), nil)
		if got := g.askedReturn(r); got != "/" {
			t.Errorf("%q is taken as %q", s, got)
		}
	}
	r := httptest.NewRequest("GET", "https://wiki.example.com/oidc/login?return=%2Fpage%3Fa%3D1", nil)
	if got := g.askedReturn(r); got != "/page?a=1" {
		t.Errorf("a good one is refused: %q", got)
	}
}

// FuzzReturnPath: whatever is taken stays on the host, as a browser reads it
// (URL standard: tab, CR and LF vanish, a backslash is a slash).
func FuzzReturnPath(f *testing.F) {
	for _, s := range []string{"/page?a=1", "//evil", `/\evil`, "/%2fevil", "/\t/evil", "/a//b", "/%25252f", "/..//x"} {
		f.Add(s)
	}
	g := bareGate(f)
	base, _ := url.Parse("https://wiki.example.com/oidc/callback")
	f.Fuzz(func(t *testing.T, s string) {
		taken := []string{}
		if g.isLocal(s) {
			taken = append(taken, s)
		}
		if u, err := url.ParseRequestURI(s); err == nil {
			r := httptest.NewRequest("GET", "https://wiki.example.com/", nil)
			r.URL = u
			taken = append(taken, g.returnPath(r))
		}
		for _, s := range taken {
			for range 3 {
				b := strings.Map(func(c rune) rune {
					if c == '\t' || c == '\r' || c == '\n' {
						return -1
					}
					if c == '\\' {
						return '/'
					}
					return c
				}, strings.TrimFunc(s, func(c rune) bool { return c <= ' ' }))
				if !strings.HasPrefix(b, "/") || strings.HasPrefix(b, "//") {
					t.Fatalf("%q leaves the host", s)
				}
				p, q, _ := strings.Cut(s, "?")
				s = decodeLeniently(p) + "?" + q
			}
		}
		for _, s := range taken {
			u, err := base.Parse(s)
			if err != nil || u.Host != base.Host || u.Scheme != base.Scheme {
				t.Fatalf("%q leads to %v: %v", s, u, err)
			}
			w := httptest.NewRecorder()
			g.redirect(w, http.StatusFound, s)
			if strings.ContainsAny(w.Header().Get("Location"), "\r\n\x00") {
				t.Fatalf("%q splits the header", s)
			}
		}
	})
}
