package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/caddyito/caddyito/store"
)

// adminBench is one run of "bench admin".
type adminBench struct {
	contest
	conns   int
	sizes   [2]int // users: few, and many
	dir     string
	servers []*providerServer
	loads   []*load
	peaks   []int64
}

// adminPages are what is looked at. The users of a bench are all of one group, and
// two names in three begin with user1 or user2.
var adminPages = []struct{ name, path string }{
	{firstPage, "/o/admin/users"},
	{"names that begin so", "/o/admin/users?q=user12"},
	{"a name", "/o/admin/users?q=user777"},
	{"members of a group", "/o/admin/users?group=wiki"},
	{"superusers", "/o/admin/users?status=superuser"},
}

const firstPage = "the first page"

// adminReport is what it found, as --json prints it.
type adminReport struct {
	CPUs        int              `json:"cpus"`
	Platform    string           `json:"platform"`
	Go          string           `json:"go"`
	Rounds      int              `json:"rounds"`
	Seconds     float64          `json:"seconds"`
	Connections int              `json:"connections"`
	Results     []providerResult `json:"results"`
	// Peaks are the most memory of the servers in bytes, apart from the page cache.
	Peaks   []int64  `json:"peaks"`
	Targets []target `json:"targets"`
}

func runAdmin(ctx context.Context, args []string, out, progress io.Writer) error {
	b := &adminBench{contest: contest{progress: progress, pieces: parts}}
	flags := flag.NewFlagSet("bench admin", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.IntVar(&b.rounds, "rounds", 6, "how many `times` each page has its turn")
	seconds := flags.Float64("seconds", 1, "`length` of a turn")
	flags.IntVar(&b.conns, "conns", 2, "`administrators` who look at once")
	flags.IntVar(&b.sizes[0], "few", 1000, "`users` of the one server")
	flags.IntVar(&b.sizes[1], "many", 1_000_000, "`users` of the other")
	flags.StringVar(&b.profiles, "profile", "", "write CPU and allocation profiles of every page into this `directory`")
	asJSON := flags.Bool("json", false, "print JSON instead of a table")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	b.each = time.Duration(*seconds * float64(time.Second))
	if flags.NArg() > 0 || min(b.rounds, b.conns, b.sizes[0], b.sizes[1]) < 1 || b.each <= 0 || b.each > 50*time.Second {
		return fmt.Errorf("admin takes flags only, all above 0, and turns of less than 50 seconds; -h lists them")
	}
	var err error
	if b.dir, err = os.MkdirTemp("", "caddyito-bench-"); err != nil {
		return fmt.Errorf("making a directory for the run: %w", err)
	}
	defer os.RemoveAll(b.dir)
	defer b.stop()
	if err := b.start(ctx); err != nil {
		return err
	}
	peaks := watchMemory(b.servers[0].caddy, b.servers[1].caddy)
	err = b.compete(ctx)
	b.peaks = peaks()
	if err != nil {
		return err
	}
	r := b.report()
	if *asJSON {
		return writeJSON(out, r)
	}
	return r.writeTable(out)
}

func (b *adminBench) stop() {
	for _, l := range b.loads {
		l.close()
	}
	for _, s := range b.servers {
		s.caddy.stop()
	}
}

func (b *adminBench) start(ctx context.Context) error {
	for i, users := range b.sizes {
		b.note("filling and starting a server: %d users", users)
		seed, err := seedProvider(ctx, filepath.Join(b.dir, fmt.Sprint("server-", i)), users, nil)
		if err != nil {
			return err
		}
		session, err := signInAdmin(ctx, seed.dir)
		if err != nil {
			return fmt.Errorf("signing in an administrator: %w", err)
		}
		s, err := launch(ctx, seed)
		if err != nil {
			return err
		}
		b.servers = append(b.servers, s)
		_, port, err := net.SplitHostPort(s.caddy.addr)
		if err != nil {
			return err
		}
		for _, page := range adminPages {
			requests := [][]byte{request(s.caddy.addr, page.path, "Cookie: caddyito-server-"+port+"="+session)}
			l, err := dialLoad(ctx, s.caddy.addr, b.conns, 200, requests)
			if err != nil {
				return err
			}
			b.loads = append(b.loads, l)
			r := &row{front: frontOf(users), name: page.name, caddy: s.caddy, drive: l.run}
			if _, err := r.drive(ctx, b.each/parts); err != nil { // warms up, and shows that it is answered
				return fmt.Errorf("%s, %s: %w", s.caddy.name, page.name, err)
			}
			b.rows = append(b.rows, r)
		}
	}
	return nil
}

// signInAdmin makes the first user a superuser who is signed in.
func signInAdmin(ctx context.Context, dir string) (session string, err error) {
	db, err := openAt(dir)
	if err != nil {
		return "", err
	}
	defer db.Close()
	session = store.NewSecret()
	now := time.Now()
	err = db.Update(ctx, func(tx store.WriteTx) error {
		u, err := tx.User(1)
		if err != nil {
			return err
		}
		u.IsSuperuser = true
		if err := tx.PutUser(u, nil); err != nil {
			return err
		}
		return tx.PutSession(&store.Session{
			Realm: store.ServerRealm, Hash: store.HashOf(session), Subject: "1", SID: store.NewSecret(),
			CreatedAt: now, AuthTime: now, LastSeen: now, IdleExpiresAt: now.Add(24 * time.Hour), ExpiresAt: now.Add(24 * time.Hour),
		})
	})
	if err != nil {
		return "", err
	}
	return session, db.Close()
}

func (b *adminBench) report() *adminReport {
	r := &adminReport{
		CPUs: runtime.NumCPU(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
		Rounds: b.rounds, Seconds: b.each.Seconds(), Connections: b.conns, Peaks: b.peaks,
	}
	for _, page := range adminPages {
		for _, row := range b.rows {
			if row.name == page.name {
				r.Results = append(r.Results, newProviderResult(row))
			}
		}
	}
	for _, x := range r.Results {
		if x.Name == firstPage {
			ms := x.P99 / 1000
			r.Targets = append(r.Targets, target{fmt.Sprintf("%s of %s: p99, ms", x.Name, x.Users), ms, 50, true, ms <= 50})
		}
	}
	if b.peaks[0] > 0 {
		times := float64(b.peaks[1]) / float64(b.peaks[0])
		r.Targets = append(r.Targets, target{fmt.Sprintf("memory with %d users, times that with %d", b.sizes[1], b.sizes[0]), times, 1.5, true, times <= 1.5})
	}
	return r
}

func (r *adminReport) writeTable(out io.Writer) error {
	fmt.Fprintf(out, "%d CPUs, %s, %s; %d rounds of %g s, %d connections; driver and server share the CPUs\n",
		r.CPUs, r.Platform, r.Go, r.Rounds, r.Seconds, r.Connections)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\nusers listed\t of\t per s\t p50 ms\t p99 ms\t CPU ms\t allocs\t\n")
	for _, x := range r.Results {
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%.1f\t%.1f\t%.2f\t%.0f\t\n", x.Name, x.Users, x.Rate, x.P50/1000, x.P99/1000, x.CPU/1000, x.Allocs)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nmemory at most: %.1f MB and %.1f MB\n\n", megabytes(r.Peaks[0]), megabytes(r.Peaks[1]))
	return writeTargets(out, r.Targets)
}
