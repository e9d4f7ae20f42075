package gate

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

func h(pairs ...string) http.Header {
	header := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		header.Add(pairs[i], pairs[i+1])
	}
	return header
}

func request(method, target string, header http.Header) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	if header != nil {
		r.Header = header
	}
	return r
}

// connect is an extended CONNECT (RFC 8441), which has a path.
func connect(target string, header http.Header) *http.Request {
	r := request("GET", target, header)
	r.Method = "CONNECT"
	return r
}

func TestWhatAStrangerGets(t *testing.T) {
	g := bareGate(t)
	const page, public = "https://wiki.example.com/page", "https://wiki.example.com/public/x"
	html := h("Accept", "text/html,*/*;q=0.8")
	for name, c := range map[string]struct {
		r    *http.Request
		want Verdict
	}{
		"navigation":                 {request("GET", page, h("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")), Login},
		"navigation by HEAD":         {request("HEAD", page, h("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")), Login},
		"iframe":                     {request("GET", page, h("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe")), Login},
		"old browser":                {request("GET", page, html), Login},
		"fetch that accepts HTML":    {request("GET", page, h("Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "text/html")), Unauthorized},
		"image":                      {request("GET", page, h("Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image")), Unauthorized},
		"navigation that POSTs":      {request("POST", page, h("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")), Unauthorized},
		"object":                     {request("GET", page, h("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "object")), Unauthorized},
		"XHR of an old browser":      {request("GET", page, h("Accept", "text/html", "X-Requested-With", "XMLHttpRequest")), Unauthorized},
		"API client":                 {request("GET", page, h("Accept", "application/json")), Unauthorized},
		"curl":                       {request("GET", page, h("Accept", "*/*")), Unauthorized},
		"nothing said":               {request("GET", page, nil), Unauthorized},
		"DELETE":                     {request("DELETE", page, html), Unauthorized},
		"preflight":                  {request("OPTIONS", page, h("Origin", "https://evil.example", "Access-Control-Request-Method", "PUT")), Unauthorized},
		"public preflight":           {request("OPTIONS", public, h("Origin", "https://evil.example", "Access-Control-Request-Method", "PUT")), Pass},
		"WebSocket":                  {request("GET", page, h("Connection", "Upgrade", "Upgrade", "websocket", "Origin", "https://wiki.example.com", "Accept", "text/html")), Unauthorized},
		"WebSocket of another site":  {request("GET", page, h("Connection", "Upgrade", "Upgrade", "websocket", "Origin", "https://evil.example")), Forbidden},
		"WebSocket from nowhere":     {request("GET", page, h("Connection", "Upgrade", "Upgrade", "websocket", "Origin", "null")), Forbidden},
		"WebSocket, http origin":     {request("GET", page, h("Connection", "Upgrade", "Upgrade", "websocket", "Origin", "http://wiki.example.com")), Forbidden},
		"WebSocket, longer origin":   {request("GET", page, h("Connection", "Upgrade", "Upgrade", "websocket", "Origin", "https://wiki.example.com.evil.example")), Forbidden},
		"WebSocket, two origins":     {request("GET", page, h("Upgrade", "websocket", "Origin", "https://wiki.example.com", "Origin", "https://evil.example")), Forbidden},
		"HTTP/2 WebSocket":           {connect(page, h("Origin", "https://evil.example")), Forbidden},
		"public":                     {request("GET", public, nil), Pass},
		"public, exact":              {request("POST", "https://wiki.example.com/health", nil), Pass},
		"exact does not mean prefix": {request("GET", "https://wiki.example.com/health/x", nil), Unauthorized},
		"public in another case":     {request("GET", "https://wiki.example.com/PUBLIC/x", nil), Unauthorized},
		"public by query":            {request("GET", page+"?/public/x", nil), Unauthorized},
		"method override": {request("POST", page, h("X-HTTP-Method-Override", "OPTIONS", "X-Forwarded-Uri", "/public/x",
			"X-Original-URL", "/public/x", "X-Rewrite-URL", "/public/x", "User-Agent", "kube-probe")), Unauthorized},
		"own path":                    {request("GET", "https://wiki.example.com/oidc/login", nil), Own},
		"own path with a slash":       {request("GET", "https://wiki.example.com/oidc/callback/", nil), Own},
		"own path, encoded":           {request("GET", "https://wiki.example.com/oidc/%6cogin", nil), Unauthorized},
		"not an own path":             {request("GET", "https://wiki.example.com/oidc/other", nil), Unauthorized},
		"another host":                {request("GET", "https://evil.example/public/x", html), BadRequest},
		"the host with another port":  {request("GET", "https://wiki.example.com:8443/", html), BadRequest},
		"the host with the same port": {request("GET", "https://WIKI.example.com:443/", html), Login},
		"forwarded host":              {request("GET", "https://evil.example/", h("X-Forwarded-Host", "wiki.example.com")), BadRequest},
	} {
		g.CleanHeaders(c.r)
		if d := g.Decide(c.r); d.Verdict != c.want || d.Identity != nil {
			t.Errorf("%s: %v, want %v", name, d.Verdict, c.want)
		}
	}
}

func TestHowARefusalLooks(t *testing.T) {
	g := bareGate(t)
	w := httptest.NewRecorder()
	serve(g, w, request("GET", "https://wiki.example.com/api", h("Accept", "application/json")))
	wantStatus(t, w, 401)
	if w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("WWW-Authenticate") == "" ||
		w.Header().Get("Location") != "" || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("401: %v", w.Header())
	}
	w = httptest.NewRecorder()
	serve(g, w, request("GET", "https://10.0.0.1/", h("Accept", "text/html")))
	wantStatus(t, w, 400)
	if !strings.Contains(w.Body.String(), "origin") {
		t.Errorf("400 does not say what to do: %s", text(w.Body.String()))
	}
	w = httptest.NewRecorder()
	g.Refuse(w, request("GET", "https://wiki.example.com/", nil), Decision{Verdict: Pass})
	wantStatus(t, w, 503)
	if (Decision{}).Verdict != Unavailable {
		t.Error("a forgotten verdict is not closed")
	}
	// A login page that could be cached would send everyone to one state.
	w = httptest.NewRecorder()
	serve(g, w, request("GET", "https://wiki.example.com/", h("Accept", "text/html")))
	wantStatus(t, w, 302)
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("302: %v", w.Header())
	}
}

func TestASignedInPersonIsNotAuthenticatedByAPreflightOrFromElsewhere(t *testing.T) {
	house := newHouse(t)
	b := newBrowser(house.gate)
	wantStatus(t, b.signIn(house.issuer, "/"), 303)
	cookie := b.request("GET", "/").Header.Get("Cookie")
	for name, header := range map[string]http.Header{
		"preflight": h("Cookie", cookie, "Access-Control-Request-Method", "GET", "Origin", "https://wiki.example.com"),
	} {
		if d := house.gate.Decide(request("OPTIONS", "https://wiki.example.com/page", header)); d.Verdict != Unauthorized {
			t.Errorf("%s: %v", name, d.Verdict)
		}
		if d := house.gate.Decide(request("OPTIONS", "https://wiki.example.com/public/x", header)); d.Verdict != Pass || d.Identity != nil {
			t.Errorf("%s, public: %v %v", name, d.Verdict, d.Identity)
		}
	}
	foreign := h("Cookie", cookie, "Upgrade", "websocket", "Origin", "https://evil.example")
	if d := house.gate.Decide(request("GET", "https://wiki.example.com/public/x", foreign)); d.Identity != nil {
		t.Error("another site's WebSocket carries the identity")
	}
	own := h("Cookie", cookie, "Upgrade", "websocket", "Origin", "https://wiki.example.com")
	if d := house.gate.Decide(request("GET", "https://wiki.example.com/ws", own)); d.Verdict != Pass || d.Identity == nil {
		t.Errorf("own WebSocket: %v", d.Verdict)
	}
	// On public paths the app still learns who it is.
	if got := seen(t, b.get("/public/x")).Get("Remote-User"); got != "ann" {
		t.Errorf("Remote-User on a public path: %q", got)
	}
}

func TestOrigins(t *testing.T) {
	g := bareGate(t, func(c *Config) {
		c.Origins = []string{"HTTPS://Wiki.Example.com:443", "http://localhost:9081", "http://wiki.example.com", "https://[::1]:8443/"}
	})
	for _, c := range []struct{ target, want string }{
		{"https://wiki.example.com/", "https://wiki.example.com"},
		{"http://wiki.example.com/", "http://wiki.example.com"},
		{"http://wiki.example.com:80/", "http://wiki.example.com"},
		{"http://localhost:9081/", "http://localhost:9081"},
		{"http://localhost/", ""},
		{"http://localhost:90810/", ""},
		{"https://[::1]:8443/", "https://[::1]:8443"},
		{"https://[::1]/", ""},
		{"https://wiki.example.com./", ""},
	} {
		got := ""
		if o := g.originOf(request("GET", c.target, nil)); o != nil {
			got = o.url
		}
		if got != c.want {
			t.Errorf("%s: origin %q, want %q", c.target, got, c.want)
		}
	}
	if name := g.origins[1].sessionCookie; name != "caddyito-wiki" {
		t.Errorf("cookie on http: %s", name)
	}
	if uri := g.origins[0].redirectURI; uri != "https://wiki.example.com/oidc/callback" {
		t.Errorf("redirect URI %s", uri)
	}
	if cookieToken("a:b#2") == cookieToken("a_b_2") || strings.ContainsAny(cookieToken("a:b#2 ;="), ":#;= ") {
		t.Errorf("cookie token %s", cookieToken("a:b#2 ;="))
	}
}

func TestRules(t *testing.T) {
	house := newHouse(t, func(c *Config) {
		c.Allow = []Rule{
			{Groups: []string{"staff"}},
			{Users: []string{"ROOT"}},
			{Paths: []string{"/admin/*"}, Groups: []string{"admin"}},
			{Paths: []string{"/admin/*"}, Users: []string{"root"}},
			{Paths: []string{"/company"}, Fields: map[string][]string{"company.name": {"Acme", "Umbrella"}, "is_staff": {"true"}}},
			{Paths: []string{"/open/*"}},
		}
	})
	house.ours()
	b := newBrowser(house.gate)
	wantStatus(t, b.signIn(house.issuer, "/"), 303)
	check := func(path string, ok bool) {
		t.Helper()
		d := house.gate.Decide(b.request("GET", path))
		if got := d.Verdict == Pass; got != ok || !ok && d.Verdict != Forbidden {
			t.Errorf("%s: %v, want pass %v", path, d.Verdict, ok)
		}
	}
	set := func(change func(*store.Record)) { house.setUser("1", change) }
	check("/", true)
	check("/admin/x", false)
	check("/ADMIN/x", false)
	check("/admin", false)
	check("/admin/", false)
	check("/%61dmin/x", false)
	check("/administrator", true)
	check("/company", true)
	check("/company/", true)
	check("/open/x", true)
	for _, ambiguous := range []string{"/x/%2e%2e/admin/x", "/x/..;/admin", "//admin/x", "/x%2f..%2fadmin", "/x%5cadmin", "/open/..%2fadmin", "/%2561dmin/"} {
		check(ambiguous, false)
	}
	set(func(r *store.Record) { r.Fields["groups"] = []string{"staff", "admin"} })
	check("/admin/x", true)
	set(func(r *store.Record) { r.Fields["groups"] = []string{"guest"} })
	check("/", false)
	check("/open/x", true)
	check("/company", true)
	set(func(r *store.Record) { delete(r.Fields, "company") })
	check("/company", false)
	set(func(r *store.Record) { r.Fields["username"] = "Root" })
	check("/", true)
	check("/admin/x", true)
	// Root has every rule but that of the company, so nothing ambiguous.
	check("//x", false)
	house.update(func(tx store.WriteTx) error {
		return tx.PutMirrorRecord("wiki", &store.Record{Type: "company", ID: "9", Version: 1, Fields: store.Fields{"name": "Umbrella"}})
	})
	set(func(r *store.Record) {
		r.Fields["company"] = store.Ref{Type: "company", ID: 9}
		r.Fields["groups"] = []string{"admin"}
	})
	check("/company", true)
	check("//x", true)
	house.update(func(tx store.WriteTx) error {
		return tx.PutMirrorRecord("wiki", &store.Record{Type: "company", ID: "9", Version: 2, Fields: store.Fields{"name": "Bankrupt"}})
	})
	check("/company", false)

	w := b.get("/company")
	wantStatus(t, w, 403)
	if !strings.Contains(w.Body.String(), "/oidc/logout") {
		t.Errorf("403: %s", text(w.Body.String()))
	}
}
