package registration

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func settings(change func(*store.ClientSettings)) *store.Client {
	c := &store.Client{ID: "wiki", ClientSettings: store.ClientSettings{RedirectURIs: []string{"https://wiki.example.com/cb"}}}
	change(&c.ClientSettings)
	return c
}

// Every rule names the field that breaks it, and nothing else is said.
func TestCheckNamesTheField(t *testing.T) {
	for _, test := range []struct {
		field, says string
		change      func(*store.ClientSettings)
	}{
		{"", "", func(*store.ClientSettings) {}},
		{"name", "one line", func(c *store.ClientSettings) { c.Name = "a\nb" }},
		{"name", "200 bytes", func(c *store.ClientSettings) { c.Name = strings.Repeat("x", 201) }},
		{"scopes", "no scope", func(c *store.ClientSettings) { c.Scopes = []string{"mail"} }},
		{"allow_groups", "a group is", func(c *store.ClientSettings) { c.AllowGroups = []string{"a,b"} }},
		{"id_token_signed_response_alg", "HS256", func(c *store.ClientSettings) { c.IDTokenAlg = "HS256" }},
		{"format", "djangito", func(c *store.ClientSettings) { c.Format = "django" }},
		{"grant_types", "implicit", func(c *store.ClientSettings) { c.GrantTypes = []string{"implicit"} }},
		{"allow_no_pkce", "PKCE", func(c *store.ClientSettings) { c.Public, c.AllowNoPKCE = true, true }},
		{"redirect_uris", "is needed", func(c *store.ClientSettings) { c.RedirectURIs = nil }},
		{"", "", func(c *store.ClientSettings) {
			c.RedirectURIs, c.GrantTypes = nil, []string{store.GrantClientCredentials}
		}},
		{"redirect_uris", "absolute URL", func(c *store.ClientSettings) { c.RedirectURIs = []string{"com.example.app:/cb"} }},
		{"", "", func(c *store.ClientSettings) { c.Public, c.RedirectURIs = true, []string{"com.example.app:/cb"} }},
		{"post_logout_redirect_uris", "absolute URL", func(c *store.ClientSettings) { c.PostLogoutRedirectURIs = []string{"/"} }},
		{"frontchannel_logout_uri", "fragment", func(c *store.ClientSettings) { c.FrontchannelLogoutURI = "https://wiki.example.com/#x" }},
		{"backchannel_logout_uri", "https only", func(c *store.ClientSettings) { c.BackchannelLogoutURI = "http://wiki.example.com/x" }},
		{"", "", func(c *store.ClientSettings) { c.BackchannelLogoutURI = "http://lan/x" }},
		{"sync_url", "https only", func(c *store.ClientSettings) { c.SyncURL = "http://wiki.example.com/x" }},
		{"sync", "not \"some\"", func(c *store.ClientSettings) { c.Sync = "some" }},
		{"sync", "public", func(c *store.ClientSettings) { c.Public, c.Sync = true, store.SyncAll }},
		{"sync_url", "is needed", func(c *store.ClientSettings) { c.Sync = store.SyncGranted }},
		{"access_token_lifetime", "30d at the most, not 721h", func(c *store.ClientSettings) {
			c.AccessTokenLifetime = store.MaxAccessTokenLifetime + store.Duration(time.Hour)
		}},
		{"", "", func(c *store.ClientSettings) {
			c.AccessTokenLifetime, c.RefreshTokenLifetime = store.MaxAccessTokenLifetime, 2*store.MaxAccessTokenLifetime
		}},
		{"fields", "fone", func(c *store.ClientSettings) { c.Fields = []string{"fone"} }},
	} {
		rules := Rules{Schema: store.DefaultSchema(), PlainHosts: []string{"lan"}}
		got := rules.Check(settings(test.change))
		switch {
		case test.field == "" && len(got) == 0:
		case len(got) != 1 || got[0].Field != test.field || !strings.Contains(got[0].Message, test.says):
			t.Errorf("%v, want %s: ... %s", got, test.field, test.says)
		}
	}
}

// What is not known yet is left out, and the rest is not.
func TestCheckLater(t *testing.T) {
	rules := Rules{Later: func(s string) bool { return strings.Contains(s, "{") }}
	c := settings(func(c *store.ClientSettings) {
		c.RedirectURIs = []string{"{env.SITE}/cb"}
		c.BackchannelLogoutURI, c.SyncURL, c.FrontchannelLogoutURI = "{x}", "{y}", "{z}"
		c.PostLogoutRedirectURIs = []string{"{env.SITE}/", "wiki"}
		c.Sync = store.SyncAll
	})
	if got := rules.Check(c); len(got) != 1 || got[0].Field != "post_logout_redirect_uris" {
		t.Errorf("%v", got)
	}
	if got := (Rules{}).Check(c); len(got) != 6 {
		t.Errorf("known, they are %d mistakes: %v", len(got), got)
	}
}
