package integration

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An app that calls its answers public, since it knows nothing of the gate: whoever is
// signed in gets them as their own, and no cache that others share may keep them. What
// strangers get on public paths stays as the app says.
func TestProtectedAnswersAreNotCachedForOthers(t *testing.T) {
	t.Parallel()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "public, max-age=3600, s-maxage=86400")
		h.Set("CDN-Cache-Control", "public, max-age=86400")
		h.Set("Surrogate-Control", "max-age=86400")
		h.Set("X-Accel-Expires", "86400")
		h.Set("Vary", "Accept")
		switch {
		case strings.HasSuffix(r.URL.Path, "/hints"):
			h.Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
		case strings.HasSuffix(r.URL.Path, "/stream"):
			w.(http.Flusher).Flush()
		case strings.HasSuffix(r.URL.Path, "/unchanged"):
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte("for " + r.Header.Get("Remote-User")))
	}))
	t.Cleanup(app.Close)
	server, gate := "http://"+freeAddr(t), "http://"+freeAddr(t)
	file := boxFile(server, gate, strings.TrimPrefix(app.URL, "http://"), "public /open/*")
	c := startCaddy(t, strings.Replace(file, "reverse_proxy", "encode\n\terror /broken 502\n\treverse_proxy", 1))
	c.people()
	p := newPerson(t)
	p.open(gate+"/").onLogin(server).signIn("alice", password).at(gate+"/", 200)
	for _, path := range []string{"/", "/hints", "/stream", "/unchanged", "/open/page", "/open/stream"} {
		resp := p.fetch("GET", gate+path)
		if got := resp.Header.Values("Cache-Control"); len(got) != 1 || got[0] != "private, max-age=3600" {
			t.Errorf("%s: Cache-Control is %q", path, got)
		}
		for _, name := range []string{"CDN-Cache-Control", "Surrogate-Control", "X-Accel-Expires"} {
			if got := resp.Header.Get(name); got != "" {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if got := strings.Join(resp.Header.Values("Vary"), ","); !strings.Contains(got, "Cookie") || !strings.Contains(got, "Accept") {
			t.Errorf("%s: Vary is %q", path, got)
		}
	}
	if resp := p.fetch("GET", gate+"/broken"); resp.StatusCode != 502 || resp.Header.Get("Cache-Control") != "private" || resp.Header.Get("Vary") != "Cookie" {
		t.Errorf("what Caddy says in the app's place: %d, %v", resp.StatusCode, resp.Header)
	}
	stranger := newPerson(t)
	if got := stranger.fetch("GET", gate+"/open/page").Header.Get("Cache-Control"); got != "public, max-age=3600, s-maxage=86400" {
		t.Errorf("a stranger on a public path: %q", got)
	}
	if resp := stranger.fetch("GET", gate+"/"); resp.StatusCode != 401 || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a stranger: %d %q", resp.StatusCode, resp.Header.Values("Cache-Control"))
	}
}
