package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/caddyito/caddyito/internal/freeport"
)

// process is a child and the parent's end of its control line.
type process struct {
	name  string
	addr  string // where it serves
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Reader
	log   tail
}

// startUpstream starts the app behind the proxies.
func startUpstream(ctx context.Context) (*process, error) {
	p, err := startProcess(ctx, "upstream", roleEnv+"="+roleUpstream)
	if err != nil {
		return nil, err
	}
	if err := p.answer(&p.addr); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// startCaddy starts "caddy run" with a Caddyfile, its data in dir, and waits
// until it serves at addr.
func startCaddy(ctx context.Context, name, dir, addr, caddyfile string) (*process, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(caddyfile), 0o600); err != nil {
		return nil, err
	}
	p, err := startProcess(ctx, name, roleEnv+"="+roleCaddy, caddyfileEnv+"="+file,
		"XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "HOME="+dir)
	if err != nil {
		return nil, err
	}
	p.addr = addr
	if err := p.awaitListening(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func startProcess(ctx context.Context, name string, env ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program, to start it again: %w", err)
	}
	p := &process{name: name, cmd: exec.CommandContext(ctx, self)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.log
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewReader(stdout)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, nil
}

// awaitListening returns when the child takes connections.
func (p *process) awaitListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	// A child that cannot start ends, and with it its control line.
	ended := make(chan error, 1)
	go func() {
		_, err := p.lines.Peek(1)
		ended <- err
	}()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.addr)
		if err == nil {
			conn.Close()
			// Its end is still being watched; an answer ends the watch.
			if _, err := fmt.Fprintln(p.stdin, opUsage); err != nil {
				return p.failed(err)
			}
			if err := <-ended; err != nil {
				return p.failed(err)
			}
			return p.answer(&usage{})
		}
		select {
		case err := <-ended:
			return p.failed(err)
		case <-ctx.Done():
			return p.failed(fmt.Errorf("it does not listen on %s", p.addr))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ask sends an operation of the control line.
func (p *process) ask(op string) (usage, error) {
	var u usage
	if _, err := fmt.Fprintln(p.stdin, op); err != nil {
		return u, p.failed(err)
	}
	return u, p.answer(&u)
}

func (p *process) answer(v any) error {
	line, err := p.lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, v)
	}
	if err != nil {
		return p.failed(err)
	}
	return nil
}

// failed explains err with what the child said last.
func (p *process) failed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
		err = errors.New("it ended")
	}
	return fmt.Errorf("%s: %w; its last words:\n%s", p.name, err, p.log.String())
}

// stop ends the child.
func (p *process) stop() {
	p.stdin.Close() // it exits when its stdin ends
	timer := time.AfterFunc(5*time.Second, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	p.cmd.Wait()
}

// tail keeps the last 4 KB written to it.
type tail struct {
	mu  sync.Mutex // guards buf: the child's output is copied by another goroutine
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	t.buf = t.buf[max(0, len(t.buf)-4096):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}

// freeAddr is a loopback address for a Caddy of this run, and for nobody else as
// long as this program runs: also while that Caddy is not yet, or no more, there.
func freeAddr() (string, error) {
	port, _, err := freeport.Reserve()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}
