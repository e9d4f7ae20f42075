package store

import (
	"strings"
	"testing"
)

func TestSyncTarget(t *testing.T) {
	gate := []string{"https://wiki.example.com/oidc/callback"}
	for _, c := range []struct {
		client Client
		want   string
	}{
		{Client{ClientSettings: ClientSettings{RedirectURIs: gate}}, "https://wiki.example.com/oidc/sync"},
		{Client{ClientSettings: ClientSettings{RedirectURIs: gate, Sync: SyncAll}}, "https://wiki.example.com/oidc/sync"},
		{Client{ClientSettings: ClientSettings{RedirectURIs: gate, SyncURL: "https://other.example.com/x"}}, "https://other.example.com/x"},
		{Client{ClientSettings: ClientSettings{RedirectURIs: gate, Sync: SyncOff}}, ""},
		{Client{ClientSettings: ClientSettings{RedirectURIs: gate, Sync: SyncOff, SyncURL: "https://other.example.com/x"}}, ""},
		{Client{ClientSettings: ClientSettings{RedirectURIs: gate, Public: true}}, ""},
		{Client{Disabled: true, ClientSettings: ClientSettings{RedirectURIs: gate}}, ""},
		{Client{ClientSettings: ClientSettings{RedirectURIs: []string{"https://app.example.com/cb"}}}, ""},
		{Client{ClientSettings: ClientSettings{RedirectURIs: []string{"https://app.example.com/sub/oidc/callback"}}}, ""},
		{Client{ClientSettings: ClientSettings{RedirectURIs: []string{"app:/oidc/callback"}}}, ""},
		{Client{}, ""},
		{Client{ClientSettings: ClientSettings{Format: FormatDjangito, RedirectURIs: []string{"https://shop.example.com:8443/oidc/callback_handler/"}}}, "https://shop.example.com:8443/oidc/push_server_data_to_client/"},
		{Client{ClientSettings: ClientSettings{Format: FormatDjangito, RedirectURIs: gate}}, "https://wiki.example.com/oidc/push_server_data_to_client/"},
		{Client{ClientSettings: ClientSettings{Format: FormatDjangito, RedirectURIs: gate, SyncURL: "https://shop.example.com/x/"}}, "https://shop.example.com/x/"},
		{Client{ClientSettings: ClientSettings{Format: FormatDjangito, RedirectURIs: gate, Sync: SyncOff}}, ""},
		{Client{ClientSettings: ClientSettings{Format: FormatDjangito, RedirectURIs: []string{"app:/callback_handler/"}}}, ""},
		{Client{ClientSettings: ClientSettings{Format: FormatDjangito}}, ""},
	} {
		if got := c.client.SyncTarget(); got != c.want {
			t.Errorf("%+v is told at %q; want %q", c.client, got, c.want)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		client Client
		ok     bool
	}{
		{Client{}, true},
		{Client{ClientSettings: ClientSettings{Format: FormatDjangito}}, true},
		{Client{ClientSettings: ClientSettings{Format: FormatDjangito, AdminFlags: true}}, true},
		{Client{ClientSettings: ClientSettings{Format: "Djangito"}}, false},
		{Client{ClientSettings: ClientSettings{Format: FormatDjangito, Public: true}}, false},
		{Client{ClientSettings: ClientSettings{AdminFlags: true}}, false},
	} {
		if format, flags := c.client.CheckFormat(), c.client.CheckAdminFlags(); (format == nil && flags == nil) != c.ok {
			t.Errorf("%+v: %v, %v", c.client, format, flags)
		}
	}
	for _, c := range []struct {
		client Client
		needs  bool
	}{
		{Client{}, true},
		{Client{ClientSettings: ClientSettings{AllowNoPKCE: true}}, false},
		{Client{ClientSettings: ClientSettings{Format: FormatDjangito}}, false},
		{Client{ClientSettings: ClientSettings{Format: FormatDjangito, Public: true}}, true},
		{Client{ClientSettings: ClientSettings{AllowNoPKCE: true, Public: true}}, true},
	} {
		if got := c.client.NeedsPKCE(); got != c.needs {
			t.Errorf("%+v needs PKCE: %v", c.client, got)
		}
	}
}

func TestCheckClientID(t *testing.T) {
	for id, ok := range map[string]bool{
		"wiki": true, "a.b_c~d-e:f": true, "...": true, "": false, "a/b": false, strings.Repeat("x", 101): false,
		".": false, "..": false, // of which no URL can speak
	} {
		if err := CheckClientID(id); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}
