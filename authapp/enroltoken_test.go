package authapp

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Gates with one token are one client; they start pending, and again when they have
// enrolled. After a restart they start as what they are, and nothing is sent but
// the question whether the server knows them.
func TestGatesEnrolByToken(t *testing.T) {
	resetEvents()
	var registered atomic.Int32
	var said atomic.Value
	var url string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/.well-known/"):
			json.NewEncoder(w).Encode(map[string]string{"issuer": url, "registration_endpoint": url + "/register"})
		case r.URL.Path == "/register":
			registered.Add(1)
			var m map[string]any
			json.NewDecoder(r.Body).Decode(&m)
			said.Store(m)
			w.WriteHeader(http.StatusCreated)
			json.NewEncoder(w).Encode(map[string]string{"client_id": "c1", "client_secret": strings.Repeat("s", 43)})
		}
	}))
	defer srv.Close()
	url = srv.URL
	site := func(host, name string) string {
		return "http://" + host + ".example.com {\n\tfake_gate name=" + name + " issuer=" + url + " enroll=token\n}\n"
	}
	cfg := globals(t.TempDir()) + site("a", "g") + site("b", "h")
	mustLoad(t, cfg)
	deadline := time.Now().Add(30 * time.Second)
	for len(happened()) < 4 {
		if time.Now().After(deadline) {
			t.Fatalf("it does not enrol: %q", happened())
		}
		time.Sleep(5 * time.Millisecond)
	}
	g, h := gate(t, "g").env, gate(t, "h").env
	if g.ClientID != "c1" || g.ClientSecret == "" || !g.Enrolled || g.Pending || h.ClientID != "c1" || g.Name == h.Name || strings.Contains(g.Name, "token") {
		t.Errorf("started as %+v and %+v", g, h)
	}
	m, _ := said.Load().(map[string]any)
	if uris, _ := m["redirect_uris"].([]any); m["client_name"] != "a.example.com" || len(uris) != 2 || uris[1] != "http://b.example.com/oidc/callback" {
		t.Errorf("it said %v", m)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := happened(); !slices.Contains(got, "stop gate g") || !slices.Contains(got, "stop gate h") {
		t.Errorf("happened %q", got)
	}
	resetEvents()
	mustLoad(t, cfg)
	again := gate(t, "g").env
	if again.ClientID != "c1" || again.Pending || again.Name != g.Name || registered.Load() != 1 {
		t.Errorf("after a restart %+v, registered %d times", again, registered.Load())
	}
}
