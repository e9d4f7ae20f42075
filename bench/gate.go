package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyito/caddyito/store"
)

// gateBench is one run of "bench gate".
type gateBench struct {
	contest
	starts, conns, users int
	dir                  string // for databases and configs; goes with the run

	upstream *process
	stores   map[int]*seeded // by users
	// The rest is of this start.
	processes []*process
	loads     []*load
}

func runGate(ctx context.Context, args []string, out, progress io.Writer) error {
	b := &gateBench{stores: map[int]*seeded{}, contest: contest{progress: progress, pieces: parts, apart: true}}
	flags := flag.NewFlagSet("bench gate", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.IntVar(&b.starts, "starts", 6, "how many `times` every variant is started anew")
	flags.IntVar(&b.rounds, "rounds", 4, "how many `times` each variant has its turn in a start")
	seconds := flags.Float64("seconds", 1, "`length` of a turn")
	flags.IntVar(&b.conns, "conns", 32, "keep-alive `connections` to each variant")
	flags.IntVar(&b.users, "users", 100_000, "`users`, each with a session, in the store of the gate that has many")
	flags.StringVar(&b.profiles, "profile", "", "write CPU and allocation profiles of every variant into this `directory` (costs a little CPU)")
	asJSON := flags.Bool("json", false, "print JSON instead of a table")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	b.each = time.Duration(*seconds * float64(time.Second))
	if flags.NArg() > 0 || b.starts < 1 || b.rounds < 1 || b.conns < 1 || b.users < 1 || b.each <= 0 || b.each > 50*time.Second {
		return fmt.Errorf("gate takes flags only, all above 0, and turns of less than 50 seconds; -h lists them")
	}
	var err error
	if b.dir, err = os.MkdirTemp("", "caddyito-bench-"); err != nil {
		return fmt.Errorf("making a directory for the run: %w", err)
	}
	defer os.RemoveAll(b.dir)
	if b.upstream, err = startUpstream(ctx); err != nil {
		return err
	}
	defer b.upstream.stop()
	// How a process lies in memory makes a difference of some hundredths that stays for
	// as long as it runs.
	for i := range b.starts {
		b.note("start %d of %d", i+1, b.starts)
		if err := b.once(ctx, filepath.Join(b.dir, fmt.Sprint("start-", i))); err != nil {
			return err
		}
	}
	r := b.report()
	if *asJSON {
		return writeJSON(out, r)
	}
	return r.writeTable(out)
}

// once starts every variant, with its data in dir, and measures all.
func (b *gateBench) once(ctx context.Context, dir string) error {
	defer os.RemoveAll(dir)
	defer b.stop()
	if err := b.start(ctx, dir); err != nil {
		return err
	}
	return b.measure(ctx)
}

func (b *gateBench) stop() {
	for _, l := range b.loads {
		l.close()
	}
	for _, p := range b.processes {
		p.stop()
	}
	b.loads, b.processes = nil, nil
}

// rowOf is the one with these names; it is new in the first start.
func (b *gateBench) rowOf(front, name string) *row {
	if r := b.find(front, name); r != nil {
		return r
	}
	r := &row{front: front, name: name, status: 200}
	b.rows = append(b.rows, r)
	return r
}

// start brings up every variant, and makes sure that each does what it is measured
// for.
func (b *gateBench) start(ctx context.Context, in string) (err error) {
	for i, v := range gateVariants(b.users) {
		b.note("starting %s: %s", v.front, v.name)
		n := max(v.users, 1)
		if b.stores[n] == nil {
			if b.stores[n], err = seed(ctx, filepath.Join(b.dir, fmt.Sprint("seed-", n)), realm(b.upstream.addr), n); err != nil {
				return err
			}
		}
		sessions := b.stores[n]
		dir := filepath.Join(in, fmt.Sprint("caddy-", i))
		if v.users > 0 {
			if err := sessions.copyTo(dir); err != nil {
				return err
			}
		}
		addr, err := freeAddr()
		if err != nil {
			return err
		}
		p, err := startCaddy(ctx, v.front+", "+v.name, dir, addr, v.caddyfile(setting{addr, b.upstream.addr, sessions.ids[0]}))
		if err != nil {
			return err
		}
		b.processes = append(b.processes, p)
		rest, err := p.ask(opSettle)
		if err != nil {
			return err
		}
		credentials := sessions.credentials()
		if v.credential != "" {
			credentials = []string{v.credential}
		}
		if err := check(ctx, v, p.addr, credentials); err != nil {
			return fmt.Errorf("%s, %s: %w", v.front, v.name, err)
		}
		r := b.rowOf(v.front, v.name)
		r.caddy, r.credentials = p, credentials
		r.resting = append(r.resting, float64(rest.Anonymous))
		if v.front == responded && v.users == 1 {
			r := b.rowOf(v.front, strangers)
			r.caddy, r.status, r.credentials = p, 302, []string{""}
		}
	}
	return nil
}

// connect opens the connections of a row. The first request must follow soon:
// Caddy waits a minute for it.
func (b *gateBench) connect(ctx context.Context, r *row) (err error) {
	requests := make([][]byte, len(r.credentials))
	for i, s := range r.credentials {
		requests[i] = request(r.caddy.addr, "/", s)
	}
	if r.load, err = dialLoad(ctx, r.caddy.addr, b.conns, r.status, requests); err != nil {
		return err
	}
	b.loads = append(b.loads, r.load)
	r.drive, r.light = r.load.run, len(r.credentials) == 1
	return nil
}

// check makes sure of what is measured: a gate lets the session in, and nobody
// else, and the app is told who it is.
func check(ctx context.Context, v variant, addr string, credentials []string) error {
	gated := strings.HasPrefix(v.name, "gate")
	for i, session := range []string{credentials[0], credentials[len(credentials)-1]} {
		status, said, err := fetch(ctx, addr, "/who", session)
		if err != nil {
			return err
		}
		if status != 200 {
			return fmt.Errorf("a session is answered %d", status)
		}
		want := body
		if v.front == proxied {
			want = ""
			if gated || v.name == stub3Name {
				want = username([]int{0, len(credentials) - 1}[i])
			}
		}
		if said != want {
			return fmt.Errorf("the app says %q where it should say %q", said, want)
		}
	}
	if !gated {
		return nil
	}
	name, _, _ := strings.Cut(credentials[0], "=")
	for _, stranger := range []string{"", name + "=" + store.NewSecret()} {
		if status, _, err := fetch(ctx, addr, "/", stranger); err != nil || status != 302 {
			return fmt.Errorf("a stranger with %q is answered %d, not sent to sign in (%v)", stranger, status, err)
		}
	}
	return nil
}

// measure lets every row have its turn in every round.
func (b *gateBench) measure(ctx context.Context) error {
	b.note("warming up")
	for _, r := range b.rows {
		if err := b.connect(ctx, r); err != nil {
			return err
		}
		if len(r.credentials) > 1 {
			var t turn
			if err := r.measure("", &t, func() (*slice, error) { return r.load.once(ctx) }); err != nil {
				return err
			}
			r.first = append(r.first, t.round())
		}
		if _, err := r.drive(ctx, b.each); err != nil {
			return fmt.Errorf("%s: %w", r.caddy.name, err)
		}
	}
	if err := b.compete(ctx); err != nil {
		return err
	}
	for _, r := range b.rows {
		u, err := r.caddy.ask(opSettle)
		if err != nil {
			return err
		}
		r.rested = append(r.rested, float64(u.Anonymous))
	}
	return nil
}
