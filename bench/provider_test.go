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

// The whole of "bench provider", with real Caddys, in turns and numbers that are too
// small to say anything about speed.
func TestProvider(t *testing.T) {
	if testing.Short() {
		t.Skip("starts four Caddys and checks passwords")
	}
	profiles := filepath.Join(t.TempDir(), "profiles")
	var out bytes.Buffer
	args := []string{"provider", "--rounds", "2", "--seconds", "0.03", "--conns", "2", "--few", "20", "--many", "150", "--crowd", "5", "--profile", profiles, "--json"}
	if err := run(t.Context(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r providerReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	targets := 17
	if runtime.GOOS != "linux" {
		targets = 16 // nothing tells the memory
	}
	if len(r.Results) != 20 || len(r.Targets) != targets {
		t.Errorf("%d results, %d targets", len(r.Results), len(r.Targets))
	}
	for _, x := range r.Results {
		if x.Rate <= 0 || x.CPU <= 0 || x.Bound <= 0 || x.RateHigh < x.RateLow {
			t.Errorf("%+v", x)
		}
		if x.Name != signName && (x.P50 <= 0 || x.P99 < x.P50 || x.Allocs <= 0) {
			t.Errorf("%+v", x)
		}
	}
	if r.Rush.People != 5 || r.Rush.SignedIn != 5 || r.Rush.Later != 0 || runtime.GOOS == "linux" && r.Rush.Peak <= 0 {
		t.Errorf("the crowd: %+v", r.Rush)
	}
	if files, err := os.ReadDir(profiles); err != nil || len(files) != 2*len(r.Results) {
		t.Errorf("%d profiles, %v", len(files), err)
	}
	var table bytes.Buffer
	if err := r.writeTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{loginName, "150 users", "5 are signed in", "at least 60\n", "at most 2000\n"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
}

func TestWrongProviderFlags(t *testing.T) {
	for _, args := range [][]string{
		{"provider", "--rounds", "0"}, {"provider", "--seconds", "11"}, {"provider", "--conns", "0"}, {"provider", "--few", "0"},
		{"provider", "--many", "-1"}, {"provider", "--crowd", "0"}, {"provider", "more"}, {"provider", "--nonsense"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
