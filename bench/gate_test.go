package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The whole of "bench gate", with real Caddys, in turns that are too short to
// say anything about speed.
func TestGate(t *testing.T) {
	if testing.Short() {
		t.Skip("starts twelve Caddys, twice")
	}
	profiles := filepath.Join(t.TempDir(), "profiles")
	var out bytes.Buffer
	args := []string{"gate", "--starts", "2", "--rounds", "1", "--seconds", "0.03", "--conns", "2", "--users", "50", "--profile", profiles, "--json"}
	if err := run(t.Context(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Results) != 13 || len(r.Targets) != 9 {
		t.Errorf("%d results, %d targets", len(r.Results), len(r.Targets))
	}
	for _, x := range r.Results {
		if x.Rate <= 0 || x.CPU <= 0 || x.Allocs <= 0 || x.Ratio <= 0 || x.P50 <= 0 || x.P99 < x.P50 {
			t.Errorf("%s, %s: %+v", x.Front, x.Name, x)
		}
		if x.Name == plainName && (x.Ratio != 1 || x.CPUOverPlain != 0) {
			t.Errorf("plain is not as plain: %+v", x)
		}
	}
	if files, err := os.ReadDir(profiles); err != nil || len(files) != 2*len(r.Results) {
		t.Errorf("%d profiles, %v", len(files), err)
	}
	var table bytes.Buffer
	if err := r.writeTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"in front of reverse_proxy", "in front of respond", strangers, "each for the first time", "at most 4\n"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
}

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{
		nil, {"gat"}, {"gate", "--starts", "0"}, {"gate", "--rounds", "0"}, {"gate", "--seconds", "-1"}, {"gate", "--conns", "0"},
		{"gate", "--users", "0"}, {"gate", "more"}, {"gate", "--nonsense"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
