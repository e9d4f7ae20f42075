// Package freeport lends ports to tests and measurements that start a Caddy, or
// another program, at one.
//
// To look for a free port and give it back at once is not enough: the system may
// lend it to somebody else before the Caddy comes, or while that is stopped. And
// nobody would notice, for Caddy shares its ports (SO_REUSEPORT): two Caddys of
// different tests then answer in turn. So a port is held for as long as it is lent.
package freeport

import (
	"net"
	"strconv"
	"testing"
)

// Reserve lends a port. Until release is called, or this process ends, the system
// gives it to nobody who asks for any free port, while whoever is told its number
// can listen there, as Caddy and most others do. Nobody answers there before.
//
// On systems other than Linux the port is merely one that was free.
func Reserve() (port int, release func(), err error) { return reserve() }

// ForTest is a port that is reserved until the test is over.
func ForTest(t testing.TB) int {
	t.Helper()
	port, release, err := Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return port
}

// AddrForTest is "localhost:<port>", with a port that is reserved until the test
// is over.
func AddrForTest(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("localhost", strconv.Itoa(ForTest(t)))
}
