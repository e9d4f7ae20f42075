package gate

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// openGate is a gate at a real server, in front of an app whose answers do not
// end by themselves.
type openGate struct {
	*house
	server *httptest.Server
	cookie string
	hash   store.Hash
	// ended is told the path of each request that the app has done with.
	ended chan string
}

// patience is how long a connection may stay open after its session ended, with
// room for a machine that is busy.
const patience = 15 * time.Second

func newOpenGate(t *testing.T, http2 bool, change ...func(*Config)) *openGate {
	og := &openGate{ended: make(chan string, 100)}
	og.server = httptest.NewUnstartedServer(http.HandlerFunc(og.serve))
	og.server.EnableHTTP2 = http2
	og.server.StartTLS()
	og.house = newHouse(t, append([]func(*Config){func(c *Config) {
		c.Origins = []string{og.server.URL}
		c.Public = []string{"/public/*"}
		c.Allow = []Rule{{Groups: []string{"staff"}}, {Paths: []string{"/admin/*"}, Groups: []string{"admin"}}}
	}}, change...)...)
	t.Cleanup(og.server.Close)
	og.cookie, og.hash = og.signIn("1")
	return og
}

// signIn writes a person and a session into the store.
func (og *openGate) signIn(id string) (cookie string, hash store.Hash) {
	secret := store.NewSecret()
	now := og.clock.now().UTC()
	og.update(func(tx store.WriteTx) error {
		rec := &store.Record{Type: store.UserType, ID: id, Version: 1, Fields: store.Fields{
			"username": "u" + id, "is_active": true, "groups": []string{"staff", "admin"},
		}}
		if err := tx.PutMirrorRecord("wiki", rec); err != nil {
			return err
		}
		return tx.PutSession(&store.Session{
			Realm: "wiki", Hash: store.HashOf(secret), Subject: id, CreatedAt: now, LastSeen: now,
			IdleExpiresAt: now.Add(time.Hour), ExpiresAt: now.Add(2 * time.Hour),
		})
	})
	return og.gate.origins[0].sessionCookie + "=" + secret, store.HashOf(secret)
}

func (og *openGate) serve(w http.ResponseWriter, r *http.Request) {
	og.gate.CleanHeaders(r)
	d := og.gate.Decide(r)
	if d.Verdict != Pass {
		og.gate.Refuse(w, r, d)
		return
	}
	path := r.URL.Path
	if d.Identity != nil {
		p, passed := og.gate.Begin(w, r, &d)
		defer p.End()
		w, r = p, passed
	}
	defer func() { og.ended <- path }()
	r.URL.Path = "/rewritten" // what comes later may, and it must not matter
	c := http.NewResponseController(w)
	switch path[strings.LastIndex(path, "/"):] {
	case "/wait":
		c.Flush()
		<-r.Context().Done()
	case "/download":
		for b := make([]byte, 1000); ; time.Sleep(time.Millisecond) {
			if _, err := w.Write(b); err != nil {
				return
			}
			c.Flush()
		}
	case "/upload":
		c.EnableFullDuplex()
		c.Flush()
		io.Copy(io.Discard, r.Body)
	case "/hijack":
		conn, buf, err := c.Hijack()
		if err != nil {
			og.t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		io.Copy(conn, buf)
	}
}

// open sends a request and waits until it is answered; gone is closed when the
// answer has ended.
func (og *openGate) open(path, cookie string, header ...string) (gone chan struct{}) {
	og.t.Helper()
	var body io.Reader
	method := "GET"
	if strings.HasSuffix(path, "/upload") {
		method = "POST"
		pr, pw := io.Pipe()
		go func() {
			for {
				if _, err := pw.Write(make([]byte, 100)); err != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		og.t.Cleanup(func() { pw.Close() })
		body = pr
	}
	ctx, cancel := context.WithCancel(context.Background())
	og.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, og.server.URL+path, body)
	if err != nil {
		og.t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := og.server.Client().Transport.RoundTrip(r)
	if err != nil {
		og.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		og.t.Fatalf("%s: %s", path, resp.Status)
	}
	gone = make(chan struct{})
	go func() {
		defer close(gone)
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
	}()
	return gone
}

func (og *openGate) wantGone(what string, gone <-chan struct{}) {
	og.t.Helper()
	select {
	case <-gone:
	case <-time.After(patience):
		og.t.Errorf("%s is still open", what)
	}
}

func (og *openGate) wantEnded(path string) {
	og.t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case p := <-og.ended:
			if p == path {
				return
			}
		case <-deadline:
			og.t.Errorf("the app is still busy with %s", path)
			return
		}
	}
}

func (og *openGate) wantOpen(what string, gone <-chan struct{}) {
	og.t.Helper()
	og.gate.passages.recheck()
	select {
	case <-gone:
		og.t.Errorf("%s was closed", what)
	case <-time.After(100 * time.Millisecond):
	}
}

// Whichever way a session ends, nothing of it stays open; what is another's does.
func TestOpenConnectionsEndWithTheSession(t *testing.T) {
	ways := map[string]func(*openGate){
		"signed out": func(og *openGate) {
			og.update(func(tx store.WriteTx) error { return tx.DeleteSession("wiki", og.hash) })
		},
		"disabled": func(og *openGate) {
			og.setUser("1", func(rec *store.Record) { rec.Fields["is_active"] = false })
		},
		"deleted": func(og *openGate) {
			og.setUser("1", func(rec *store.Record) { rec.Deleted = true })
		},
		"a group less": func(og *openGate) {
			og.setUser("1", func(rec *store.Record) { rec.Fields["groups"] = []string{} })
		},
		"the mirror is gone": func(og *openGate) {
			og.update(func(tx store.WriteTx) error { return tx.DeleteMirror("wiki") })
		},
	}
	for _, http2 := range []bool{false, true} {
		for way, end := range ways {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", way, http2), func(t *testing.T) {
				og := newOpenGate(t, http2)
				other, _ := og.signIn("2")
				others := og.open("/wait", other)
				paths := []string{"/wait", "/stream/wait", "/download", "/upload"}
				var gone []chan struct{}
				for _, path := range paths {
					if path == "/stream/wait" {
						gone = append(gone, og.open(path, og.cookie, "Accept", "text/event-stream"))
						continue
					}
					gone = append(gone, og.open(path, og.cookie))
				}
				end(og)
				for i, path := range paths {
					og.wantGone(path, gone[i])
				}
				og.wantEnded("/stream/wait") // and the app was told
				if way != "the mirror is gone" {
					og.wantOpen("another's", others)
				}
			})
		}
	}
}

// Time ends a session too, and nobody tells of it.
func TestOpenConnectionsEndWithTime(t *testing.T) {
	og := newOpenGate(t, false)
	gone := og.open("/wait", og.cookie)
	og.clock.add(59 * time.Minute)
	og.wantOpen("a session that lives", gone)
	og.clock.add(2 * time.Minute)
	og.wantGone("/wait", gone)
	og.wantEnded("/wait")
}

// A connection that was hijacked is closed, whatever is done with it.
func TestHijackedConnectionsEnd(t *testing.T) {
	og := newOpenGate(t, false)
	conn, err := tls.Dial("tcp", og.server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /hijack HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: %s\r\n\r\nping", og.server.Listener.Addr(), og.cookie)
	conn.SetReadDeadline(time.Now().Add(patience))
	in := bufio.NewReader(conn)
	if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	echo := make([]byte, 4)
	if _, err := io.ReadFull(in, echo); err != nil || string(echo) != "ping" {
		t.Fatalf("%q, %v", echo, err)
	}
	og.setUser("1", func(rec *store.Record) { rec.Fields["is_active"] = false })
	if _, err := in.ReadByte(); err == nil || errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Errorf("the connection is open: %v", err)
	}
	og.wantEnded("/hijack")
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

// Rules are asked again by the path that was asked for, whatever became of it.
func TestOpenConnectionsFollowTheRulesOfTheirPath(t *testing.T) {
	og := newOpenGate(t, false)
	admin, plain := og.open("/admin/wait", og.cookie), og.open("/wait", og.cookie)
	og.setUser("1", func(rec *store.Record) { rec.Fields["groups"] = []string{"staff"} })
	og.wantGone("/admin/wait", admin)
	og.wantOpen("what is still allowed", plain)
}

// What somebody signed in has open on a public path tells the app who they are,
// so it ends as well; a stranger's does not.
func TestOpenConnectionsOnPublicPaths(t *testing.T) {
	og := newOpenGate(t, false)
	theirs, strangers := og.open("/public/wait", og.cookie), og.open("/public/wait", "")
	og.setUser("1", func(rec *store.Record) { rec.Fields["groups"] = []string{} })
	og.wantOpen("a public path, whatever the rules", theirs)
	og.update(func(tx store.WriteTx) error { return tx.DeleteSession("wiki", og.hash) })
	og.wantGone("/public/wait", theirs)
	og.wantOpen("a stranger's", strangers)
}

// A gate that a reload has closed goes on to look after what it let pass.
func TestOpenConnectionsOutliveTheGate(t *testing.T) {
	og := newOpenGate(t, false)
	gone := og.open("/wait", og.cookie)
	og.gate.Close()
	og.wantOpen("what was open before the gate was closed", gone)
	og.update(func(tx store.WriteTx) error { return tx.DeleteSession("wiki", og.hash) })
	og.wantGone("/wait", gone)
}

// What cannot be looked up is not let go on.
func TestOpenConnectionsEndWithTheStore(t *testing.T) {
	og := newOpenGate(t, false)
	gone := og.open("/wait", og.cookie)
	og.gate.Close()
	og.store.Close()
	og.wantGone("/wait", gone)
}

// Requests that come and go leave nothing behind, also while others are ended.
func TestPassagesComeAndGo(t *testing.T) {
	og := newOpenGate(t, false)
	r := httptest.NewRequest("GET", og.server.URL+"/", nil)
	r.Header.Set("Cookie", og.cookie)
	d := og.gate.Decide(r)
	if d.Verdict != Pass {
		t.Fatal(d.Verdict)
	}
	other := *r
	other.Header = http.Header{"Cookie": {"x=y"}}
	ended := d
	ended.session = store.Hash{1}
	var wg sync.WaitGroup
	for i := range 4 {
		d := d
		if i == 3 {
			d = ended
		}
		wg.Go(func() {
			for range 2000 {
				p, passed := og.gate.Begin(deadlines{httptest.NewRecorder()}, r, &d)
				if i < 3 && passed.Context().Err() != nil {
					t.Error("a request that may go on was cancelled")
				}
				p.End()
			}
		})
	}
	wg.Go(func() {
		for range 200 {
			og.gate.passages.recheck()
		}
	})
	wg.Wait()
	if !og.gate.passages.empty() {
		t.Error("something was left behind")
	}
}

// deadlines is a response that fails the test when it is broken off after it
// was answered, which the race detector sees.
type deadlines struct{ http.ResponseWriter }

func (deadlines) SetReadDeadline(time.Time) error  { return nil }
func (deadlines) SetWriteDeadline(time.Time) error { return nil }
