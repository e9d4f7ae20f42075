package caddyfile_adapt

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// What the docs say that people see when something is wrong is what is said: whoever
// searches for a message finds it.
func TestMessagesOfTheDocs(t *testing.T) {
	operating, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(operating), "| what you see | what it is |\n| --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	if !ok {
		t.Fatal("there is no table")
	}
	said := syscall.EADDRINUSE.Error() + "\n" + syscall.EROFS.Error() + "\n" + sources(t)
	rows := strings.Split(table, "\n")
	for _, row := range rows {
		message := strings.TrimSpace(strings.Split(row, "|")[1])
		if strings.HasPrefix(message, "a page says") {
			continue // in whatever language
		}
		for part := range strings.SplitSeq(strings.ReplaceAll(message, "`", ""), "...") {
			if part = strings.Trim(part, " ,"); !strings.Contains(said, part) {
				t.Errorf("nothing says %q, of %q", part, message)
			}
		}
	}
	if len(rows) < 15 {
		t.Errorf("there are only %d messages", len(rows))
	}
}

// sources are the programs and pages that speak to people.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "integration"):
			return fs.SkipDir
		case strings.HasSuffix(path, "_test.go") || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".html"):
			return nil
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// A link within the docs leads to a file, and to a heading of it.
func TestLinksOfTheDocs(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]*)\)`)
	tried := 0
	for _, file := range docs(t) {
		text := readDoc(t, file)
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			tried++
			path, heading, _ := strings.Cut(m[1], "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			info, err := os.Stat(target)
			if err != nil {
				t.Errorf("%s: (%s) leads nowhere: %v", file, m[1], err)
				continue
			}
			if heading != "" && (info.IsDir() || !hasHeading(readDoc(t, target), heading)) {
				t.Errorf("%s: (%s): there is no such heading", file, m[1])
			}
		}
	}
	if tried < 30 {
		t.Errorf("only %d links were tried", tried)
	}
}

func readDoc(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hasHeading knows headings by what GitHub makes of them.
func hasHeading(text, anchor string) bool {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		of := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(m[1]), "")
		if strings.ReplaceAll(of, " ", "-") == anchor {
			return true
		}
	}
	return false
}
