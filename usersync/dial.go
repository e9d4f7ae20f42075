package usersync

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/caddyito/caddyito/store"
)

// CheckURL says what is wrong with where a client wants to be told of changes, or
// of logouts: https, or http on this machine or to a host that plain names.
func CheckURL(address string, plain ...string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return store.Mistakef("%.200q is not a URL as in https://wiki.example.com/oidc/sync", address)
	case u.User != nil || u.Fragment != "":
		return store.Mistakef("%.200q: a URL at which a client is told something has neither user nor fragment", address)
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return store.Mistakef("%.200q: a URL at which a client is told something begins with https://", address)
	}
	if !IsLoopback(u.Hostname()) && !named(plain, u.Hostname()) {
		return store.Mistakef("%.200q: users are sent over https only, except on this machine (localhost); in a network that is all your own, allow the host in the global options: auth { allow_http_sync %s }", address, u.Hostname())
	}
	return nil
}

// IsLoopback says whether a host of a URL is this machine (RFC 6761 section 6.3).
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || err == nil && ip.Unmap().IsLoopback()
}

func named(hosts []string, host string) bool {
	return slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// Transport reaches clients over the network: https, and http on this machine and
// to the hosts that plain names. What a name resolves to is checked when it is
// dialled, so that a name that changes meanwhile leads nowhere else. No proxy is
// used.
func Transport(plain ...string) http.RoundTripper {
	return &guarded{remote: newTransport(checkPublic), local: newTransport(checkLoopback), plain: plain}
}

type guarded struct {
	remote, local *http.Transport
	plain         []string // hosts that may be sent to over http
}

// RoundTrip implements http.RoundTripper.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := CheckURL(r.URL.String(), g.plain...); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	if r.URL.Scheme == "https" || named(g.plain, r.URL.Hostname()) {
		return g.remote.RoundTrip(r)
	}
	return g.local.RoundTrip(r)
}

// CloseIdleConnections is called by http.Client.
func (g *guarded) CloseIdleConnections() {
	g.remote.CloseIdleConnections()
	g.local.CloseIdleConnections()
}

func newTransport(check func(netip.Addr) error) *http.Transport {
	dialer := &net.Dialer{
		Timeout: 5 * time.Second, KeepAlive: 30 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%s is not an address: %w", address, err)
			}
			return check(at.Addr().Unmap().WithZone(""))
		},
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  5 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        2 * heartbeat,
	}
}

// metadata is where clouds hand out credentials, besides the link-local addresses.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),          // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),       // Google
	netip.MustParsePrefix("100.100.100.200/32"),     // Alibaba
	netip.MustParsePrefix("fd00:100::100:200/128"),  // Alibaba
	netip.MustParsePrefix("192.0.0.192/32"),         // Oracle
	netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // Oracle
	netip.MustParsePrefix("168.63.129.16/32"),       // Azure
	netip.MustParsePrefix("fd00:42::42/128"),        // Scaleway
	netip.MustParsePrefix("fd00:a9fe:a9fe::1/128"),  // Linode
}

// translated are IPv6 networks whose addresses carry one of IPv4 that they lead
// to, from that byte on: NAT64 (RFC 6052), 6to4 (RFC 3056), and the first of all.
var translated = map[netip.Prefix]int{
	netip.MustParsePrefix("64:ff9b::/96"): 12,
	netip.MustParsePrefix("2002::/16"):    2,
	netip.MustParsePrefix("::/96"):        12,
}

// checkPublic lets private networks in: that is where gates stand.
func checkPublic(a netip.Addr) error {
	for network, at := range translated {
		if network.Contains(a) && !a.IsLoopback() {
			b := a.As16()
			if v4, _ := netip.AddrFromSlice(b[at : at+4]); v4.IsLoopback() || checkPublic(v4) != nil {
				return fmt.Errorf("%s is no address of a client: it leads to %s", a, v4)
			}
		}
	}
	if !a.IsGlobalUnicast() && !a.IsLoopback() || slices.ContainsFunc(metadata, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return fmt.Errorf("%s is no address of a client", a)
	}
	return nil
}

func checkLoopback(a netip.Addr) error {
	if !a.IsLoopback() {
		return errors.New("users are sent over https only, except on this machine")
	}
	return nil
}
