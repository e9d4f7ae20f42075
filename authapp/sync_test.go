package authapp

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// syncingServer is a server that tells clients of changes.
type syncingServer struct {
	*fakeServer
	targets []usersync.Target
}

func (s *syncingServer) SyncTargets(context.Context) ([]usersync.Target, error) {
	return s.targets, nil
}

func TestAdminSync(t *testing.T) {
	a := newAPI(t)
	a.app.servers = []ServerModule{&syncingServer{
		a.app.servers[0].(*fakeServer),
		[]usersync.Target{{ClientID: "wiki", URL: "https://wiki.example.com/oidc/sync"}, {ClientID: "blog", URL: "https://blog.example.com/oidc/sync"}},
	}}
	for range 3 {
		a.do("POST", "/auth/objects/company", `{"name":"Acme"}`, 201, nil)
	}
	var feed store.Feed
	a.view(func(tx store.ReadTx) (err error) {
		feed, err = tx.Feed()
		return err
	})
	a.update(func(tx store.WriteTx) error {
		return tx.PutSyncState(&store.SyncState{ClientID: "wiki", FeedID: feed.ID, Seq: 2, CurrentAt: time.Now().Add(-time.Minute), PushedAt: time.Now(), Error: "it answers 500", Parked: true})
	})
	var v usersync.Status
	a.do("GET", "/auth/sync", "", 200, &v)
	if v.Head != 3 || len(v.Clients) != 2 || v.Clients[0].ClientID != "blog" || v.Clients[0].Lag != 3 || stateOf(v.Clients[0]) != "behind" {
		t.Errorf("the status is %+v", v)
	}
	if w := v.Clients[1]; w.Seq != 2 || w.Lag != 1 || w.LagSeconds < 55 || !w.Parked || stateOf(w) != "parked: it answers 500" || w.Resync {
		t.Errorf("wiki: %+v", w)
	}
	a.do("POST", "/auth/sync/wiki/resync", "", 204, nil)
	a.do("GET", "/auth/sync", "", 200, &v)
	if !v.Clients[1].Resync || v.Clients[1].Error == "" {
		t.Errorf("after asking for it: %+v", v.Clients[1])
	}
	a.do("POST", "/auth/sync/nobody/resync", "", 404, nil)
	// What was acknowledged of another feed counts for nothing.
	a.update(func(tx store.WriteTx) error {
		return tx.PutSyncState(&store.SyncState{ClientID: "wiki", FeedID: "another", Seq: 99})
	})
	a.do("GET", "/auth/sync", "", 200, &v)
	if v.Clients[1].Seq != 0 || v.Clients[1].Lag != 3 {
		t.Errorf("of another feed: %+v", v.Clients[1])
	}
}

// One line for each state that a client can be in.
func TestSyncStates(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		client    usersync.ClientStatus
		state     string
		lastError string
	}{
		{usersync.ClientStatus{}, "never heard of", ""},
		{usersync.ClientStatus{Lag: 3}, "behind", ""},
		{usersync.ClientStatus{PushedAt: now, LastError: "refused", LastErrorAt: now}, "follows", when(now) + " refused"},
		{usersync.ClientStatus{PulledAt: now}, "follows", ""},
		{usersync.ClientStatus{PushedAt: now, Resync: true}, "to be filled anew", ""},
		{usersync.ClientStatus{Error: "refused", FailedAt: now, LastError: "refused", LastErrorAt: now}, "failing: refused", when(now)},
		{usersync.ClientStatus{Error: "no gate", Parked: true, FailedAt: now}, "parked: no gate", ""},
		{usersync.ClientStatus{Error: "refused", FailedAt: now, PulledAt: now.Add(-time.Minute)}, "follows by asking; pushes fail: refused", ""},
		{usersync.ClientStatus{Error: "no gate", Parked: true, FailedAt: now, PulledAt: now.Add(time.Minute)}, "follows by asking; pushes fail: no gate", ""},
		{usersync.ClientStatus{Error: "refused", FailedAt: now, PulledAt: now.Add(-time.Hour)}, "failing: refused", ""},
		{usersync.ClientStatus{Error: "refused", FailedAt: now, PulledAt: now, Lag: 1}, "failing: refused", ""},
		{usersync.ClientStatus{Error: "refused", FailedAt: now, PulledAt: now, Resync: true}, "failing: refused", ""},
	} {
		if got := stateOf(&c.client); got != c.state {
			t.Errorf("%+v: %q; want %q", c.client, got, c.state)
		}
		if got := lastError(&c.client); got != c.lastError {
			t.Errorf("%+v: the last error is %q; want %q", c.client, got, c.lastError)
		}
	}
}

func TestAdminClientSync(t *testing.T) {
	a := newAPI(t)
	var c clientView
	a.do("POST", "/auth/clients", `{"id":"wiki","redirect_uris":["https://wiki.example.com/oidc/callback"]}`, 201, &c)
	if c.SyncTarget != "https://wiki.example.com/oidc/sync" {
		t.Errorf("a gate is told at %q", c.SyncTarget)
	}
	a.do("POST", "/auth/clients", `{"id":"quiet","redirect_uris":["https://q.example.com/oidc/callback"],"sync":"off"}`, 201, &c)
	a.do("GET", "/auth/clients/quiet", "", 200, &c)
	if c.Sync != store.SyncOff {
		t.Errorf("sync off: %+v", c)
	}
	a.do("POST", "/auth/clients", `{"id":"shop","redirect_uris":["https://s.example.com/oidc/callback"],"sync":"granted","fields":["email","company.name"]}`, 201, nil)
	a.do("GET", "/auth/clients/shop", "", 200, &c)
	if c.Sync != store.SyncGranted || c.SyncTarget == "" || strings.Join(c.Fields, " ") != "email company.name" {
		t.Errorf("with a list: %+v", c)
	}
	if got := a.do("POST", "/auth/clients", `{"id":"bad","fields":["fone"]}`, 400, nil); !strings.Contains(got, "fone") || !strings.Contains(got, "there are company, date_joined") {
		t.Errorf("a field that there is not: %s", got)
	}
	a.app.AllowHTTPSync = []string{"lan.example.com"}
	a.do("POST", "/auth/clients", `{"id":"lan","redirect_uris":["https://lan.example.com/cb"],"sync_url":"http://lan.example.com/x"}`, 201, nil)
	for _, body := range []string{
		`"sync":"some"`, `"sync":"granted"`, `"sync":"all"`, `"sync_url":"http://app.example.com/x"`, `"sync_url":"https://169.254.169.254/x#y"`,
		`"public":true,"redirect_uris":["https://x.example.com/oidc/callback"],"sync":"all"`,
	} {
		if got := a.do("POST", "/auth/clients", `{"id":"bad",`+body+`}`, 400, nil); !strings.Contains(got, "sync") {
			t.Errorf("%s: %s", body, got)
		}
	}
}

// A gate of this process is told without the network.
func TestSyncTransport(t *testing.T) {
	tr := newSyncTransport(nil)
	tr.add("https://wiki.example.com/oidc/sync", (&fakeGate{Name: "wiki"}).ServeSync)
	client := &http.Client{Transport: tr}
	for _, address := range []string{"https://wiki.example.com/oidc/sync", "https://WIKI.example.com:443/oidc/sync"} {
		resp, err := client.Post(address, "application/jwt", strings.NewReader("batch"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if string(body) != "wiki takes batch" {
			t.Errorf("%s: %s", address, body)
		}
	}
	tr.network = http.NewFileTransport(http.Dir(t.TempDir())) // no gate
	for _, address := range []string{"https://wiki.example.com/", "http://wiki.example.com/oidc/sync", "https://wiki.example.com/oidc/sync?x", "https://wiki.example.com/oidc%2fsync"} {
		resp, err := client.Post(address, "application/jwt", strings.NewReader("batch"))
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); strings.Contains(string(body), "wiki takes") {
			t.Errorf("%s went to the gate", address)
		}
	}
}
