package provider_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

const wikiSecret = "0123456789abcdef0123456789abcdef"

// withWiki adds a gate on another machine, and one that wants no sync.
func withWiki(s *server) {
	s.update(func(tx store.WriteTx) error {
		for id, mode := range map[string]store.SyncMode{"wiki": "", "quiet": store.SyncOff} {
			err := tx.PutClient(&store.Client{ID: id, Secrets: []store.ClientSecret{{Sealed: s.key.Seal(store.ClientSecretPurpose(id), []byte(wikiSecret))}}, ClientSettings: store.ClientSettings{
				SkipConsent:  true,
				Sync:         mode,
				RedirectURIs: []string{"https://" + id + ".example.com/oidc/callback"},
			}})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func TestPullEndpoint(t *testing.T) {
	s := newServer(t)
	withWiki(s)
	a := s.call("GET", "/o/sync", as("wiki", wikiSecret), nil)
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != usersync.ContentType || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %v %s", a.Status, a.Header, a.body)
	}
	key, err := usersync.Key(wikiSecret, s.issuer)
	if err != nil {
		t.Fatal(err)
	}
	b, err := usersync.Verify([]byte(a.body), key, s.issuer, "wiki", s.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Changes) != 4 || b.Upto != b.Head || b.Digest == nil {
		t.Errorf("the batch is %+v", b)
	}
	text, _ := json.Marshal(b)
	for _, word := range []string{"is_superuser", "is_staff", "argon2", "password"} {
		if strings.Contains(string(text), word) {
			t.Errorf("the batch says %s: %s", word, text)
		}
	}

	tok := s.browser().tokens("openid read")
	for _, c := range []struct {
		what, target, authorization string
		status                      int
	}{
		{"no credentials", "/o/sync", "", 401},
		{"a wrong secret", "/o/sync", as("wiki", wikiSecret+"x"), 401},
		{"an unknown client", "/o/sync", as("nobody", wikiSecret), 401},
		{"a public client", "/o/sync", as("spa", ""), 403},
		{"an access token", "/o/sync", "Bearer " + tok.access, 401},
		{"an ID token", "/o/sync", "Bearer " + tok.id, 401},
		{"secret in the query", "/o/sync?client_id=wiki&client_secret=" + wikiSecret, "", 401},
		{"a client that is no gate", "/o/sync", as("app", appSecret), 403},
		{"sync off", "/o/sync", as("quiet", wikiSecret), 403},
		{"a secret that is too short", "/o/sync", as("gate", "gate-secret"), 403},
		{"after is no number", "/o/sync?after=x", as("wiki", wikiSecret), 400},
	} {
		a := s.call("GET", c.target, c.authorization, nil)
		if a.StatusCode != c.status || strings.Contains(a.body, "alice") {
			t.Errorf("%s: %s %s; want %d", c.what, a.Status, a.body, c.status)
		}
	}
	if a := s.call("POST", "/o/sync", "", url.Values{"client_id": {"wiki"}, "client_secret": {wikiSecret}}); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", a.Status)
	}
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		if v := s.call("GET", path, "", nil).decode(t); v["caddyito_sync_endpoint"] != s.issuer+"/o/sync" {
			t.Errorf("%s names %v", path, v["caddyito_sync_endpoint"])
		}
	}
}

// An open poll does not outlive what lets the client ask.
func TestPullEnds(t *testing.T) {
	for what, change := range map[string]func(tx store.WriteTx, c *store.Client) error{
		"deleted":        func(tx store.WriteTx, c *store.Client) error { return tx.DeleteClient(c.ID) },
		"disabled":       func(tx store.WriteTx, c *store.Client) error { c.Disabled = true; return tx.PutClient(c) },
		"sync off":       func(tx store.WriteTx, c *store.Client) error { c.Sync = store.SyncOff; return tx.PutClient(c) },
		"without secret": func(tx store.WriteTx, c *store.Client) error { c.Secrets = nil; return tx.PutClient(c) },
	} {
		s := newServer(t)
		withWiki(s)
		key, err := usersync.Key(wikiSecret, s.issuer)
		if err != nil {
			t.Fatal(err)
		}
		b, err := usersync.Verify([]byte(s.call("GET", "/o/sync", as("wiki", wikiSecret), nil).body), key, s.issuer, "wiki", s.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan int)
		go func() {
			query := url.Values{"feed": {b.Feed}, "view": {b.View}, "after": {strconv.FormatUint(b.Upto, 10)}}
			answered <- s.call("GET", "/o/sync?"+query.Encode(), as("wiki", wikiSecret), nil).StatusCode
		}()
		for asks := false; !asks; time.Sleep(time.Millisecond) {
			if err := s.store.View(t.Context(), func(tx store.ReadTx) error {
				st, err := tx.SyncState("wiki")
				asks = err == nil && st.Seq == b.Upto
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		s.update(func(tx store.WriteTx) error {
			c, err := tx.Client("wiki")
			if err != nil {
				return err
			}
			return change(tx, c)
		})
		if status := <-answered; status != 401 {
			t.Errorf("%s: %d", what, status)
		}
	}
}

func TestSyncClients(t *testing.T) {
	s := newServer(t, func(c *provider.Config) {
		c.StaticClients = func() []*provider.StaticClient {
			gate, _ := staticClients("gate")
			none, _ := staticClients("nosecret")
			return []*provider.StaticClient{gate, none}
		}
	})
	withWiki(s)
	s.update(func(tx store.WriteTx) error {
		if err := tx.PutClient(&store.Client{ID: "gate", ClientSettings: store.ClientSettings{RedirectURIs: []string{"https://hidden.example.com/oidc/callback"}}}); err != nil {
			return err
		}
		c, err := tx.Client("app")
		if err != nil {
			return err
		}
		c.SyncURL = "https://app.example.com/users"
		return tx.PutClient(c)
	})
	clients, err := s.p.SyncClients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range clients {
		got[c.ID] = c.URL
	}
	want := map[string]string{"gate": "https://wiki.example.com/oidc/sync", "wiki": "https://wiki.example.com/oidc/sync", "app": "https://app.example.com/users"}
	if len(got) != len(want) || got["gate"] != want["gate"] || got["wiki"] != want["wiki"] || got["app"] != want["app"] || len(clients) != 3 {
		t.Errorf("told of changes are %v; want %v", got, want)
	}
	for _, c := range clients {
		if c.ID == "app" && (len(c.Secrets) != 2 || c.Secrets[1] != appSecret) {
			t.Errorf("secrets, the newest first: %q", c.Secrets)
		}
	}
}
