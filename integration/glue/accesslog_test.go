package glue

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Access logs know that somebody signed in, but not with what.
func TestAccessLogHoldsNoSecrets(t *testing.T) {
	sites := `
$SERVER {
	log {
		output file $DIR/server.log
	}
	auth_server
}
$GATE {
	log {
		output file $DIR/gate.log
	}
	auth_client $SERVER {
		public /open
	}
	respond "app"
}
`
	b := newBox(t)
	sites = strings.ReplaceAll(sites, "$DIR", b.dir)
	if err := b.load(sites); err != nil {
		t.Fatal(err)
	}

	c := newBrowser(t)
	secrets := map[string]bool{}
	c.redirected = func(to *url.URL) {
		for _, name := range []string{"code", "state", "nonce", "code_challenge"} {
			if v := to.Query().Get(name); v != "" {
				secrets[v] = true
			}
		}
	}
	link := setupLinks(b)[0]
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	secrets[u.Query().Get("token")] = true
	c.submit(c.get(link), "username", "carol", "password", pass)
	c.get(b.gate + "/page?q=kept")
	c.get(b.gate+"/oidc/callback?code=STRANGE&state=STRANGE", "Referer", b.server+"/o/authorize?state=STRANGE")
	secrets["STRANGE"] = true
	forged, _ := http.NewRequest("GET", b.gate+"/oidc/callback?code=ELSEWHERE", nil)
	forged.Host = "elsewhere.example"
	c.do(forged) // no site: Caddy's own answer, not the gate's
	c.get(b.gate + "/open?q=kept")
	jar, _ := url.Parse(b.gate)
	for _, cookie := range c.Jar.Cookies(jar) {
		secrets[cookie.Value] = true
	}
	if len(secrets) < 8 {
		t.Fatalf("only %d secrets were seen; the journey is not what it was", len(secrets))
	}

	logged := map[string]map[string]int{ // paths and how often
		"server.log": {"/o/setup": 2, "/o/authorize": 1},
		"gate.log":   {"/page": 2, "/oidc/callback": 2, "/open": 1},
	}
	for file, want := range logged {
		b.awaitLog(file, want)
	}
	for file, want := range logged {
		data, err := os.ReadFile(filepath.Join(b.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for s := range secrets {
			if strings.Contains(string(data), s) || strings.Contains(string(data), url.QueryEscape(s)) {
				t.Errorf("%s holds %s:\n%s", file, s, data)
			}
		}
		got := map[string]int{}
		for lines := bufio.NewScanner(strings.NewReader(string(data))); lines.Scan(); {
			var e struct {
				Logger, Msg string
				Status      int
				UserID      *string `json:"user_id"`
				Duration    *float64
				Size        *int
				Request     struct {
					Method, URI, Host string
					ClientIP          string `json:"client_ip"`
				}
				Header http.Header `json:"resp_headers"`
			}
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			path, query, _ := strings.Cut(e.Request.URI, "?")
			got[path]++
			if !strings.HasPrefix(e.Logger, "http.log.access") || e.Msg != "handled request" || e.Status == 0 ||
				e.UserID == nil || e.Duration == nil || e.Size == nil || e.Request.ClientIP != "127.0.0.1" || e.Header == nil {
				t.Errorf("%s: not as Caddy logs: %s", file, lines.Text())
			}
			switch path {
			case "/page", "/open":
				if query != "q=kept" {
					t.Errorf("%s: the app's own query was taken: %s", file, e.Request.URI)
				}
			case "/oidc/callback":
				if query != "code=REDACTED&state=REDACTED" && query != "code=REDACTED&state=REDACTED&iss=REDACTED" && query != "code=REDACTED&iss=REDACTED&state=REDACTED" {
					t.Errorf("%s: %s", file, e.Request.URI)
				}
			}
		}
		for path, n := range want {
			if got[path] != n {
				t.Errorf("%s: %d entries for %s instead of %d:\n%s", file, got[path], path, n, data)
			}
		}
	}
}

// awaitLog returns when a log has so many requests for these paths, or more. Caddy
// logs a request once it has been answered, and what is then stopped might not be
// logged at all. If they do not come, the test goes on to say what there is.
func (b *box) awaitLog(file string, want map[string]int) {
	b.t.Helper()
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		data, err := os.ReadFile(filepath.Join(b.dir, file))
		if err != nil && !os.IsNotExist(err) {
			b.t.Fatal(err)
		}
		there := strings.HasSuffix(string(data), "\n") // and no half line
		for path, n := range want {
			uri := `"uri":"` + path
			there = there && strings.Count(string(data), uri+`?`)+strings.Count(string(data), uri+`"`) >= n
		}
		if there {
			return
		}
	}
}

// What the site leaves out of its log stays out.
func TestAccessLogSkip(t *testing.T) {
	b := newBox(t)
	err := b.load(strings.ReplaceAll(`
$SERVER {
	log {
		output file $DIR/server.log
	}
	log_skip /o/authorize
	auth_server
}
`, "$DIR", b.dir))
	if err != nil {
		t.Fatal(err)
	}
	c := newBrowser(t)
	c.get(b.server + "/o/authorize?state=x")
	c.get(b.server + "/o/login?x=1")
	b.awaitLog("server.log", map[string]int{"/o/login": 1})
	data, err := os.ReadFile(filepath.Join(b.dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "authorize") || strings.Count(string(data), "handled request") != 1 {
		t.Errorf("the log says:\n%s", data)
	}
}
