package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// fleet is a server and gates, each a Caddy with a store of its own.
type fleet struct {
	dir, addr, admin string
	users            int
	server           *process
	gates            []*member
	light            *process
	edits            int // made so far
}

// member is a gate of a fleet. Somebody is signed in there: user 1.
type member struct {
	id, addr, dir, session string
	caddy                  *process
}

// memberSecret is that of every client of a fleet.
const memberSecret = "bench-secret-of-every-client-of-the-fleet-0123456789"

// patience is how long anything may take that is waited for.
const patience = 5 * time.Minute

func (b *syncBench) newFleet(ctx context.Context, users, gates int) (*fleet, error) {
	f := &fleet{dir: filepath.Join(b.dir, fmt.Sprint("fleet-", len(b.fleets), "-", time.Now().UnixNano())), users: users}
	var err error
	if f.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	if f.admin, err = freeAddr(); err != nil {
		return nil, err
	}
	for i := range gates {
		m := &member{id: fmt.Sprint("gate", i), dir: filepath.Join(f.dir, fmt.Sprint("gate-", i)), session: store.NewSecret()}
		if m.addr, err = freeAddr(); err != nil {
			return nil, err
		}
		f.gates = append(f.gates, m)
	}
	b.fleets = append(b.fleets, f)
	return f, f.seed(ctx)
}

func openAt(dir string) (*boltstore.Store, error) {
	path := filepath.Join(dir, "caddy", "caddyito", "auth.db") // below Caddy's data directory
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return boltstore.Open(path, boltstore.Options{})
}

func (f *fleet) serverDir() string { return filepath.Join(f.dir, "server") }

// seed makes the users at the server, and a session at each gate.
func (f *fleet) seed(ctx context.Context) error {
	db, err := openAt(f.serverDir())
	if err != nil {
		return fmt.Errorf("making the store of the server: %w", err)
	}
	defer db.Close()
	if err := inPages(ctx, db, f.users, makeUser); err != nil {
		return fmt.Errorf("filling the store of the server: %w", err)
	}
	for _, m := range f.gates {
		if err := f.signIn(ctx, m); err != nil {
			return fmt.Errorf("making the store of a gate: %w", err)
		}
	}
	return db.Close()
}

// inPages calls fn for 0 to n in some transactions.
func inPages(ctx context.Context, db store.Store, n int, fn func(tx store.WriteTx, i int) error) error {
	const page = 10_000
	for from := 0; from < n; from += page {
		if err := db.Update(ctx, func(tx store.WriteTx) error {
			for i := from; i < min(from+page, n); i++ {
				if err := fn(tx, i); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// makeUser makes user i+1, and a company for every hundredth.
func makeUser(tx store.WriteTx, i int) error {
	now := time.Now()
	company := int64(i/100 + 1)
	if i%100 == 0 {
		o := &store.Object{Type: "company", Fields: store.Fields{"name": fmt.Sprint("Company ", company), "primary_activity": "Buyer"}}
		if err := tx.PutObject(o, nil); err != nil {
			return err
		}
	}
	return tx.PutUser(&store.User{
		Username: username(i), Email: username(i) + "@example.com", EmailVerified: true,
		FirstName: "User", LastName: fmt.Sprint("Number ", i+1), Groups: []string{"staff", "wiki"}, IsActive: true,
		DateJoined: now, LastLogin: now, Fields: store.Fields{"company": store.Ref{Type: "company", ID: company}},
	}, nil)
}

func (f *fleet) signIn(ctx context.Context, m *member) error {
	db, err := openAt(m.dir)
	if err != nil {
		return err
	}
	defer db.Close()
	now := time.Now()
	if err := db.Update(ctx, func(tx store.WriteTx) error {
		return tx.PutSession(&store.Session{
			Realm: f.realm(m), Hash: store.HashOf(m.session), Subject: "1", SID: store.NewSecret(),
			CreatedAt: now, AuthTime: now, LastSeen: now, IdleExpiresAt: now.Add(24 * time.Hour), ExpiresAt: now.Add(24 * time.Hour),
		})
	}); err != nil {
		return err
	}
	return db.Close()
}

func (f *fleet) realm(m *member) string { return authapp.Realm(m.id, "http://"+f.addr) }

// start brings up server and gates, and waits until the gates have everything.
func (f *fleet) start(ctx context.Context) error {
	if err := f.startServer(ctx, ""); err != nil {
		return err
	}
	for _, m := range f.gates {
		if err := f.startGate(ctx, m); err != nil {
			return err
		}
	}
	return f.settled(ctx)
}

// startServer starts the server, with more clients than the gates if need be.
func (f *fleet) startServer(ctx context.Context, more string) (err error) {
	var clients strings.Builder
	for _, m := range f.gates {
		fmt.Fprintf(&clients, "\t\tclient %s {\n\t\t\tsecret %s\n\t\t\tredirect http://%s/oidc/callback\n\t\t}\n", m.id, memberSecret, m.addr)
	}
	f.server, err = startCaddy(ctx, "server", f.serverDir(), f.addr, fmt.Sprintf(`{
	admin %s
	persist_config off
	auto_https off
	log {
		level WARN
	}
}
http://%s {
	auth_server {
%s%s	}
}
`, f.admin, f.addr, clients.String(), more))
	return err
}

func (f *fleet) startGate(ctx context.Context, m *member) (err error) {
	m.caddy, err = startCaddy(ctx, m.id, m.dir, m.addr, fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	log {
		level WARN
	}
}
http://%s {
	auth_client http://%s {
		client_id %s
		client_secret %s
	}
	respond "{http.auth.user.first_name}"
}
`, m.addr, f.addr, m.id, memberSecret))
	return err
}

func (f *fleet) stop() {
	for _, m := range f.gates {
		if m.caddy != nil {
			m.caddy.stop()
			m.caddy = nil
		}
	}
	for _, p := range []**process{&f.light, &f.server} {
		if *p != nil {
			(*p).stop()
			*p = nil
		}
	}
	os.RemoveAll(f.dir)
}

// settled waits until every client has everything, as the server sees it.
func (f *fleet) settled(ctx context.Context) error {
	deadline := time.Now().Add(patience)
	for {
		var v struct {
			Clients []struct {
				ID    string `json:"client_id"`
				Lag   uint64 `json:"lag"`
				Error string `json:"error"`
			} `json:"clients"`
		}
		if err := f.call(ctx, http.MethodGet, "/auth/sync", "", &v); err != nil {
			return err
		}
		behind := 0
		last := ""
		for _, c := range v.Clients {
			if c.Lag > 0 {
				behind++
				last = c.ID + ": " + c.Error
			}
		}
		if behind == 0 && len(v.Clients) > 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d clients still lag behind (%s)", behind, len(v.Clients), last)
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// call makes a request of the server's admin API.
func (f *fleet) call(ctx context.Context, method, path, body string, out any) error {
	return callAdmin(ctx, f.admin, method, path, body, out)
}

// edit gives a user another first name, which it returns, and the time before.
func (f *fleet) edit(ctx context.Context, id int) (name string, begun time.Time, err error) {
	f.edits++
	name = fmt.Sprint("Edited ", f.edits)
	begun = time.Now()
	return name, begun, f.call(ctx, http.MethodPatch, fmt.Sprint("/auth/users/id:", id), `{"first_name":"`+name+`"}`, nil)
}

// prober asks a gate again and again who is signed in, on one connection.
type prober struct {
	conn    net.Conn
	read    *bufio.Reader
	request []byte
}

func (f *fleet) probe(ctx context.Context, m *member) (*prober, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", m.addr)
	if err != nil {
		return nil, err
	}
	cookie := "Cookie: caddyito-" + f.realm(m) + "=" + m.session
	return &prober{conn, bufio.NewReader(conn), request(m.addr, "/", cookie)}, nil
}

// until asks until the answer is name, and says when it was.
func (p *prober) until(ctx context.Context, name string) (time.Time, error) {
	p.conn.SetDeadline(time.Now().Add(patience))
	for {
		if _, err := p.conn.Write(p.request); err != nil {
			return time.Time{}, err
		}
		resp, err := http.ReadResponse(p.read, nil)
		if err != nil {
			return time.Time{}, err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return time.Time{}, err
		}
		if resp.StatusCode != http.StatusOK {
			return time.Time{}, fmt.Errorf("the gate answers %s", resp.Status)
		}
		if bytes.Equal(body, []byte(name)) {
			return time.Now(), nil
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return time.Time{}, err
		}
	}
}

// timeGates changes user 1 again and again, and measures for every gate from
// before the change is asked for until a request there is decided by it.
func (f *fleet) timeGates(ctx context.Context, changes int) ([]time.Duration, error) {
	var probers []*prober
	for _, m := range f.gates {
		p, err := f.probe(ctx, m)
		if err != nil {
			return nil, err
		}
		defer p.conn.Close()
		if _, err := p.until(ctx, "User"); err != nil {
			return nil, fmt.Errorf("%s: %w", m.id, err)
		}
		probers = append(probers, p)
	}
	var all []time.Duration
	for range changes {
		name, begun, err := f.edit(ctx, 1)
		if err != nil {
			return nil, err
		}
		took, failed := make([]time.Duration, len(probers)), make([]error, len(probers))
		var asking sync.WaitGroup
		for i, p := range probers {
			asking.Go(func() {
				at, err := p.until(ctx, name)
				took[i], failed[i] = at.Sub(begun), err
			})
		}
		asking.Wait()
		for i, err := range failed {
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.gates[i].id, err)
			}
		}
		all = append(all, took...)
		// As edits come, not at once when the last is through.
		if err := pause(ctx, rand.N(20*time.Millisecond)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// burst changes every user while all is down, and measures from the start of
// the server, after that of the gates, until all gates have it.
func (f *fleet) burst(ctx context.Context) (time.Duration, error) {
	f.server.stop()
	db, err := openAt(f.serverDir())
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if err := inPages(ctx, db, f.users, func(tx store.WriteTx, i int) error {
		u, err := tx.User(int64(i + 1))
		if err != nil {
			return err
		}
		u.FirstName = "Changed"
		return tx.PutUser(u, nil)
	}); err != nil {
		return 0, err
	}
	if err := db.Close(); err != nil {
		return 0, err
	}
	if err := f.startServer(ctx, ""); err != nil {
		return 0, err
	}
	begun := time.Now()
	err = f.settled(ctx)
	return time.Since(begun), err
}

// backfill starts the only gate, which is empty, and measures until it has
// everything.
func (f *fleet) backfill(ctx context.Context, profile string) (r backfill, err error) {
	m := f.gates[0]
	begun := time.Now()
	if err := f.startGate(ctx, m); err != nil {
		return r, err
	}
	both := []*process{f.server, m.caddy}
	if profile != "" {
		for i, p := range both {
			if _, err := p.ask(opProfile + " " + profile + []string{"server", "gate"}[i] + ".cpu"); err != nil {
				return r, err
			}
		}
	}
	peaks := watchMemory(both...)
	err = f.settled(ctx)
	took := time.Since(begun)
	peak := peaks()
	if err != nil {
		return r, err
	}
	if profile != "" {
		for i, p := range both {
			if _, err := p.ask(opStop + " " + profile + []string{"server", "gate"}[i] + ".allocs"); err != nil {
				return r, err
			}
		}
	}
	return backfill{
		Users: f.users, Seconds: took.Seconds(), Rate: float64(f.users) / took.Seconds(),
		ServerPeak: peak[0], GatePeak: peak[1],
	}, nil
}

// watchMemory looks at the memory of processes until it is told to end, and
// then says the most that each had, apart from the page cache.
func watchMemory(processes ...*process) (end func() []int64) {
	peaks, stop, done := make([]int64, len(processes)), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			for i, p := range processes {
				peaks[i] = max(peaks[i], anonymousMemoryOf(p.cmd.Process.Pid))
			}
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() []int64 {
		close(stop)
		<-done
		return peaks
	}
}

// costOfChanges makes some changes one after the other, and returns the
// microseconds of CPU of server and gate together, and the time, for each.
func (f *fleet) costOfChanges(ctx context.Context, n int) (cpu, wall float64, err error) {
	both := []*process{f.server, f.gates[0].caddy}
	used := func() (sum time.Duration, err error) {
		for _, p := range both {
			u, err := p.ask(opUsage)
			if err != nil {
				return 0, err
			}
			sum += u.CPU
		}
		return sum, nil
	}
	before, err := used()
	if err != nil {
		return 0, 0, err
	}
	begun := time.Now()
	for range n {
		if _, _, err := f.edit(ctx, 1+rand.IntN(f.users)); err != nil {
			return 0, 0, err
		}
	}
	if err := f.settled(ctx); err != nil {
		return 0, 0, err
	}
	took := time.Since(begun)
	after, err := used()
	return micros(after-before) / float64(n), micros(took) / float64(n), err
}
