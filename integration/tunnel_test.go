package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// bareApp notes all that comes to it as bytes. It changes over to whatever protocol
// it is asked for, knows no page, and reads on as if that had no body.
type bareApp struct {
	addr string
	mu   sync.Mutex // guards seen
	seen strings.Builder
}

func startBareApp(t *testing.T) *bareApp {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	a := &bareApp{addr: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go a.serve(conn)
		}
	}()
	return a
}

func (a *bareApp) serve(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(conn)
	upgrade := ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		a.mu.Lock()
		a.seen.WriteString(line)
		a.mu.Unlock()
		if to, ok := strings.CutPrefix(line, "Upgrade: "); ok {
			upgrade = strings.TrimSpace(to)
		}
		if line == "\r\n" && upgrade != "" {
			fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", upgrade)
		} else if line == "\r\n" {
			fmt.Fprint(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
		}
	}
}

func (a *bareApp) took() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := a.seen.String()
	a.seen.Reset()
	return seen
}

// sendBare sends text to an origin as it is, and more once there is an answer, of
// which it returns the first line.
func sendBare(t *testing.T, origin, text, more string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(origin, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, text)
	in := bufio.NewReader(conn)
	status, err := in.ReadString('\n')
	if err != nil {
		t.Fatalf("%q: no answer: %v", text, err)
	}
	io.WriteString(conn, more)
	conn.(*net.TCPConn).CloseWrite()
	io.Copy(io.Discard, in)
	return strings.TrimSpace(status)
}

// Nobody gets a bare connection to the app, in which they would be who they say:
// neither who is signed in nor, where the gate is not asked, a stranger.
func TestNoTunnel(t *testing.T) {
	t.Parallel()
	app := startBareApp(t)
	server, gate := "http://"+freeAddr(t), "http://"+freeAddr(t)
	c := startCaddy(t, fmt.Sprintf(`
{
	servers {
		protocols h1 h2c
	}
}
%s {
	auth_server
}
%s {
	auth_client /app/* %s
	reverse_proxy %s
}
`, server, gate, server, app.addr))
	c.people()
	bob := newPerson(t)
	bob.open(gate+"/app/").onLogin(server).signIn("bob", password)
	req, err := http.NewRequest("GET", gate, nil)
	if err != nil {
		t.Fatal(err)
	}
	cookies := ""
	for _, cookie := range bob.client.Jar.Cookies(req.URL) {
		cookies += cookie.Name + "=" + cookie.Value + "; "
	}
	host := strings.TrimPrefix(gate, "http://")
	fields := "Host: " + host + "\r\nCookie: " + cookies + "\r\n"
	const smuggled = "GET /app/smuggled HTTP/1.1\r\nHost: app\r\nRemote-User: alice\r\n\r\n"

	for _, upgrade := range []string{
		"Upgrade: h2c", "upgrade: H2C\r\nHTTP2-Settings: AAMAAABk", "Upgrade: h2c, websocket", "Upgrade: websocket, h2c",
		"Upgrade: websocket\r\nUpgrade: h2c", "Upgrade: h2c\r\nUpgrade: websocket", "Upgrade: TLS/1.3", "Upgrade: HTTP/2.0", "Upgrade: tcp",
	} {
		for path, who := range map[string]string{"/app/": "Remote-User: bob\r\n", "/": ""} {
			app.took()
			status := sendBare(t, gate, "GET "+path+" HTTP/1.1\r\n"+fields+"Connection: Upgrade, HTTP2-Settings\r\n"+upgrade+"\r\n\r\n", smuggled)
			if got := app.took(); status != "HTTP/1.1 404 Not Found" || !strings.Contains(got, "GET "+path+" HTTP/1.1\r\n") || !strings.Contains(got, who) || strings.Contains(got, "Upgrade:") || strings.Contains(got, "Settings") || strings.Contains(got, "smuggled") {
				t.Errorf("%q at %s: %s, and the app got %q", upgrade, path, status, got)
			}
		}
	}
	status := sendBare(t, gate, "GET /app/ HTTP/1.1\r\n"+fields+"Connection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n", "a frame\n")
	waitFor(t, time.Minute, func() error {
		if app.mu.Lock(); !strings.Contains(app.seen.String(), "a frame\n") {
			defer app.mu.Unlock()
			return fmt.Errorf("the app got %q", app.seen.String())
		}
		app.mu.Unlock()
		return nil
	})
	if got := app.took(); status != "HTTP/1.1 101 Switching Protocols" || !strings.Contains(got, "Remote-User: bob\r\n") {
		t.Errorf("a WebSocket: %s, and the app got %q", status, got)
	}

	status = sendBare(t, gate, "CONNECT "+host+" HTTP/1.1\r\n"+fields+fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled), "")
	if got := app.took(); status != "HTTP/1.1 501 Not Implemented" || got != "" {
		t.Errorf("CONNECT: %s, and the app got %q", status, got)
	}
	// Over HTTP/2 no chunks are around it: the app would get it as it is.
	var h2c http.Protocols
	h2c.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &h2c}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequest("CONNECT", gate, io.MultiReader(strings.NewReader(smuggled)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", cookies)
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := app.took(); resp.StatusCode != http.StatusNotImplemented || got != "" {
		t.Errorf("CONNECT over HTTP/2: %s, and the app got %q", resp.Status, got)
	}
}
