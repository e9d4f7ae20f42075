package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The whole of "bench sync", with real Caddys, in numbers that are too small to
// say anything about speed.
func TestSync(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a dozen Caddys")
	}
	profiles := filepath.Join(t.TempDir(), "profiles")
	var out bytes.Buffer
	args := []string{"sync", "--changes", "3", "--burst", "1200", "--gates", "2", "--receivers", "5", "--users", "50,300",
		"--rounds", "1", "--each", "3", "--profile", profiles, "--json"}
	if err := run(t.Context(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r syncReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	targets := 6
	if runtime.GOOS != "linux" {
		targets = 4 // nothing tells the memory
	}
	if len(r.Latency) != 3 || len(r.Delivered) != 2 || len(r.Backfill) != 2 || len(r.Growth) != 2 || len(r.Targets) != targets {
		t.Fatalf("the report lacks something: %s", out.Bytes())
	}
	for i, clients := range []int{1, 2, 5} {
		if x := r.Latency[i]; x.Clients != clients || x.Changes != 3 || x.P50 <= 0 || x.P99 < x.P50 || x.Max < x.P99 {
			t.Errorf("latency: %+v", x)
		}
	}
	for _, x := range r.Delivered {
		if x.Changes != 1200 || x.Seconds <= 0 || x.PerClient <= 0 || x.All < x.PerClient {
			t.Errorf("delivered: %+v", x)
		}
	}
	for _, x := range r.Backfill {
		if x.Rate <= 0 || runtime.GOOS == "linux" && (x.ServerPeak <= 0 || x.GatePeak <= 0) {
			t.Errorf("backfill: %+v", x)
		}
	}
	for _, x := range r.Growth {
		if x.CPU <= 0 || x.Wall <= 0 || x.CPURatio <= 0 || x.WallRatio <= 0 {
			t.Errorf("growth: %+v", x)
		}
	}
	if files, err := os.ReadDir(profiles); err != nil || len(files) != 4 {
		t.Errorf("%d profiles, %v", len(files), err)
	}
	var table bytes.Buffer
	if err := r.writeTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"light receivers", "changes missed", "users in an empty mirror", "a change among users", "at most 100\n"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
}

func TestWrongSyncFlags(t *testing.T) {
	for _, args := range [][]string{
		{"sync", "--users", ""}, {"sync", "--users", "10,x"}, {"sync", "--users", "0"}, {"sync", "--gates", "0"},
		{"sync", "--receivers", "-1"}, {"sync", "more"}, {"sync", "--nonsense"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
