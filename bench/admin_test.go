package main

import (
	"bytes"
	"encoding/json"
	"io"
	"runtime"
	"strings"
	"testing"
)

// The whole of "bench admin", with real Caddys, in numbers that are too small to say
// anything about speed.
func TestAdmin(t *testing.T) {
	if testing.Short() {
		t.Skip("starts two Caddys")
	}
	var out bytes.Buffer
	args := []string{"admin", "--rounds", "1", "--seconds", "0.2", "--few", "20", "--many", "150", "--json"}
	if err := run(t.Context(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r adminReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	targets := 3
	if runtime.GOOS != "linux" {
		targets = 2 // nothing tells the memory
	}
	if len(r.Results) != 2*len(adminPages) || len(r.Targets) != targets || len(r.Peaks) != 2 {
		t.Errorf("the report lacks something: %s", out.Bytes())
	}
	for _, x := range r.Results {
		if x.Rate <= 0 || x.CPU <= 0 || x.P50 <= 0 || x.P99 < x.P50 || x.Allocs <= 0 {
			t.Errorf("%+v", x)
		}
	}
	var table bytes.Buffer
	if err := r.writeTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{firstPage, "150 users", "memory at most", "at most 50\n"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
}

func TestWrongAdminFlags(t *testing.T) {
	for _, args := range [][]string{
		{"admin", "--rounds", "0"}, {"admin", "--seconds", "0"}, {"admin", "--conns", "0"}, {"admin", "--few", "0"},
		{"admin", "--many", "-1"}, {"admin", "more"}, {"admin", "--nonsense"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
