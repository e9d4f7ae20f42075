package freeport

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// reserve binds a socket to the port, for all addresses, and does not listen. For
// a free port the system looks past it; a listener at this very port is let in
// beside it if it shares as well: with SO_REUSEPORT, as Caddy does, or SO_REUSEADDR,
// as Go, Node and Python do.
func reserve() (port int, release func(), err error) {
	fd, addr, err := socket()
	if err != nil {
		return 0, nil, fmt.Errorf("reserving a port: %w", os.NewSyscallError("socket", err))
	}
	release = func() { unix.Close(fd) }
	for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1)
		}
	}
	if err == nil {
		err = unix.Bind(fd, addr)
	}
	var name unix.Sockaddr
	if err == nil {
		name, err = unix.Getsockname(fd)
	}
	if err != nil {
		release()
		return 0, nil, fmt.Errorf("reserving a port: %w", err)
	}
	switch name := name.(type) {
	case *unix.SockaddrInet6:
		port = name.Port
	case *unix.SockaddrInet4:
		port = name.Port
	}
	return port, release, nil
}

// socket is one for IPv4 and IPv6, or for IPv4 alone where there is no other, and
// the address that is all addresses and any port.
func socket() (fd int, any unix.Sockaddr, err error) {
	fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err == nil {
			return fd, new(unix.SockaddrInet6), nil
		}
		unix.Close(fd)
	}
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	return fd, new(unix.SockaddrInet4), err
}
