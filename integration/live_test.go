package integration

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"
)

// patience is how long a connection may stay open after its session ended: the
// five seconds that are promised, and the way there and back. How long that may
// be goes by how long it took to end the session, as this machine may be busy.
func patience(ending time.Duration) time.Duration { return 6*time.Second + 20*ending }

// liveApp is an upstream whose answers stay open: /socket echoes what comes over
// a WebSocket, /events is an event stream that says something once.
type liveApp struct {
	addr string
	mu   sync.Mutex     // guards open
	open map[string]int // how many are open, by Remote-User and path
}

func startLiveApp(t *testing.T) *liveApp {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &liveApp{addr: l.Addr().String(), open: map[string]int{}}
	srv := &http.Server{Handler: a}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return a
}

func (a *liveApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Remote-User") + r.URL.Path
	count := func(n int) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.open[key] += n
	}
	switch r.URL.Path {
	case "/socket":
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		count(1)
		defer count(-1)
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			acceptKey(r.Header.Get("Sec-WebSocket-Key")))
		for {
			opcode, text, err := readFrame(buf.Reader)
			if err != nil || opcode == opClose {
				return
			}
			if _, err := conn.Write(append([]byte{0x80 | opText, byte(len(text))}, text...)); err != nil {
				return
			}
		}
	case "/events":
		count(1)
		defer count(-1)
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: hello\n\n")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

// isOpen says whether the app still serves somebody.
func (a *liveApp) isOpen(name, path string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open[name+path] > 0
}

// Opcodes of WebSocket frames (RFC 6455 section 5.2).
const (
	opText  = 1
	opClose = 8
)

// acceptKey answers a Sec-WebSocket-Key (RFC 6455 section 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// readFrame reads a frame of at most 125 bytes, masked or not.
func readFrame(in *bufio.Reader) (opcode byte, text []byte, err error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(in, head); err != nil {
		return 0, nil, err
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(in, mask[:]); err != nil {
			return 0, nil, err
		}
	}
	n := int(head[1] & 0x7f)
	if n > 125 {
		return 0, nil, errors.New("a long frame")
	}
	text = make([]byte, n)
	_, err = io.ReadFull(in, text)
	for i := range text {
		text[i] ^= mask[i%4]
	}
	return head[0] & 0xf, text, err
}

// live is a connection that somebody has open through the gate.
type live struct {
	t          *testing.T
	name, path string
	app        *liveApp
	gone       chan struct{} // closed when nothing comes any more
	conn       net.Conn      // of a WebSocket
	said       chan string   // what came over it
}

// socket opens a WebSocket as a script of the page does.
func (p *person) socket(gate, name string, app *liveApp) *live {
	p.t.Helper()
	l := &live{t: p.t, name: name, path: "/socket", app: app, gone: make(chan struct{}), said: make(chan string, 10)}
	in, resp := l.dial(p, gate)
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != acceptKey("AAAAAAAAAAAAAAAAAAAAAA==") {
		p.t.Fatalf("%s's WebSocket: %s %v", name, resp.Status, resp.Header)
	}
	go func() {
		defer close(l.gone)
		for {
			opcode, text, err := readFrame(in)
			if err != nil || opcode == opClose {
				return
			}
			l.said <- string(text)
		}
	}()
	l.wantOpen()
	return l
}

// dial asks for the WebSocket.
func (l *live) dial(p *person, gate string) (*bufio.Reader, *http.Response) {
	l.t.Helper()
	u, err := url.Parse(gate)
	if err != nil {
		l.t.Fatal(err)
	}
	if l.conn, err = net.Dial("tcp", u.Host); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { l.conn.Close() })
	r, err := http.NewRequest("GET", gate+l.path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": gate,
	} {
		r.Header.Set(name, value)
	}
	for _, c := range p.client.Jar.Cookies(u) {
		r.AddCookie(c)
	}
	if err := r.Write(l.conn); err != nil {
		l.t.Fatal(err)
	}
	in := bufio.NewReader(l.conn)
	resp, err := http.ReadResponse(in, r)
	if err != nil {
		l.t.Fatal(err)
	}
	return in, resp
}

// events opens an event stream; accept is what the client says that it takes.
func (p *person) events(gate, name, accept string, app *liveApp) *live {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", gate+"/events", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	patient := &http.Client{Jar: p.client.Jar} // without a limit of its own
	resp, err := p.sendBy(patient, r)
	if err != nil {
		p.t.Fatal(err)
	}
	in := bufio.NewReader(resp.Body)
	if line, err := in.ReadString('\n'); err != nil || line != "data: hello\n" {
		p.t.Fatalf("%s's events: %s, %q, %v", name, resp.Status, line, err)
	}
	l := &live{t: p.t, name: name, path: "/events", app: app, gone: make(chan struct{})}
	go func() {
		defer close(l.gone)
		defer resp.Body.Close()
		io.Copy(io.Discard, in)
	}()
	return l
}

// wantOpen fails if nothing goes through any more.
func (l *live) wantOpen() {
	l.t.Helper()
	if l.said != nil {
		// Masked with zeros, so the text stays as it is.
		if _, err := l.conn.Write([]byte("\x81\x84\x00\x00\x00\x00ping")); err != nil {
			l.t.Errorf("%s's WebSocket: %v", l.name, err)
			return
		}
		select {
		case said := <-l.said:
			if said != "ping" {
				l.t.Errorf("%s's WebSocket says %q", l.name, said)
			}
		case <-l.gone:
			l.t.Errorf("%s's WebSocket was closed", l.name)
		case <-time.After(time.Minute):
			l.t.Errorf("%s's WebSocket is silent", l.name)
		}
		return
	}
	select {
	case <-l.gone:
		l.t.Errorf("%s's events ended", l.name)
	default:
		if !l.app.isOpen(l.name, l.path) {
			l.t.Errorf("the app has done with %s's events", l.name)
		}
	}
}

// wantGone waits until the connection is closed, and the app has been told.
func (l *live) wantGone(deadline time.Time) {
	l.t.Helper()
	select {
	case <-l.gone:
	case <-time.After(time.Until(deadline)):
		l.t.Errorf("%s%s is still open", l.name, l.path)
		return
	}
	waitFor(l.t, time.Minute, func() error {
		if l.app.isOpen(l.name, l.path) {
			return fmt.Errorf("the app still serves %s%s", l.name, l.path)
		}
		return nil
	})
}
