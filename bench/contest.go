package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// contest lets rows have their turns, so that they can be compared.
type contest struct {
	rounds   int
	each     time.Duration // a turn
	pieces   int           // of a turn, see parts
	apart    bool          // rows with another front are not compared
	profiles string        // directory, or empty
	progress io.Writer
	rows     []*row
}

// row is one line of a table: a load on a Caddy, and what was measured.
type row struct {
	front, name string
	caddy       *process
	status      int      // of the answers
	credentials []string // there is a request for each
	load        *load
	// light: of a Caddy that holds little, so that its collections of garbage are short.
	light  bool
	drive  func(context.Context, time.Duration) (*slice, error)
	rounds []round
	// resting is the memory of a Caddy that has not yet been asked anything,
	// rested that after its rounds. Bytes, of each start.
	resting, rested []float64
	// first are the rounds in which every session was seen for the first time, one of
	// each start; only for many users.
	first []round
}

// round is what a row did in one turn.
type round struct {
	rate     float64 // requests per second
	p50, p99 float64 // microseconds
	cpu      float64 // microseconds of the Caddy per request
	allocs   float64 // of the Caddy per request
}

func (c *contest) note(format string, args ...any) {
	fmt.Fprintf(c.progress, format+"\n", args...)
}

// compete lets every row have its turn in every round.
func (c *contest) compete(ctx context.Context) error {
	for i := range c.rounds {
		c.note("round %d of %d", i+1, c.rounds)
		profiled := c.profiles != "" && i == c.rounds-1
		if err := c.round(ctx, profiled); err != nil {
			return err
		}
	}
	return nil
}

// parts are how many pieces a turn is cut into where what is counted is short, and
// lightParts how many a piece of a light row. The rows take their pieces in turn: how
// fast a machine is, with others on it, changes within seconds, and those that are
// compared should find it the same.
const (
	parts      = 4
	lightParts = 4
)

// A breath is how long a Caddy has, when its piece is over, for a garbage collection that
// is under way: it would take the cores from whoever is next. What is done in it counts
// for nobody, so pieces must be long beside it.
const (
	breath      = 50 * time.Millisecond
	lightBreath = 10 * time.Millisecond
)

// round lets every row have its turn.
func (c *contest) round(ctx context.Context, profiled bool) error {
	pieces, inEach := c.pieces, lightParts
	if profiled {
		pieces, inEach = 1, 1 // a profile is of one piece
	}
	d := c.each / time.Duration(pieces)
	turns := make([]turn, len(c.rows))
	for i := range pieces * inEach {
		for _, at := range c.order() {
			r := c.rows[at]
			var err error
			switch {
			case r.light:
				err = c.piece(ctx, r, &turns[at], d/time.Duration(inEach), lightBreath, profiled)
			case i%inEach == 0:
				err = c.piece(ctx, r, &turns[at], d, breath, profiled)
			}
			if err != nil {
				return err
			}
		}
	}
	for i, r := range c.rows {
		if turns[i].requests == 0 {
			return fmt.Errorf("%s: no response within %s; make the turns longer", r.caddy.name, c.each)
		}
		r.rounds = append(r.rounds, turns[i].round())
	}
	return nil
}

// piece is one of r's turn, and the rest after it.
func (c *contest) piece(ctx context.Context, r *row, t *turn, d, rest time.Duration, profiled bool) error {
	var profile string
	if profiled {
		profile = filepath.Join(c.profiles, r.fileName())
	}
	if err := r.measure(profile, t, func() (*slice, error) { return r.drive(ctx, d) }); err != nil {
		return err
	}
	time.Sleep(rest)
	return nil
}

// order is that in which the rows take their pieces. Whom one comes after matters: it
// finds the processor's caches as they were left. So it is drawn anew each time.
func (c *contest) order() []int {
	order := rand.Perm(len(c.rows))
	if c.apart {
		slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(c.rows[i].front, c.rows[j].front) })
	}
	return order
}

// turn adds up what was measured in the pieces of one.
type turn struct {
	slice
	cpu     time.Duration
	mallocs uint64
}

func (t *turn) round() round {
	n := float64(t.requests)
	return round{
		rate:   n / t.elapsed.Seconds(),
		p50:    micros(t.latency.quantile(0.50)),
		p99:    micros(t.latency.quantile(0.99)),
		cpu:    micros(t.cpu) / n,
		allocs: float64(t.mallocs) / n,
	}
}

// measure measures a Caddy while drive drives it, and adds that to t.
func (r *row) measure(profile string, t *turn, drive func() (*slice, error)) error {
	if profile != "" {
		if err := os.MkdirAll(filepath.Dir(profile), 0o755); err != nil {
			return fmt.Errorf("making the directory of profiles: %w", err)
		}
		if _, err := r.caddy.ask(opProfile + " " + profile + ".cpu"); err != nil {
			return err
		}
	}
	before, err := r.caddy.ask(opUsage)
	if err != nil {
		return err
	}
	s, err := drive()
	if err != nil {
		return fmt.Errorf("%s, %s: %w", r.caddy.name, r.name, err)
	}
	after, err := r.caddy.ask(opUsage)
	if err != nil {
		return err
	}
	if profile != "" {
		if _, err := r.caddy.ask(opStop + " " + profile + ".allocs"); err != nil {
			return err
		}
	}
	t.requests += s.requests
	t.elapsed += s.elapsed
	t.latency.merge(&s.latency)
	t.cpu += after.CPU - before.CPU
	t.mallocs += after.Mallocs - before.Mallocs
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// fileName is a row's as a file's name: "respond-gate-session-headers".
func (r *row) fileName() string {
	return strings.Join(strings.FieldsFunc(r.front+" "+r.name, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_')
	}), "-")
}

func rateOf(r round) float64   { return r.rate }
func cpuOf(r round) float64    { return r.cpu }
func allocsOf(r round) float64 { return r.allocs }

// values are those of the rounds.
func (r *row) values(of func(round) float64) []float64 { return valuesOf(r.rounds, of) }

func valuesOf(rounds []round, of func(round) float64) []float64 {
	values := make([]float64, len(rounds))
	for i, round := range rounds {
		values[i] = of(round)
	}
	return values
}

// median of the rounds.
func (r *row) median(of func(round) float64) float64 { return median(r.values(of)) }
