package authapp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddyito/caddyito/usersync"
)

// syncTransport carries changes and logouts from servers to gates. Those for a gate in this
// process go straight to its handler; all else goes through the network, as
// guarded by usersync.
type syncTransport struct {
	gates   map[string]http.HandlerFunc // by syncKey; complete before it is used
	network http.RoundTripper
}

// newSyncTransport makes one that may use plain http to these hosts.
func newSyncTransport(plain []string) *syncTransport {
	return &syncTransport{gates: map[string]http.HandlerFunc{}, network: usersync.Transport(plain...)}
}

// checkSyncHost says what is wrong with a host of AllowHTTPSync.
func checkSyncHost(host string) error {
	if u, err := url.Parse("http://" + syncHost(host) + "/"); err != nil || host == "" || u.Hostname() != host || u.Port() != "" || strings.ContainsAny(host, "*{}") {
		return fmt.Errorf("allow_http_sync %s: name a host alone, as in wiki.internal or 10.0.0.7, without scheme, port or path", host)
	}
	return nil
}

func syncHost(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]" // an IPv6 address
	}
	return host
}

// HTTPSyncHosts are those of a global option auth, as a directive finds it.
func HTTPSyncHosts(option any) []string {
	var app App
	if o, ok := option.(httpcaddyfile.App); ok {
		_ = json.Unmarshal(o.Value, &app) // as parseGlobalOption wrote it
	}
	return app.AllowHTTPSync
}

// add takes the address of a gate, and what answers there. Gates that share one
// share mirror and sessions too.
func (t *syncTransport) add(address string, serve http.HandlerFunc) {
	u, err := url.Parse(address)
	if err != nil {
		return // origins were checked; whoever sends there is told why it fails
	}
	if key := syncKey(u); t.gates[key] == nil {
		t.gates[key] = serve
	}
}

func syncKey(u *url.URL) string { return normalOrigin(u) + u.EscapedPath() }

// RoundTrip implements http.RoundTripper.
func (t *syncTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if serve, ok := t.gates[syncKey(r.URL)]; ok && r.URL.RawQuery == "" {
		return serveInProcess(serve, r)
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
