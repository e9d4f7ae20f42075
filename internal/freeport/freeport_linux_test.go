package freeport

import (
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// Whoever asks for any free port gets another, also while nobody listens.
func TestNobodyElseIsGivenAReservedPort(t *testing.T) {
	reserved := map[int]bool{}
	for range 500 { // so many that one would be given by chance
		port := ForTest(t)
		if reserved[port] {
			t.Fatalf("port %d was lent twice", port)
		}
		reserved[port] = true
	}
	given := func(port int, how string) {
		if reserved[port] {
			t.Errorf("port %d was reserved, and given to %s", port, how)
		}
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for range 2000 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		given(l.Addr().(*net.TCPAddr).Port, "a listener")
		l.Close()
		conn, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		given(conn.LocalAddr().(*net.TCPAddr).Port, "a connection")
		conn.Close()
		if conn, err = server.Accept(); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
}

// Who is told the port can listen there, again and again, be it with Go's defaults
// or as Caddy does; meanwhile nobody answers.
func TestReservedPortCanBeListenedAt(t *testing.T) {
	addr := AddrForTest(t)
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.ParseUint(port, 10, 16)
	for range 3 {
		if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("before anybody listens: %v", err)
		}
		for _, host := range []string{"127.0.0.1", ""} {
			l, err := net.Listen("tcp", net.JoinHostPort(host, port))
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
			shared, err := caddy.NetworkAddress{Network: "tcp", Host: host, StartPort: uint(n), EndPort: uint(n)}.
				Listen(t.Context(), 0, net.ListenConfig{})
			if err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			shared.(net.Listener).Close()
		}
	}
}
