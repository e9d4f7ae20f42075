package provider_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

const (
	shopSecret   = "0123456789abcdef0123456789abcdef"
	shopRedirect = "https://shop.example.com/oidc/callback_handler/"
	shopHome     = "https://shop.example.com/"
)

// withShop adds a Django project to the clients of the config, and one at another
// site with admin flags in the store.
func withShop(c *provider.Config) {
	shop := &provider.StaticClient{Client: store.Client{ID: "shop", ClientSettings: store.ClientSettings{
		SkipConsent:            true,
		Format:                 store.FormatDjangito,
		RedirectURIs:           []string{shopRedirect},
		PostLogoutRedirectURIs: []string{"https://elsewhere.example.com/", shopHome},
	}}, Secret: shopSecret}
	c.StaticClient = func(id string) (*provider.StaticClient, bool) {
		if id == "shop" {
			return shop, true
		}
		return staticClients(id)
	}
	c.StaticClients = func() []*provider.StaticClient { return []*provider.StaticClient{shop} }
}

func (s *server) registerNews() {
	s.update(func(tx store.WriteTx) error {
		return tx.PutClient(&store.Client{ID: "news", Secrets: []store.ClientSecret{{Sealed: s.key.Seal(store.ClientSecretPurpose("news"), []byte(shopSecret))}}, ClientSettings: store.ClientSettings{
			SkipConsent:  true,
			Format:       store.FormatDjangito,
			AdminFlags:   true,
			RedirectURIs: []string{"https://news.example.com/oidc/callback_handler/"},
		}})
	})
}

// djangoLogin is what that package does: no PKCE, the secret in the form, slashes
// at the end, and the profile.
func (b *browser) djangoLogin(client, redirect, username, password string) *answer {
	b.t.Helper()
	q := url.Values{
		"client_id": {client}, "redirect_uri": {redirect}, "scope": {"read"}, "response_type": {"code"},
		"response_mode": {"query"}, "nonce": {"n"}, "state": {"/admin/?a=b"},
	}
	a := b.get("/o/authorize?" + q.Encode())
	for !strings.HasPrefix(a.Header.Get("Location"), redirect) {
		if a.location().Path == "/o/login" {
			a = b.login(a, username, password)
			continue
		}
		if a.StatusCode != http.StatusSeeOther {
			b.t.Fatalf("stuck at %d: %s", a.StatusCode, a.body)
		}
		a = b.get(a.Header.Get("Location"))
	}
	if got := a.location().Query().Get("state"); got != "/admin/?a=b" {
		b.t.Errorf("the state came back as %q", got)
	}
	tok := b.call("POST", "/o/token/", "", url.Values{
		"grant_type": {"authorization_code"}, "code": {a.location().Query().Get("code")},
		"client_id": {client}, "client_secret": {shopSecret}, "redirect_uri": {redirect},
	})
	access, _ := tok.decode(b.t)["access_token"].(string)
	return b.call("GET", "/o/profile/", "Bearer "+access, nil)
}

func TestDjangoLogin(t *testing.T) {
	s := newServer(t, withShop)
	s.registerNews()
	a := s.browser().djangoLogin("shop", shopRedirect, "alice", alicePassword)
	want := `{"id":1,"username":"alice","first_name":"Alice","last_name":"Lidell","email":"alice@example.com","is_active":true,"is_staff":false,"is_superuser":false,` +
		`"last_login":"2026-11-23T12:00:00Z","date_joined":"2026-11-23T12:00:00Z","company":{"id":1,"name":"Acme","primary_activity":0}}`
	if a.StatusCode != http.StatusOK || a.body != want {
		t.Errorf("the profile is %d\n%s\nwant\n%s", a.StatusCode, a.body, want)
	}
	if got := s.browser().djangoLogin("shop", shopRedirect, "bob", "bob's password").decode(t); got["is_superuser"] != false || got["is_staff"] != false || got["company"] != nil {
		t.Errorf("a client without admin flags is told %v", got)
	}
	if got := s.browser().djangoLogin("news", "https://news.example.com/oidc/callback_handler/", "bob", "bob's password").decode(t); got["is_superuser"] != true || got["is_staff"] != true {
		t.Errorf("a client with admin flags is told %v", got)
	}
	// The format stands for leaving PKCE out, not for more.
	q := authQuery("app", appRedirect, "code_challenge", "", "code_challenge_method", "")
	if got := s.browser().authorize(q).location().Query().Get("error"); got != "invalid_request" {
		t.Errorf("another client without PKCE: %q", got)
	}
}

func TestAdminURL(t *testing.T) {
	s := newServer(t)
	if got := s.call("GET", "/o/get_admin_url/", "", nil).decode(t); len(got) != 1 || got["url"] != "/o/password" {
		t.Errorf("got %v", got)
	}
}

// Such a client shows no ID token at logout, but people come from its pages.
func TestDjangoLogout(t *testing.T) {
	s := newServer(t, withShop)
	s.registerNews()
	from := func(b *browser, target, referer string) *answer {
		r := b.request("GET", target, nil)
		if referer != "" {
			r.Header.Set("Referer", referer)
		}
		return b.do(r)
	}
	for _, c := range []struct {
		target, referer string
		ends            bool
		location        string
	}{
		{"/o/logout/", shopHome, true, shopHome},
		{"/o/logout/", "https://shop.example.com/admin/logout/?x=1", true, shopHome},
		{"/o/logout/", "https://news.example.com/", true, ""}, // has not said where to
		{"/o/logout/", "", false, ""},
		{"/o/logout/", "https://app.example.com/", false, ""},           // another client
		{"/o/logout/", "https://elsewhere.example.com/", false, ""},     // no place of the client's
		{"/o/logout/", "https://shop.example.com.evil.org/", false, ""}, // nor these
		{"/o/logout/", "https://shop.example.com:444/", false, ""},
		{"/o/logout/", "http://shop.example.com/", false, ""},
		{"/o/logout/", "https://shop.example.com@evil.org/", false, ""},
		{"/o/logout/", "shop.example.com", false, ""},
		{"/o/logout/", "%zz", false, ""},
		{"/o/logout?post_logout_redirect_uri=" + url.QueryEscape(shopHome), shopHome, false, ""},
		{"/o/logout?id_token_hint=x", shopHome, false, ""},
	} {
		b := s.browser().signIn("alice", alicePassword)
		a := from(b, c.target, c.referer)
		if got := a.Header.Get("Location"); got != c.location || b.signedIn() == c.ends {
			t.Errorf("%s from %q: to %q, signed in %v", c.target, c.referer, got, b.signedIn())
		}
	}
	if a := from(s.browser(), "/o/logout/", shopHome); a.Header.Get("Location") != shopHome {
		t.Errorf("who is signed out already is not led back: %d", a.StatusCode)
	}
}

// It is told by pushes only: batches are for gates, and neither its secret nor
// what is signed with it opens another door.
func TestDjangoClientDoors(t *testing.T) {
	s := newServer(t, withShop)
	if a := s.call("GET", "/o/sync?after=0", as("shop", shopSecret), nil); a.StatusCode != http.StatusForbidden {
		t.Errorf("it may pull: %d %s", a.StatusCode, a.body)
	}
	enc := base64.RawURLEncoding
	token := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"caddyito-djangito+jwt"}`)) + "." + enc.EncodeToString([]byte(`{"id":1,"username":"alice"}`))
	mac := hmac.New(sha256.New, []byte(shopSecret))
	mac.Write([]byte(token))
	token += "." + enc.EncodeToString(mac.Sum(nil))
	for _, target := range []string{"/o/profile", "/o/userinfo"} {
		for _, secret := range []string{token, shopSecret} {
			if a := s.call("GET", target, "Bearer "+secret, nil); a.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s takes what is for pushes: %d", target, a.StatusCode)
			}
		}
	}
	if a := s.call("GET", "/o/sync?after=0", as("shop", token), nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a push is taken for a secret: %d", a.StatusCode)
	}
	b := s.browser().signIn("alice", alicePassword)
	b.logout("id_token_hint", token)
	if !b.signedIn() {
		t.Error("a push is taken for an ID token")
	}
	for _, form := range []url.Values{codeForm(token, shopRedirect, "code_verifier", ""), refreshForm(token)} {
		wantError(t, s.token(as("shop", shopSecret), form), http.StatusBadRequest, "invalid_grant")
	}
}
