package main

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
)

// syncReport is what "bench sync" found, as --json prints it.
type syncReport struct {
	CPUs      int         `json:"cpus"`
	Platform  string      `json:"platform"`
	Go        string      `json:"go"`
	Latency   []latency   `json:"latency"`
	Delivered []delivered `json:"delivered"`
	Backfill  []backfill  `json:"backfill"`
	Growth    []growth    `json:"growth"`
	Targets   []target    `json:"targets"`
}

// latency is how long a change takes from before it is asked for, through its
// commit, to its enforcement, in milliseconds.
type latency struct {
	Clients int     `json:"clients"`
	What    string  `json:"what"`
	Changes int     `json:"changes"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Max     float64 `json:"max_ms"`
}

// delivered is how many changes a second clients take who missed many.
type delivered struct {
	Clients   int     `json:"clients"`
	Changes   int     `json:"changes"`
	Seconds   float64 `json:"seconds"`
	PerClient float64 `json:"per_client_per_second"`
	All       float64 `json:"all_per_second"`
}

// backfill is the filling of an empty mirror, from before its Caddy starts. The
// peaks are bytes, apart from the page cache.
type backfill struct {
	Users      int     `json:"users"`
	Seconds    float64 `json:"seconds"`
	Rate       float64 `json:"users_per_second"`
	ServerPeak int64   `json:"server_peak"`
	GatePeak   int64   `json:"gate_peak"`
}

// growth is what one change costs among so many users: microseconds of CPU of
// server and gate together, and microseconds that pass where one follows the
// other. Ratios are to the fewest users, of the pairs within a round.
type growth struct {
	Users     int     `json:"users"`
	CPU       float64 `json:"cpu_us"`
	Wall      float64 `json:"wall_us"`
	CPURatio  float64 `json:"cpu_ratio"`
	WallRatio float64 `json:"wall_ratio"`
}

func (b *syncBench) targets() {
	r := &b.out
	r.CPUs, r.Platform, r.Go = runtime.NumCPU(), runtime.GOOS+"/"+runtime.GOARCH, runtime.Version()
	most := func(what string, got, want float64) {
		r.Targets = append(r.Targets, target{what, got, want, true, got <= want})
	}
	l := r.Latency[1]
	most(fmt.Sprintf("a change is in force at %d gates: p99, ms", l.Clients), l.P99, 100)
	f := r.Backfill[len(r.Backfill)-1]
	r.Targets = append(r.Targets, target{fmt.Sprintf("filling a mirror with %d users: users per second", f.Users), f.Rate, 20_000, false, f.Rate >= 20_000})
	if f.ServerPeak > 0 {
		most(fmt.Sprintf("filling a mirror with %d users: peak memory of the server, MB", f.Users), megabytes(f.ServerPeak), 200)
		most(fmt.Sprintf("filling a mirror with %d users: peak memory of the gate, MB", f.Users), megabytes(f.GatePeak), 200)
	}
	g := r.Growth[len(r.Growth)-1]
	few := r.Growth[0].Users
	most(fmt.Sprintf("CPU of a change among %d users, times that among %d", g.Users, few), g.CPURatio, 1.5)
	most(fmt.Sprintf("time of a change among %d users, times that among %d", g.Users, few), g.WallRatio, 1.5)
}

func (r *syncReport) writeTable(out io.Writer) error {
	fmt.Fprintf(out, "%d CPUs, %s, %s; driver, server and clients share them\n", r.CPUs, r.Platform, r.Go)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\nclients\t changes\t p50 ms\t p99 ms\t max ms\t from an edit's request to its enforcement\n")
	for _, x := range r.Latency {
		fmt.Fprintf(w, "%d\t%d\t%.1f\t%.1f\t%.1f\t  %s\n", x.Clients, x.Changes, x.P50, x.P99, x.Max, x.What)
	}
	fmt.Fprint(w, "\ngates\t changes missed\t seconds\t changes/s each\t changes/s in all\t\n")
	for _, x := range r.Delivered {
		fmt.Fprintf(w, "%d\t%d\t%.1f\t%.0f\t%.0f\t\n", x.Clients, x.Changes, x.Seconds, x.PerClient, x.All)
	}
	fmt.Fprint(w, "\nusers in an empty mirror\t seconds\t users/s\t server peak MB\t gate peak MB\t\n")
	for _, x := range r.Backfill {
		fmt.Fprintf(w, "%d\t%.1f\t%.0f\t%.1f\t%.1f\t\n", x.Users, x.Seconds, x.Rate, megabytes(x.ServerPeak), megabytes(x.GatePeak))
	}
	fmt.Fprint(w, "\na change among users\t CPU us\t ratio\t time us\t ratio\t\n")
	for _, x := range r.Growth {
		fmt.Fprintf(w, "%d\t%.0f\t%.2f\t%.0f\t%.2f\t\n", x.Users, x.CPU, x.CPURatio, x.Wall, x.WallRatio)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	return writeTargets(out, r.Targets)
}
