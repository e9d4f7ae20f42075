package gate

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What an app says of caches, as it goes out to whoever is signed in.
func TestPrivately(t *testing.T) {
	for said, want := range map[string]string{
		"":                                      "private",
		"private":                               "private",
		"public":                                "private",
		"public, max-age=3600":                  "private, max-age=3600",
		"PUBLIC,S-MaxAge=60,max-age=0":          "private, max-age=0",
		"s-maxage = 60, no-cache":               "private, no-cache",
		"no-store":                              "private, no-store",
		`private="Set-Cookie, X", max-age=60`:   "private, max-age=60",
		`no-cache="Set-Cookie, public", public`: `private, no-cache="Set-Cookie, public"`,
		`x="a\", public, b", immutable`:         `private, x="a\", public, b", immutable`,
		" , ,public,, ":                         "private",
		`public, x="unclosed, s-maxage=9`:       `private, x="unclosed, s-maxage=9`,
	} {
		if got := privately([]string{said}); got != want {
			t.Errorf("%q goes out as %q, want %q", said, got, want)
		}
	}
	if got := privately([]string{"private", "public, max-age=1", "s-maxage=2"}); got != "private, max-age=1" {
		t.Errorf("of several %q", got)
	}
}

// Whichever way an app sends its header, it does not go out as the app had it.
func TestEveryWayToAnswerIsPrivate(t *testing.T) {
	g := bareGate(t)
	plain := func(r io.Reader) io.Reader { return struct{ io.Reader }{r} }
	for name, app := range map[string]func(w http.ResponseWriter){
		"WriteHeader": func(w http.ResponseWriter) { w.WriteHeader(200) },
		"Write":       func(w http.ResponseWriter) { io.WriteString(w, "x") },
		"ReadFrom":    func(w http.ResponseWriter) { io.Copy(w, plain(bytes.NewReader([]byte("x")))) },
		"Flush":       func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
		"a controller's Flush": func(w http.ResponseWriter) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		},
		"after hints": func(w http.ResponseWriter) {
			w.Header().Set("Link", "</a>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("Cache-Control", "public")
			w.WriteHeader(200)
		},
		"nothing at all": func(http.ResponseWriter) {},
		"set late": func(w http.ResponseWriter) {
			w.Header().Del("Vary")
			w.Header().Set("Cache-Control", "s-maxage=60")
			w.WriteHeader(404)
			w.Header().Set("Cache-Control", "public") // which comes too late
		},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, _ := g.Begin(w, r, &Decision{})
			defer p.End()
			for _, name := range sharedOnly {
				p.Header().Set(name, "max-age=60")
			}
			p.Header().Set("Cdn-Cache-Control", "public")
			p.Header().Add("Cache-Control", "public, s-maxage=60")
			app(p)
			p.Finish()
		}))
		resp, err := http.Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header["Cache-Control"]; len(got) != 1 || got[0] != "private" {
			t.Errorf("%s: Cache-Control %q", name, got)
		}
		if got := resp.Header["Vary"]; len(got) != 1 || got[0] != "Cookie" {
			t.Errorf("%s: Vary %q", name, got)
		}
		for _, header := range sharedOnly {
			if resp.Header.Get(header) != "" {
				t.Errorf("%s: %s goes out", name, header)
			}
		}
		srv.Close()
	}
}

// What else was said stays, in front of the gate or behind it.
func TestPrivateAnswersKeepWhatIsThere(t *testing.T) {
	g := bareGate(t)
	for _, c := range []struct{ front, app, want string }{
		{"", "", "Cookie"},
		{"Accept", "", "Accept|Cookie"},
		{"Accept", "Origin, X-Cookie", "Origin, X-Cookie|Cookie"}, // the app's Set has the last word
		{"", "Accept-Encoding, cookie", "Accept-Encoding, cookie"},
		{"", "*", "*"},
	} {
		w := httptest.NewRecorder()
		backing := []string{c.front, "another's"}
		if c.front != "" {
			w.Header()["Vary"] = backing[:1]
		}
		w.Header().Set("Cache-Control", "max-age=60")
		p, _ := g.Begin(w, httptest.NewRequest("GET", "/", nil), &Decision{})
		if c.app != "" {
			p.Header().Set("Vary", c.app)
		}
		p.WriteHeader(200)
		p.End()
		if v := strings.Join(w.Header()["Vary"], "|"); v != c.want || backing[1] != "another's" {
			t.Errorf("%+v: Vary %s", c, v)
		}
		if v := strings.Join(w.Header()["Cache-Control"], "|"); v != "private, max-age=60" {
			t.Errorf("%+v: Cache-Control %s", c, v)
		}
	}
}
