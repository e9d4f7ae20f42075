package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddyito/caddyito/internal/freeport"
)

// caddyBinary is built once for all tests.
var caddyBinary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "caddyito-integration-")
	if err != nil {
		panic(err)
	}
	caddyBinary = filepath.Join(dir, "caddy")
	args := []string{"build", "-o", caddyBinary}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "github.com/caddyito/caddyito/cmd/caddy")...)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building caddy:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// caddy is a Caddy process with a data directory of its own.
type caddy struct {
	t     *testing.T
	dir   string // home of data, config and Caddyfile
	admin string // address of the admin API
	cmd   *exec.Cmd
	log   *logs
	done  chan struct{} // closed when the process has ended
}

// newCaddy prepares a Caddy that is not started yet.
func newCaddy(t *testing.T) *caddy {
	t.Helper()
	return &caddy{t: t, dir: t.TempDir(), admin: freeAddr(t)}
}

// startCaddy runs a Caddy with the Caddyfile and waits until it serves. The
// address of the admin API is added to its global options.
func startCaddy(t *testing.T, caddyfile string) *caddy {
	t.Helper()
	c := newCaddy(t)
	c.start(caddyfile)
	return c
}

var globalOptions = regexp.MustCompile(`(?m)^\{\n`)

func (c *caddy) write(caddyfile string) string {
	c.t.Helper()
	file := filepath.Join(c.dir, "Caddyfile")
	global := "{\n\tadmin " + c.admin + "\n"
	if at := globalOptions.FindStringIndex(caddyfile); at != nil {
		caddyfile = caddyfile[:at[0]] + global + caddyfile[at[1]:]
	} else {
		caddyfile = global + "}\n" + caddyfile
	}
	if err := os.WriteFile(file, []byte(caddyfile), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return file
}

func (c *caddy) env() []string {
	return append(os.Environ(), "HOME="+c.dir, "XDG_DATA_HOME="+c.dir+"/data", "XDG_CONFIG_HOME="+c.dir+"/config")
}

// dataDir is where this Caddy keeps its data.
func (c *caddy) dataDir() string { return filepath.Join(c.dir, "data", "caddy") }

func (c *caddy) start(caddyfile string) {
	c.t.Helper()
	c.run(caddyfile)
	waitFor(c.t, time.Minute, func() error {
		select {
		case <-c.done:
			return fmt.Errorf("caddy ended:\n%s", c.log.String())
		default:
		}
		if !strings.Contains(c.log.String(), "serving initial configuration") {
			return fmt.Errorf("caddy does not serve yet:\n%s", c.log.String())
		}
		return nil
	})
}

// run starts the process without waiting.
func (c *caddy) run(caddyfile string) {
	c.t.Helper()
	file := c.write(caddyfile)
	c.log = &logs{}
	c.cmd = exec.Command(caddyBinary, "run", "--config", file, "--adapter", "caddyfile")
	c.cmd.Env, c.cmd.Dir = c.env(), c.dir
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	done := make(chan struct{})
	c.done = done
	cmd := c.cmd
	go func() { cmd.Wait(); close(done) }()
	c.t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
		if c.t.Failed() {
			c.t.Logf("log of caddy at %s:\n%s", c.admin, c.log.String())
		}
	})
}

// ended waits until the process ended by itself, and returns its log.
func (c *caddy) ended() string {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(time.Minute):
		c.t.Fatalf("caddy runs on:\n%s", c.log.String())
	}
	return c.log.String()
}

// stop ends the process as a service manager does.
func (c *caddy) stop() {
	c.t.Helper()
	c.cmd.Process.Signal(syscall.SIGTERM)
	c.ended()
}

// kill ends the process as a crash does.
func (c *caddy) kill() {
	c.t.Helper()
	c.cmd.Process.Kill()
	c.ended()
}

// reload loads another Caddyfile into the running process.
func (c *caddy) reload(caddyfile string) error {
	c.t.Helper()
	out, err := c.command("", "reload", "--force", "--config", c.write(caddyfile), "--adapter", "caddyfile", "--address", c.admin)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// command runs another caddy with the same home, and returns all it printed.
func (c *caddy) command(stdin string, args ...string) (string, error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, caddyBinary, args...)
	cmd.Env, cmd.Dir = c.env(), c.dir
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// auth runs "caddy auth ..." against this process.
func (c *caddy) auth(stdin string, args ...string) string {
	c.t.Helper()
	out, err := c.command(stdin, append(append([]string{"auth"}, args...), "--address", c.admin)...)
	if err != nil {
		c.t.Fatalf("caddy auth %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// authJSON runs "caddy auth ... --json" and reads its answer.
func (c *caddy) authJSON(stdin string, args ...string) map[string]any {
	c.t.Helper()
	out := c.auth(stdin, append(args, "--json")...)
	var v map[string]any
	if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &v); err != nil {
		c.t.Fatalf("caddy auth %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return v
}

// setupLink is the one-time link from the log.
func (c *caddy) setupLink() string {
	c.t.Helper()
	var link string
	waitFor(c.t, time.Minute, func() error {
		for line := range strings.SplitSeq(c.log.String(), "\n") {
			var entry struct{ URL string }
			if strings.Contains(line, "/setup") && json.Unmarshal([]byte(line), &entry) == nil && entry.URL != "" {
				link = entry.URL
				return nil
			}
		}
		return fmt.Errorf("no setup link in the log:\n%s", c.log.String())
	})
	return link
}

// logs collects what a process prints.
type logs struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// waitFor calls ok until it returns nil, and fails the test with its last error
// after the limit.
func waitFor(t *testing.T, limit time.Duration, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// freeAddr is an address that is this test's alone.
func freeAddr(t *testing.T) string { return freeport.AddrForTest(t) }

// app is an upstream that shows what it was sent, as JSON.
type app struct {
	addr string
	mu   sync.Mutex // guards last
	last seen
}

// seen is a request as an upstream saw it.
type seen struct {
	Method string
	URI    string
	Header http.Header
}

func startApp(t *testing.T) *app {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{addr: l.Addr().String()}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		s := seen{r.Method, r.RequestURI, r.Header}
		a.mu.Lock()
		a.last = s
		a.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(s)
	})}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return a
}
