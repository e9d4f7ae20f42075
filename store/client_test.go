package store

import "testing"

func TestSyncTarget(t *testing.T) {
	gate := []string{"https://wiki.example.com/oidc/callback"}
	for _, c := range []struct {
		client Client
		want   string
	}{
		{Client{RedirectURIs: gate}, "https://wiki.example.com/oidc/sync"},
		{Client{RedirectURIs: gate, Sync: SyncAll}, "https://wiki.example.com/oidc/sync"},
		{Client{RedirectURIs: gate, SyncURL: "https://other.example.com/x"}, "https://other.example.com/x"},
		{Client{RedirectURIs: gate, Sync: SyncOff}, ""},
		{Client{RedirectURIs: gate, Sync: SyncOff, SyncURL: "https://other.example.com/x"}, ""},
		{Client{RedirectURIs: gate, Public: true}, ""},
		{Client{RedirectURIs: gate, Disabled: true}, ""},
		{Client{RedirectURIs: []string{"https://app.example.com/cb"}}, ""},
		{Client{RedirectURIs: []string{"https://app.example.com/sub/oidc/callback"}}, ""},
		{Client{RedirectURIs: []string{"app:/oidc/callback"}}, ""},
		{Client{}, ""},
	} {
		if got := c.client.SyncTarget(); got != c.want {
			t.Errorf("%+v is told at %q; want %q", c.client, got, c.want)
		}
	}
}
