package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
)

// report is what a run found, as --json prints it. Each number is the median
// over the rounds; those against plain, of the pairs within a round.
type report struct {
	CPUs        int      `json:"cpus"`
	Platform    string   `json:"platform"`
	Go          string   `json:"go"`
	Starts      int      `json:"starts"`
	Rounds      int      `json:"rounds"` // in each start
	Seconds     float64  `json:"seconds"`
	Connections int      `json:"connections"`
	Results     []result `json:"results"`
	Targets     []target `json:"targets"`
}

type result struct {
	Front           string  `json:"front"`
	Name            string  `json:"name"`
	Rate            float64 `json:"requests_per_second"`
	P50             float64 `json:"p50_us"`
	P99             float64 `json:"p99_us"`
	CPU             float64 `json:"cpu_us"`
	CPUOverPlain    float64 `json:"cpu_over_plain_us"`
	Allocs          float64 `json:"allocs"`
	AllocsOverPlain float64 `json:"allocs_over_plain"`
	Ratio           float64 `json:"ratio_to_plain"`
	// Quartiles of the ratio: far apart, the machine was busy with other things
	// and the rest is not to be trusted either.
	RatioLow  float64 `json:"ratio_low"`
	RatioHigh float64 `json:"ratio_high"`
	// Memory in bytes before the first request and after the run; 0 in rows
	// that share the process of another.
	RestingMemory int64 `json:"resting_memory,omitempty"`
	RestedMemory  int64 `json:"rested_memory,omitempty"`
	// First is of the one pass in which all sessions were new to the process.
	First *firstPass `json:"first_pass,omitempty"`
}

type firstPass struct {
	Rate   float64 `json:"requests_per_second"`
	CPU    float64 `json:"cpu_us"`
	Allocs float64 `json:"allocs"`
}

// target is what the gate is meant to reach.
type target struct {
	What string  `json:"what"`
	Got  float64 `json:"got"`
	Want float64 `json:"want"`
	Most bool    `json:"most"` // Got may be at most Want; otherwise at least
	OK   bool    `json:"ok"`
}

func (b *gateBench) report() *report {
	r := &report{
		CPUs: runtime.NumCPU(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
		Starts: b.starts, Rounds: b.rounds, Seconds: b.each.Seconds(), Connections: b.conns,
	}
	for _, row := range b.rows {
		r.Results = append(r.Results, b.result(row))
	}
	many := fmt.Sprintf(gateOfUsers, b.users)
	find := func(front, name string) *result { return find(r.Results, front, name) }
	plain, gate := find(responded, plainName), find(responded, gateName)
	most := func(what string, got, want float64) {
		r.Targets = append(r.Targets, target{what, got, want, true, got <= want})
	}
	least := func(what string, got, want float64) {
		r.Targets = append(r.Targets, target{what, got, want, false, got >= want})
	}
	most("gate: microseconds of CPU over plain (respond)", gate.CPUOverPlain, 4)
	most("gate: allocations over plain (respond)", gate.AllocsOverPlain, 12)
	least("gate: ratio to plain (respond)", gate.Ratio, 0.92)
	behind := paired(b.ratios(proxied, stub3Name), b.ratios(proxied, gateName), difference)
	most("gate: ratio behind the stub with headers (reverse_proxy)", median(behind), 0.02)
	for _, front := range []string{responded, proxied} {
		least(fmt.Sprintf("%s, of its rate with one (%s)", many, front),
			median(paired(b.rates(front, many), b.rates(front, gateName), ratio)), 0.9)
	}
	least("strangers: 302s per second", find(responded, strangers).Rate, 25_000)
	if plain.RestingMemory > 0 {
		most("gate: memory at start, times plain's", float64(gate.RestingMemory)/float64(plain.RestingMemory), 1.3)
		most("gate: memory after the run, times plain's", float64(gate.RestedMemory)/float64(plain.RestedMemory), 1.3)
	}
	return r
}

func find(results []result, front, name string) *result {
	for i := range results {
		if results[i].Front == front && results[i].Name == name {
			return &results[i]
		}
	}
	panic("no result " + front + ", " + name)
}

func (b *gateBench) row(front, name string) *row {
	if r := b.find(front, name); r != nil {
		return r
	}
	panic("no row " + front + ", " + name)
}

// find is nil if there is no such row.
func (b *gateBench) find(front, name string) *row {
	for _, r := range b.rows {
		if r.front == front && r.name == name {
			return r
		}
	}
	return nil
}

func (b *gateBench) rates(front, name string) []float64 { return b.row(front, name).values(rateOf) }

// ratios are those to plain.
func (b *gateBench) ratios(front, name string) []float64 {
	return paired(b.rates(front, name), b.rates(front, plainName), ratio)
}

func (b *gateBench) result(r *row) result {
	plain := b.row(r.front, plainName)
	against := func(of func(round) float64, f func(a, b float64) float64) float64 {
		return median(paired(r.values(of), plain.values(of), f))
	}
	out := result{
		Front: r.front, Name: r.name,
		Rate: r.median(rateOf), Ratio: against(rateOf, ratio),
		P50: r.median(func(r round) float64 { return r.p50 }),
		P99: r.median(func(r round) float64 { return r.p99 }),
		CPU: r.median(cpuOf), CPUOverPlain: against(cpuOf, difference),
		Allocs: r.median(allocsOf), AllocsOverPlain: against(allocsOf, difference),
	}
	out.RatioLow, out.RatioHigh = quartiles(b.ratios(r.front, r.name))
	if r.resting != nil {
		out.RestingMemory, out.RestedMemory = int64(median(r.resting)), int64(median(r.rested))
	}
	if f := r.first; f != nil {
		out.First = &firstPass{median(valuesOf(f, rateOf)), median(valuesOf(f, cpuOf)), median(valuesOf(f, allocsOf))}
	}
	return out
}

// writeJSON writes a report for programs.
func writeJSON(out io.Writer, report any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}

func (r *report) writeTable(out io.Writer) error {
	fmt.Fprintf(out, "%d CPUs, %s, %s; %d starts, %d rounds of %g s each, %d connections\n", r.CPUs, r.Platform, r.Go, r.Starts, r.Rounds, r.Seconds, r.Connections)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, front := range []string{proxied, responded} {
		fmt.Fprintf(w, "\nin front of %s\t req/s\t ratio\t quartiles\t p50 us\t p99 us\t CPU us\t over plain\t allocs\t over plain\t MB at start\t after\t\n", front)
		for _, x := range r.Results {
			if x.Front != front {
				continue
			}
			fmt.Fprintf(w, "%s\t%.0f\t%.3f\t%.2f-%.2f\t%.0f\t%.0f\t%.1f\t%+.1f\t%.1f\t%+.1f\t",
				x.Name, x.Rate, x.Ratio, x.RatioLow, x.RatioHigh, x.P50, x.P99, x.CPU, x.CPUOverPlain, x.Allocs, x.AllocsOverPlain)
			if x.RestingMemory > 0 {
				fmt.Fprintf(w, "%.1f\t%.1f\t\n", megabytes(x.RestingMemory), megabytes(x.RestedMemory))
			} else {
				fmt.Fprint(w, "\t\t\n")
			}
			if f := x.First; f != nil {
				fmt.Fprintf(w, "each for the first time\t%.0f\t\t\t\t\t%.1f\t\t%.1f\t\t\t\t\n", f.Rate, f.CPU, f.Allocs)
			}
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	return writeTargets(out, r.Targets)
}

// writeTargets says of each target whether it was reached.
func writeTargets(out io.Writer, targets []target) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, t := range targets {
		verdict, bound := "miss", "at least"
		if t.OK {
			verdict = "ok"
		}
		if t.Most {
			bound = "at most"
		}
		fmt.Fprintf(w, "%s\t%s\t%.4g\t%s %g\n", verdict, t.What, t.Got, bound, t.Want)
	}
	return w.Flush()
}

func megabytes(n int64) float64 { return float64(n) / (1 << 20) }
