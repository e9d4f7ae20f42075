// Package caddyfile_adapt holds what every Caddyfile option becomes in JSON,
// and what is said of every wrong one, with file and line.
//
// A file is a Caddyfile, a line of ten dashes, and the JSON; or the error, whole.
// "go test ./integration/caddyfile_adapt -update" writes the second part anew:
// look at the difference before you keep it.
package caddyfile_adapt

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddyito/caddyito"
)

var update = flag.Bool("update", false, "write what comes out into the files")

const separator = "\n----------\n"

func TestAdapt(t *testing.T) {
	files, err := filepath.Glob("*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens here: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".caddyfiletest"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, ok := strings.Cut(string(data), separator)
			if !ok {
				t.Fatalf("no line of ten dashes in it")
			}
			got := adapt(t, input+"\n")
			if *update {
				if err := os.WriteFile(file, []byte(input+separator+got+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if strings.TrimSpace(want) != got {
				t.Errorf("it becomes\n%s\n\ninstead of\n%s", got, want)
			}
		})
	}
}

// adapt returns the JSON, or the error. The Caddyfile must be formatted as
// "caddy fmt" does, and give no other warning either.
func adapt(t *testing.T, input string) string {
	t.Helper()
	out, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return err.Error()
	}
	for _, w := range warnings {
		t.Errorf("warning: %s", w.String())
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, out, "", "\t"); err != nil {
		t.Fatal(err)
	}
	return pretty.String()
}

// A wrong option must not pass because a right one has the same golden.
func TestErrorsNameTheLine(t *testing.T) {
	files, err := filepath.Glob("error_*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens of errors here: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, want, _ := strings.Cut(string(data), separator)
		if !strings.Contains(want, ", at Caddyfile:") {
			t.Errorf("%s: the error does not say where: %s", file, want)
		}
	}
}
