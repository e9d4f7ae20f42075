package glue

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// No Caddyfile makes the parsers of the directives panic, and what they make
// of one is the same every time.
func FuzzCaddyfile(f *testing.F) {
	files, err := filepath.Glob("../caddyfile_adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		input, _, _ := bytes.Cut(data, []byte("\n----------\n"))
		f.Add(input)
	}
	adapter := caddyconfig.GetAdapter("caddyfile")
	f.Fuzz(func(t *testing.T, input []byte) {
		// Caddy's own parser follows imports, and reads the environment.
		if bytes.Contains(input, []byte("import")) || bytes.Contains(input, []byte("{$")) {
			return
		}
		first, _, err := adapter.Adapt(input, map[string]any{"filename": "Caddyfile"})
		if err != nil {
			return
		}
		second, _, err := adapter.Adapt(input, map[string]any{"filename": "Caddyfile"})
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("twice the same input became\n%s\nand\n%s (%v)", first, second, err)
		}
	})
}
