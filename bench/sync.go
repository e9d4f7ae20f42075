package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// syncBench is one run of "bench sync".
type syncBench struct {
	changes  int   // whose enforcement is timed, for each number of clients
	burst    int   // changes that clients missed
	gates    int   // the larger of the two numbers of gates; the other is 1
	lights   int   // light receivers
	sizes    []int // users, from few to many
	rounds   int   // of what a change costs
	each     int   // changes in a round
	profiles string
	dir      string
	progress io.Writer

	fleets []*fleet
	out    syncReport
}

func runSync(ctx context.Context, args []string, out, progress io.Writer) error {
	b := &syncBench{progress: progress}
	flags := flag.NewFlagSet("bench sync", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.IntVar(&b.changes, "changes", 300, "`changes` whose enforcement is timed, for each number of clients")
	flags.IntVar(&b.burst, "burst", 50_000, "`changes` made while the clients are down, and delivered when they are up")
	flags.IntVar(&b.gates, "gates", 10, "how many `gates` the larger fleet has, each a Caddy; the other has one")
	flags.IntVar(&b.lights, "receivers", 100, "how many light `receivers` the largest fleet has: the gate's receiver and mirror without a Caddy around, all in one process and one store")
	sizes := flags.String("users", "1000,10000,100000,1000000", "`numbers` of users that a mirror is filled with, and among which the cost of a change is compared")
	flags.IntVar(&b.rounds, "rounds", 6, "how many `times` each of them has its turn at changes")
	flags.IntVar(&b.each, "each", 200, "`changes` in a turn")
	flags.StringVar(&b.profiles, "profile", "", "write CPU and allocation profiles of the largest backfill into this `directory`")
	asJSON := flags.Bool("json", false, "print JSON instead of tables")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("--users: %q is no number of users", text)
		}
		b.sizes = append(b.sizes, n)
	}
	slices.Sort(b.sizes)
	if flags.NArg() > 0 || min(b.changes, b.burst, b.gates, b.lights, b.rounds, b.each) < 1 {
		return fmt.Errorf("sync takes flags only, with numbers above 0; -h lists them")
	}
	var err error
	if b.profiles != "" {
		if err := os.MkdirAll(b.profiles, 0o755); err != nil {
			return fmt.Errorf("making the directory of profiles: %w", err)
		}
	}
	if b.dir, err = os.MkdirTemp("", "caddyito-bench-"); err != nil {
		return fmt.Errorf("making a directory for the run: %w", err)
	}
	defer os.RemoveAll(b.dir)
	defer b.stop()
	for _, part := range []func(context.Context) error{b.latencies, b.bursts, b.backfills, b.growth} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	b.targets()
	if *asJSON {
		return writeJSON(out, &b.out)
	}
	return b.out.writeTable(out)
}

func (b *syncBench) stop() {
	for _, f := range b.fleets {
		f.stop()
	}
	b.fleets = nil
}

func (b *syncBench) note(format string, args ...any) {
	fmt.Fprintf(b.progress, format+"\n", args...)
}

// latencies measures how long a change takes to be in force.
func (b *syncBench) latencies(ctx context.Context) error {
	const users = 1000
	for _, gates := range []int{1, b.gates} {
		b.note("a change and its enforcement: %d gates", gates)
		f, err := b.newFleet(ctx, users, gates)
		if err != nil {
			return err
		}
		if err := f.start(ctx); err != nil {
			return err
		}
		l, err := f.timeGates(ctx, b.changes)
		if err != nil {
			return err
		}
		b.out.Latency = append(b.out.Latency, newLatency(gates, "gates (a Caddy each), by what the next request is answered", l))
		b.stop()
	}
	b.note("a change and its enforcement: %d light receivers", b.lights)
	f, err := b.newFleet(ctx, users, 0)
	if err != nil {
		return err
	}
	if err := f.startLight(ctx, b.lights); err != nil {
		return err
	}
	l, err := f.timeLight(ctx, b.changes)
	if err != nil {
		return err
	}
	b.out.Latency = append(b.out.Latency, newLatency(b.lights, "light receivers (one process), by when the mirror is committed", l))
	b.stop()
	return nil
}

// bursts measures how quickly clients are told of what they missed.
func (b *syncBench) bursts(ctx context.Context) error {
	for _, gates := range []int{1, b.gates} {
		b.note("%d changes that were missed: %d gates", b.burst, gates)
		f, err := b.newFleet(ctx, b.burst, gates)
		if err != nil {
			return err
		}
		if err := f.start(ctx); err != nil {
			return err
		}
		took, err := f.burst(ctx)
		if err != nil {
			return err
		}
		b.out.Delivered = append(b.out.Delivered, delivered{
			Clients: gates, Changes: b.burst, Seconds: took.Seconds(),
			PerClient: float64(b.burst) / took.Seconds(), All: float64(b.burst*gates) / took.Seconds(),
		})
		b.stop()
	}
	return nil
}

// backfills fills an empty gate with each number of users. The fleets stay for
// growth.
func (b *syncBench) backfills(ctx context.Context) error {
	for i, users := range b.sizes {
		b.note("filling a mirror: %d users", users)
		f, err := b.newFleet(ctx, users, 1)
		if err != nil {
			return err
		}
		if err := f.startServer(ctx, ""); err != nil {
			return err
		}
		profile := ""
		if b.profiles != "" && i == len(b.sizes)-1 {
			profile = filepath.Join(b.profiles, "backfill-")
		}
		r, err := f.backfill(ctx, profile)
		if err != nil {
			return err
		}
		b.out.Backfill = append(b.out.Backfill, r)
	}
	return nil
}

// growth measures what a change costs among few and among many users, in turn.
func (b *syncBench) growth(ctx context.Context) error {
	cpu, wall := make([][]float64, len(b.sizes)), make([][]float64, len(b.sizes))
	for round := range b.rounds + 1 {
		b.note("what a change costs: round %d of %d", round, b.rounds)
		for i, f := range b.fleets {
			c, w, err := f.costOfChanges(ctx, b.each)
			if err != nil {
				return err
			}
			if round > 0 { // the first warms up
				cpu[i], wall[i] = append(cpu[i], c), append(wall[i], w)
			}
		}
	}
	for i, users := range b.sizes {
		b.out.Growth = append(b.out.Growth, growth{
			Users: users, CPU: median(cpu[i]), Wall: median(wall[i]),
			CPURatio: median(paired(cpu[i], cpu[0], ratio)), WallRatio: median(paired(wall[i], wall[0], ratio)),
		})
	}
	b.stop()
	return nil
}

func newLatency(clients int, what string, l []time.Duration) latency {
	slices.Sort(l)
	at := func(q float64) float64 {
		return float64(l[min(len(l)-1, int(q*float64(len(l))))]) / float64(time.Millisecond)
	}
	return latency{Clients: clients, What: what, Changes: len(l) / clients, P50: at(0.5), P99: at(0.99), Max: at(1)}
}
