package provider_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
)

// fromAnywhere lets a test say from where a request comes.
func fromAnywhere(c *provider.Config) {
	c.ClientIP = func(r *http.Request) string {
		if ip := r.Header.Get("Test-IP"); ip != "" {
			return ip
		}
		return "192.0.2.1"
	}
}

func (s *server) postForm(path, authorization, ip string, form url.Values) *httptest.ResponseRecorder {
	header := []string{"Test-IP", ip}
	if authorization != "" {
		header = append(header, "Authorization", authorization)
	}
	return s.serve("POST", path, "application/x-www-form-urlencoded", form.Encode(), header...)
}

const tooMany = `{"error":"slow_down"`

// Wrong secrets are slowed down at every endpoint at which clients show one. Who
// has the right one passes, wherever the wrong ones come from.
func TestWrongSecretsAreSlowedDown(t *testing.T) {
	s := newServer(t, fromAnywhere)
	tok := s.browser().tokens("openid")
	paths := []string{"/o/token", "/o/revoke", "/o/introspect", "/o/par", "/o/device/code"}
	form := url.Values{"token": {tok.access}, "grant_type": {"refresh_token"}, "refresh_token": {"x"}, "scope": {"openid"}}
	for i := range 50 {
		if w := s.postForm(paths[i%len(paths)], as("app", "wrong"), "192.0.2.7", form); w.Code != http.StatusUnauthorized {
			t.Fatalf("%d: %d %s", i, w.Code, w.Body)
		}
	}
	for _, path := range paths {
		w := s.postForm(path, as("app", "wrong"), "192.0.2.8", form) // of the same network
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "3" || !strings.HasPrefix(w.Body.String(), tooMany) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := s.postForm("/o/introspect", as("app", appSecret), "192.0.2.7", form); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"active":true`) {
		t.Errorf("the right secret: %d %s", w.Code, w.Body)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"of another client":  s.postForm("/o/token", as("narrow", "wrong"), "192.0.2.7", form),
		"of nobody":          s.postForm("/o/token", as("nobody", "wrong"), "192.0.2.7", form),
		"of another network": s.postForm("/o/token", as("app", "wrong"), "198.51.100.1", form),
	} {
		if w.Code != http.StatusUnauthorized {
			t.Errorf("wrong secret %s: %d", name, w.Code)
		}
	}
	if n := strings.Count(s.logs.String(), "client authentication failed"); n != 53 {
		t.Errorf("%d failures are in the log", n)
	}
	s.clock.add(2 * time.Second)
	if w := s.postForm("/o/token", as("app", "wrong"), "192.0.2.7", form); w.Code != http.StatusUnauthorized {
		t.Errorf("later: %d", w.Code)
	}
}

// However many names strangers try, a network has so many failures in all.
func TestNamesOfClientsAreSlowedDown(t *testing.T) {
	s := newServer(t, fromAnywhere)
	codes := map[int]int{}
	for i := range 120 {
		name := []string{"app", "narrow", "nopkce", "gate", strings.Repeat("x", i+1), "off"}[i%6]
		codes[s.postForm("/o/token", as(name, "wrong"), "2001:db8::1", url.Values{"grant_type": {"refresh_token"}}).Code]++
	}
	if codes[http.StatusUnauthorized] != 120 {
		t.Fatalf("%v", codes)
	}
	for i := range 200 {
		name := []string{"app", "narrow", "nopkce", "gate", "nosecret", "nobody"}[i%6]
		codes[s.postForm("/o/token", as(name, "wrong"), "2001:db8::2", url.Values{}).Code]++
	}
	if codes[http.StatusUnauthorized] != 200 || codes[http.StatusTooManyRequests] != 120 {
		t.Errorf("%v", codes)
	}
}

// Codes and refresh tokens that public clients make up are slowed down, and the
// right ones pass all the same. A client that showed its secret hears of each.
func TestWrongCodesAreSlowedDown(t *testing.T) {
	s := newServer(t, fromAnywhere)
	b := s.browser()
	good := codeForm(b.code(authQuery("spa", spaRedirect)), spaRedirect, "client_id", "spa")
	made := codeForm("made-up", spaRedirect, "client_id", "spa")
	codes := map[int]int{}
	for i := range 300 {
		form := made
		if i%2 == 1 {
			form = refreshForm("made-up", "client_id", "spa")
		}
		codes[s.postForm("/o/token", "", "192.0.2.7", form).Code]++
	}
	if codes[http.StatusBadRequest] != 200 || codes[http.StatusTooManyRequests] != 100 {
		t.Errorf("%v", codes)
	}
	w := s.postForm("/o/token", "", "192.0.2.7", made)
	if w.Header().Get("Retry-After") != "2" || !strings.HasPrefix(w.Body.String(), tooMany) {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := s.postForm("/o/token", "", "192.0.2.7", good); w.Code != http.StatusOK {
		t.Errorf("the right code: %d %s", w.Code, w.Body)
	}
	if w := s.postForm("/o/token", "", "198.51.100.1", made); w.Code != http.StatusBadRequest {
		t.Errorf("from another network: %d", w.Code)
	}
	for range 300 {
		if w := s.postForm("/o/token", as("app", appSecret), "192.0.2.7", refreshForm("revoked")); w.Code != http.StatusBadRequest {
			t.Fatalf("a client with a secret: %d %s", w.Code, w.Body)
		}
	}
}

// A resource server hears what it asks, whatever strangers showed to it.
func TestIntrospectionIsNotSlowedDown(t *testing.T) {
	s := newServer(t, fromAnywhere)
	for range 300 {
		w := s.postForm("/o/introspect", as("app", appSecret), "192.0.2.7", url.Values{"token": {"made-up"}})
		if w.Code != http.StatusOK || w.Body.String() != inactive {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
}

// Access tokens that are made up are slowed down, and good ones pass.
func TestWrongAccessTokensAreSlowedDown(t *testing.T) {
	s := newServer(t, fromAnywhere)
	tok := s.browser().tokens("openid")
	last := 0
	for range 1001 {
		last = s.serve("GET", "/o/userinfo", "", "", "Authorization", "Bearer made-up", "Test-IP", "192.0.2.7").Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the last of many: %d", last)
	}
	if w := s.serve("GET", "/o/userinfo", "", "", "Authorization", "Bearer "+tok.access, "Test-IP", "192.0.2.7"); w.Code != http.StatusOK {
		t.Errorf("a good one: %d %s", w.Code, w.Body)
	}
	if w := s.serve("GET", "/o/userinfo", "", "", "Test-IP", "192.0.2.7"); w.Code != http.StatusUnauthorized {
		t.Errorf("none: %d", w.Code)
	}
}
