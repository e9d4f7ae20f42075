package provider_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
)

// serve sends a request straight to the provider.
func (s *server) serve(method, target, contentType, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	path, query, _ := strings.Cut(target, "?")
	r.URL = &url.URL{Path: path, RawQuery: query}
	r.Header.Set("Accept", "text/html")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.p.ServeHTTP(w, r)
	return w
}

// Whatever an authorization request says, it ends at a page, at our own login,
// or at a redirect URI that is registered.
func FuzzAuthorize(f *testing.F) {
	s := newServer(f)
	f.Add(authQuery("app", appRedirect).Encode())
	f.Add(authQuery("app", appRedirect, "prompt", "none", "response_mode", "form_post").Encode())
	f.Add(authQuery("app", "https://evil.example.net/").Encode())
	f.Add(authQuery("app", appRedirect, "max_age", "9999999999999999999", "id_token_hint", "a.b.c").Encode())
	f.Add(authQuery("app", appRedirect, "claims", `{"userinfo":{"email":{"essential":true}},"id_token":{"sub":{"value":"1"},"acr":{"essential":true,"values":["2"]}}}`).Encode())
	f.Add(authQuery("app", appRedirect, "claims", `{"userinfo":{"email":null,"email":[]}}`, "prompt", "none").Encode())
	f.Add("client_id=app&client_id=app&redirect_uri=" + url.QueryEscape(appRedirect))
	f.Add("client_id=app;redirect_uri=%zz&caddyito_asked=1.2")
	f.Add("client_id=%00&redirect_uri=%0d%0aLocation:%20x")
	f.Fuzz(func(t *testing.T, query string) {
		for _, target := range []string{"/o/authorize?" + query, "/o/login?continue=" + url.QueryEscape(query), "/o/consent?request=" + url.QueryEscape(query)} {
			w := s.serve("GET", target, "", "")
			if w.Code >= 500 {
				t.Fatalf("%s: %d", target, w.Code)
			}
			loc := w.Header().Get("Location")
			if loc == "" {
				continue
			}
			ok := strings.HasPrefix(loc, s.issuer+"/o/login?continue=") || strings.HasPrefix(loc, s.issuer+"/o/authorize?")
			for _, registered := range []string{appRedirect + "&", "https://app.example.com/other?", spaRedirect + "?", "https://nopkce.example.com/cb?",
				"https://narrow.example.com/cb?", "https://wiki.example.com/oidc/callback?", "https://nosecret.example.com/cb?"} {
				ok = ok || strings.HasPrefix(loc, registered)
			}
			if !ok || strings.ContainsAny(loc, "\r\n\x00") || w.Code != http.StatusSeeOther {
				t.Fatalf("%s: %d to %q", target, w.Code, loc)
			}
		}
	})
}

// Whatever a token request says, it is refused: no code was ever given out.
func FuzzToken(f *testing.F) {
	s := newServer(f)
	f.Add(codeForm("x", appRedirect).Encode(), as("app", appSecret), "application/x-www-form-urlencoded")
	f.Add(refreshForm("x", "scope", "openid").Encode(), as("app", appSecret), "application/x-www-form-urlencoded; charset=utf-8")
	f.Add(codeForm("x", spaRedirect, "client_id", "spa").Encode(), "", "application/x-www-form-urlencoded")
	f.Add("grant_type=a&grant_type=b", "Basic !!", "multipart/form-data")
	f.Add("grant_type=%zz;x", "Basic Og==", "application/x-www-form-urlencoded")
	f.Fuzz(func(t *testing.T, body, authorization, contentType string) {
		for _, path := range []string{"/o/token", "/o/revoke", "/o/introspect"} {
			w := s.serve("POST", path, contentType, body, "Authorization", authorization)
			if path == "/o/revoke" && w.Code == http.StatusOK && w.Body.Len() == 0 {
				continue // what is unknown is as good as revoked
			}
			if path == "/o/introspect" && w.Code == http.StatusOK && w.Body.String() == inactive {
				continue
			}
			if w.Code != 400 && w.Code != 401 && w.Code != 413 && w.Code != 429 || !strings.HasPrefix(w.Body.String(), `{"error":"`) {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			if w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
				t.Fatal("401 without challenge")
			}
		}
	})
}

// No hint but one that we signed signs anyone out or leads anywhere.
func FuzzIDTokenHint(f *testing.F) {
	s := newServer(f)
	good := s.browser().tokens("openid").id
	f.Add(tamper(good))
	f.Add(good + " ")
	f.Add(strings.ToLower(good))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	f.Add(strings.Repeat("a", 9000))
	f.Fuzz(func(t *testing.T, hint string) {
		if hint == good {
			t.Skip()
		}
		w := s.serve("GET", "/o/logout?"+url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {appLoggedOut}}.Encode(), "", "")
		if w.Code != http.StatusOK || w.Header().Get("Location") != "" {
			t.Fatalf("%q: %d to %q", hint, w.Code, w.Header().Get("Location"))
		}
	})
}

// Handles and ServeHTTP take any path.
func FuzzPath(f *testing.F) {
	s := newServer(f)
	f.Add("/o/../o/authorize")
	f.Add("/o//")
	f.Add("/o/authorize/\x00")
	f.Fuzz(func(t *testing.T, path string) {
		if s.p.Handles(path) && !strings.HasPrefix(path, provider.DefaultPrefix) && !strings.HasPrefix(path, "/.well-known/o") {
			t.Fatalf("takes %q", path)
		}
		if w := s.serve("GET", path, "", ""); w.Code >= 500 {
			t.Fatalf("%q: %d", path, w.Code)
		}
	})
}
