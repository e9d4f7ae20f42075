package authapp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// maxInProcessResponse is the largest answer that a server may give a gate of
// its own process; answers are held in memory.
const maxInProcessResponse = 4 << 20

// transport carries the requests of gates. Those for a server in this process
// go straight to its handler: no DNS, no TLS, no port that another Caddy or a
// firewall holds. All else goes through the network.
type transport struct {
	servers map[string]ServerModule // by normalOrigin of the issuer; complete before it is used
	network http.RoundTripper
}

func newTransport() *transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	t.TLSHandshakeTimeout = 5 * time.Second
	t.ResponseHeaderTimeout = 30 * time.Second
	t.MaxResponseHeaderBytes = 64 << 10
	return &transport{servers: map[string]ServerModule{}, network: t}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if s, ok := t.servers[normalOrigin(r.URL)]; ok {
		return serveInProcess(s.ServeAuth, r)
	}
	return t.network.RoundTrip(r)
}

// CloseIdleConnections is called by http.Client.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.network.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// normalOrigin compares equal for all spellings of an origin (RFC 6454).
func normalOrigin(u *url.URL) string {
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

func serveInProcess(serve http.HandlerFunc, r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close() // a RoundTripper must, on every path
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := &responseBuffer{header: http.Header{}}
	if err := serveSafely(serve, w, asServed(r)); err != nil {
		return nil, fmt.Errorf("%s %s in process: %w", r.Method, r.URL.Path, err)
	}
	// A caller that gave up meanwhile hears so, as from the network.
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.response(r), nil
}

func serveSafely(serve http.HandlerFunc, w *responseBuffer, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	serve(w, r)
	return w.err
}

// asServed is r as a server would have read it from a connection.
func asServed(r *http.Request) *http.Request {
	ctx := serverContext(r.Context())
	in := r.Clone(ctx)
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	in.RequestURI = r.URL.RequestURI()
	in.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	if in.URL.Path == "" {
		in.URL.Path = "/"
	}
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	in.RemoteAddr = "127.0.0.1:0"
	in.Form, in.PostForm, in.MultipartForm, in.Response = nil, nil, nil, nil
	return in
}

// serverContext ends with parent but shares none of its values: those tell of
// the browser's request to the gate (its address, its user), not of this one.
func serverContext(parent context.Context) context.Context {
	var ctx context.Context = deadlineOnly{parent}
	ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: "127.0.0.1"})
	return context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
}

type deadlineOnly struct{ context.Context }

func (deadlineOnly) Value(any) any { return nil }

// responseBuffer is a bounded http.ResponseWriter.
type responseBuffer struct {
	header http.Header // as the handler sees it
	sent   http.Header // as it was when the status went out
	status int
	body   bytes.Buffer
	err    error
}

var errTooLarge = errors.New("the answer is larger than 4 MiB")

func (w *responseBuffer) Header() http.Header { return w.header }

func (w *responseBuffer) WriteHeader(status int) {
	if w.status != 0 || status < 200 { // informational answers have no use here
		return
	}
	w.status = status
	w.sent = w.header.Clone()
}

func (w *responseBuffer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.body.Len()+len(p) > maxInProcessResponse {
		w.err = errTooLarge
		return 0, w.err
	}
	return w.body.Write(p)
}

// Flush has nothing to do: the answer is handed over whole.
func (w *responseBuffer) Flush() { w.WriteHeader(http.StatusOK) }

func (w *responseBuffer) response(r *http.Request) *http.Response {
	w.WriteHeader(http.StatusOK)
	body := w.body.Bytes()
	if r.Method == http.MethodHead || w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		body = nil
	}
	return &http.Response{
		Status:        strconv.Itoa(w.status) + " " + http.StatusText(w.status),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.sent,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       r,
	}
}

// Interface guards
var (
	_ http.RoundTripper = (*transport)(nil)
	_ http.Flusher      = (*responseBuffer)(nil)
)
