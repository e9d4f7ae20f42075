package authapp

import (
	"net/http"
	"net/url"

	"github.com/caddyito/caddyito/usersync"
)

// syncTransport carries changes from servers to gates. Those for a gate in this
// process go straight to its handler; all else goes through the network, as
// guarded by usersync.
type syncTransport struct {
	gates   map[string]GateModule // by syncKey; complete before it is used
	network http.RoundTripper
}

func newSyncTransport() *syncTransport {
	return &syncTransport{gates: map[string]GateModule{}, network: usersync.Transport()}
}

// add takes the address of a gate. Gates that share one share the mirror too.
func (t *syncTransport) add(address string, g GateModule) {
	u, err := url.Parse(address)
	if err != nil {
		return // origins were checked; whoever sends there is told why it fails
	}
	if key := syncKey(u); t.gates[key] == nil {
		t.gates[key] = g
	}
}

func syncKey(u *url.URL) string { return normalOrigin(u) + u.EscapedPath() }

// RoundTrip implements http.RoundTripper.
func (t *syncTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if g, ok := t.gates[syncKey(r.URL)]; ok && r.URL.RawQuery == "" {
		return serveInProcess(g.ServeSync, r)
	}
	return t.network.RoundTrip(r)
}

// CloseIdleConnections is called by http.Client.
func (t *syncTransport) CloseIdleConnections() {
	if c, ok := t.network.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// Interface guards
var _ http.RoundTripper = (*syncTransport)(nil)
