package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
)

// providerReport is what "bench provider" found, as --json prints it. Each number
// is the median over the rounds.
type providerReport struct {
	CPUs        int              `json:"cpus"`
	Platform    string           `json:"platform"`
	Go          string           `json:"go"`
	Rounds      int              `json:"rounds"`
	Seconds     float64          `json:"seconds"`
	Connections int              `json:"connections"`
	Results     []providerResult `json:"results"`
	Rush        rush             `json:"rush"`
	Targets     []target         `json:"targets"`
}

type providerResult struct {
	Name  string  `json:"name"`
	Users string  `json:"users,omitempty"`
	Rate  float64 `json:"per_second"`
	P50   float64 `json:"p50_us,omitempty"`
	P99   float64 `json:"p99_us,omitempty"`
	// CPU of the server for one, in microseconds; and how many a second the cores
	// would do if the server had them to itself.
	CPU    float64 `json:"cpu_us"`
	Bound  float64 `json:"cpu_bound_per_second"`
	Allocs float64 `json:"allocs"`
	// Quartiles of the rate: far apart, the machine was busy with other things.
	RateLow  float64 `json:"per_second_low"`
	RateHigh float64 `json:"per_second_high"`
}

// order of the results.
var order = []string{
	plainDiscovery, discoveryName, plainJWKS, jwksName, userinfoName, introspectName, machineName,
	codesES256, refreshES256, signName, codesRS256, refreshRS256, hashName, loginName,
}

func (b *providerBench) row(front, name string) *row {
	all := b.all()
	return all[slices.IndexFunc(all, func(r *row) bool { return r.front == front && r.name == name })]
}

func (b *providerBench) report() *providerReport {
	r := &providerReport{
		CPUs: runtime.NumCPU(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
		Rounds: b.rounds, Seconds: b.each.Seconds(), Connections: b.conns, Rush: b.rush,
	}
	for _, name := range order {
		for _, row := range b.all() {
			if row.name == name {
				r.Results = append(r.Results, newProviderResult(row))
			}
		}
	}
	least := func(what string, got, want float64) {
		r.Targets = append(r.Targets, target{what, got, want, false, got >= want})
	}
	most := func(what string, got, want float64) {
		r.Targets = append(r.Targets, target{what, got, want, true, got <= want})
	}
	few := func(name string) *row { return b.row(frontOf(b.few), name) }
	against := func(a, b *row, of func(round) float64, f func(a, b float64) float64) float64 {
		return median(paired(a.values(of), b.values(of), f))
	}
	alone := func(name string) *row { return b.row("", name) }
	least(discoveryName+": ratio to respond", against(alone(discoveryName), alone(plainDiscovery), rateOf, ratio), 0.9)
	least(jwksName+": ratio to respond", against(alone(jwksName), alone(plainJWKS), rateOf, ratio), 0.9)
	for _, t := range []struct {
		name string
		rate float64
	}{{userinfoName, 10_000}, {machineName, 5000}, {codesES256, 3000}, {refreshES256, 3000}, {loginName, 60}} {
		least(t.name+": per second", few(t.name).median(rateOf), t.rate)
	}
	for _, name := range []string{codesRS256, refreshRS256} {
		most(name+": CPU, times a bare signature's", against(few(name), alone(signName), cpuOf, ratio), 1.3)
	}
	most(loginName+": microseconds of CPU besides argon2id", against(few(loginName), alone(hashName), cpuOf, difference), 2000)
	for _, name := range []string{userinfoName, introspectName, machineName, codesES256, refreshES256, loginName} {
		least(fmt.Sprintf("%s: rate with %d users, of that with %d", name, b.many, b.few),
			against(b.row(frontOf(b.many), name), few(name), rateOf, ratio), 0.9)
	}
	if b.rush.Before > 0 {
		most(fmt.Sprintf("%d people sign in at once: MB of memory more than before", b.crowd), megabytes(b.rush.Peak-b.rush.Before), 200)
	}
	return r
}

func newProviderResult(r *row) providerResult {
	x := providerResult{
		Name: r.name, Users: r.front, Rate: r.median(rateOf), CPU: r.median(cpuOf),
		P50:    r.median(func(r round) float64 { return r.p50 }),
		P99:    r.median(func(r round) float64 { return r.p99 }),
		Allocs: r.median(func(r round) float64 { return r.allocs }),
	}
	x.Bound = float64(runtime.NumCPU()) * 1e6 / x.CPU
	x.RateLow, x.RateHigh = quartiles(r.values(rateOf))
	return x
}

func (r *providerReport) writeTable(out io.Writer) error {
	fmt.Fprintf(out, "%d CPUs, %s, %s; %d rounds of %g s, %d connections; driver and server share the CPUs\n",
		r.CPUs, r.Platform, r.Go, r.Rounds, r.Seconds, r.Connections)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\nwhat\t users\t per s\t quartiles\t p50 us\t p99 us\t CPU us\t CPU bound/s\t allocs\t\n")
	for _, x := range r.Results {
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%.0f-%.0f\t%.0f\t%.0f\t%.1f\t%.0f\t%.1f\t\n",
			x.Name, x.Users, x.Rate, x.RateLow, x.RateHigh, x.P50, x.P99, x.CPU, x.Bound, x.Allocs)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d people press the button of the login page at once: %d are signed in, %d asked to try again in a moment; memory %.1f MB before, %.1f MB at most\n\n",
		r.Rush.People, r.Rush.SignedIn, r.Rush.Later, megabytes(r.Rush.Before), megabytes(r.Rush.Peak))
	return writeTargets(out, r.Targets)
}
