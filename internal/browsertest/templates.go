package browsertest

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

var templateAction = regexp.MustCompile(`\{\{[^}]*\}\}`)

// Unseen are the pieces of markup in templates that no page has: what is written in a
// template between its actions, each in the state that shows it. So a page that is new,
// or a part of one, is looked at by whoever looks at all pages, or that fails.
func Unseen(t *testing.T, templates fs.FS, pattern string, pages []string) (unseen []string) {
	t.Helper()
	files, err := fs.Glob(templates, pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no templates are %s: %v", pattern, err)
	}
	all := strings.Join(pages, "\n")
	for _, file := range files {
		text, err := fs.ReadFile(templates, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range templateAction.Split(string(text), -1) {
			piece = strings.TrimSpace(piece)
			if strings.Contains(piece, "<") && !strings.Contains(all, piece) {
				unseen = append(unseen, file+": "+piece)
			}
		}
	}
	return unseen
}
