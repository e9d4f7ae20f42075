package gate

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// closing is a listener that closes some connections, as one of a Caddy that
// reloads does.
type closing struct {
	net.Listener
	left atomic.Int64
}

func (l *closing) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.left.Add(-1) < 0 {
			return c, err
		}
		c.(*net.TCPConn).SetLinger(0) // resets it
		c.Close()
	}
}

func TestIssuerClosesTheConnection(t *testing.T) {
	var said, keys atomic.Value
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		said.Store(string(b))
		keys.Store(len(r.Header.Values("Idempotency-Key")))
	}))
	l := &closing{Listener: s.Listener}
	s.Listener = l
	s.Start()
	defer s.Close()
	for _, c := range []struct {
		closed int64
		ok     bool
	}{{0, true}, {1, true}, {2, false}} {
		network := &http.Transport{DisableKeepAlives: true}
		client := &http.Client{Transport: issuerTransport{network}}
		l.left.Store(c.closed)
		said.Store("")
		resp, err := client.Post(s.URL, "application/x-www-form-urlencoded", strings.NewReader("code=x"))
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != c.ok || c.ok && said.Load() != "code=x" {
			t.Errorf("%d closed: %v, the issuer read %q", c.closed, err, said.Load())
		}
		if c.ok && keys.Load() != 0 {
			t.Error("the mark for net/http was sent")
		}
	}
}

// A kept connection that the issuer closes when the next request has come.
func TestIssuerClosesAKeptConnection(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 2 {
			panic(http.ErrAbortHandler) // closes it without an answer
		}
	}))
	defer s.Close()
	client := &http.Client{Transport: issuerTransport{&http.Transport{}}}
	for range 2 {
		resp, err := client.Post(s.URL, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if asked.Load() != 3 {
		t.Errorf("asked %d times", asked.Load())
	}
}
