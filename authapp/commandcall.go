package authapp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// apiPath is the path of the admin API that the names lead to, each of them one
// segment, whatever stands in it.
func apiPath(names ...string) string {
	path := strings.TrimSuffix(adminBase, "/")
	for _, name := range names {
		path += "/" + segment(name)
	}
	return path
}

// segment is a name as one segment of a path. The dots that would lead up from
// there are escaped, too, which url.PathEscape leaves.
func segment(name string) string {
	switch name {
	case ".":
		return "%2E"
	case "..":
		return "%2E%2E"
	}
	return url.PathEscape(name)
}

// call makes a request of the admin API. body and out may be nil.
func (s *session) call(method, path string, body, out any) error {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(b)
	}
	resp, err := s.request(method, path, nil, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("reading the answer of Caddy's admin API at %s: %w", s.address, err)
	}
	return nil
}

// request is caddycmd.AdminAPIRequest, but for redirects: it follows none, since
// they would lead to what was not asked for. Any answer but a success is an error.
func (s *session) request(method, path string, header http.Header, body io.Reader) (*http.Response, error) {
	if s.noAPI {
		return nil, errors.New("the config says admin off, so the Caddy that runs by it has no admin API, through which these commands speak to it; take that option out, and restart Caddy")
	}
	addr, err := caddy.ParseNetworkAddress(s.address)
	if err != nil || !dialable(addr) {
		return nil, fmt.Errorf("%q is no address of Caddy's admin API, which is <host>:<port> or unix/<file>, as in localhost:2019", s.address)
	}
	origin := "http://127.0.0.1" // of what has no host, which Caddy lets in there
	if addr.IsUnixNetwork() {
		addr.Host, _, _ = strings.Cut(addr.Host, "|") // permissions of the socket
	} else if !addr.IsFdNetwork() {
		origin = "http://" + addr.JoinHostPort(0)
	}
	req, err := http.NewRequest(method, origin+path, body)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	if !addr.IsUnixNetwork() && !addr.IsFdNetwork() {
		req.Header.Set("Origin", origin)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(req.Header, header)
	client := http.Client{
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, addr.Network, addr.JoinHostPort(0))
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("nothing answers at Caddy's admin API, %s; start Caddy first (caddy run, or caddy start), or name another address with --address or --config: %w", s.address, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, s.explain(resp)
}

// dialable says whether there is one place that an address stands for.
func dialable(addr caddy.NetworkAddress) bool {
	if addr.IsUnixNetwork() || addr.IsFdNetwork() {
		return addr.Host != ""
	}
	return strings.HasPrefix(addr.Network, "tcp") && addr.StartPort != 0 && addr.PortRangeSize() == 1
}

// explain says what an answer other than a success is about.
func (s *session) explain(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, 2<<20))
	if err != nil {
		return fmt.Errorf("reading the answer of Caddy's admin API at %s: %w", s.address, err)
	}
	e := adminError{status: resp.StatusCode}
	switch {
	case json.Unmarshal(text, &e) == nil && e.Message != "":
	case e.status < 400:
		e.Message = fmt.Sprintf("Caddy's admin API at %s leads to %s, which was not asked for; nothing was done", s.address, resp.Header.Get("Location"))
	case e.status == http.StatusNotFound:
		e.Message = fmt.Sprintf("the Caddy at %s has no auth modules built in; it must be the same build as this command", s.address)
	default:
		e.Message = fmt.Sprintf("Caddy's admin API at %s answers with %s: %s", s.address, resp.Status, text)
	}
	return &e
}
