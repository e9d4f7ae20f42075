package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The site's handle_errors is for the site: the server answers at its own paths itself,
// people by a page and programs by JSON. A page of the site would take the place of what
// an OAuth client reads, and Caddy's log of errors has the URL, with codes and tokens.
func TestErrorPagesOfTheSite(t *testing.T) {
	t.Parallel()
	server, app := "http://"+freeAddr(t), startApp(t)
	dead := freeAddr(t)
	c := startCaddy(t, fmt.Sprintf(`{
	debug
}
%s {
	log
	auth_server
	reverse_proxy /dead/* %s
	error /broken 500
	reverse_proxy %s
	handle_errors {
		respond "PAGE OF THE SITE {err.status_code}"
	}
}
`, server, dead, app.addr))
	const secret = "s3cret-of-a-link"
	ask := func(method, path, accept, body string) (int, string, http.Header) {
		t.Helper()
		r, err := http.NewRequest(method, server+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", accept)
		if body != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text), resp.Header
	}
	const html, program = "text/html", "application/json"
	for path, want := range map[string]int{"/dead/x": 502, "/broken": 500} {
		if status, body, _ := ask("GET", path, html, ""); status != want || body != fmt.Sprintf("PAGE OF THE SITE %d", want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for _, test := range []struct {
		method, path, accept, body string
		status                     int
		kind, says                 string
	}{
		{"GET", "/o/nothing", html, "", 404, "text/html", "There is nothing at this address."},
		{"GET", "/o/nothing", program, "", 404, "application/problem+json", `"status":404`},
		{"GET", "/o/authorize?client_id=nobody&state=" + secret, html, "", 400, "text/html", "<main"},
		{"GET", "/o/reset?token=" + secret, html, "", 404, "text/html", "<main"},
		{"POST", "/o/login", html, "username=a", 403, "text/html", "<main"},
		{"DELETE", "/o/login", html, "", 405, "text/html", "This address cannot be used in this way."},
		{"POST", "/o/token", program, url.Values{"grant_type": {"authorization_code"}, "code": {secret}}.Encode(), 401, "application/json", `"invalid_client"`},
		{"POST", "/o/token", html, "grant_type=x", 401, "application/json", `"invalid_client"`},
		{"GET", "/o/userinfo", program, "", 401, "", ""},
	} {
		status, body, header := ask(test.method, test.path, test.accept, test.body)
		if status != test.status || !strings.HasPrefix(header.Get("Content-Type"), test.kind) || !strings.Contains(body, test.says) || strings.Contains(body, "OF THE SITE") {
			t.Errorf("%s %s for %s: %d %s\n%s", test.method, test.path, test.accept, status, header.Get("Content-Type"), body)
		}
		if test.kind == "application/json" && !json.Valid([]byte(body)) {
			t.Errorf("%s %s: no JSON: %s", test.method, test.path, body)
		}
	}
	if log := c.log.String(); strings.Contains(log, secret) || !strings.Contains(log, "/o/reset?token=REDACTED") {
		t.Errorf("the log has a secret, or not what was asked for:\n%s", log)
	}
}
