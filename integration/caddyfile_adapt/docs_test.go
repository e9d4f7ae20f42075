package caddyfile_adapt

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// block is what stands between two fences of a Markdown file.
type block struct{ file, language, text string }

// docs are the files that tell people what to write and to type.
func docs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no docs: %v", err)
	}
	return append(files, "../../README.md", "../../SECURITY.md", "../../CONTRIBUTING.md", "../../xcaddy.md")
}

// fence also finds a block in a list, which is indented as a whole.
var fence = regexp.MustCompile("(?ms)^( *)```(\\w*)\n(.*?)^ *```$")

func blocks(t *testing.T) (found []block) {
	t.Helper()
	for _, file := range docs(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
			lines := strings.SplitAfter(m[3], "\n")
			for i := range lines {
				lines[i] = strings.TrimPrefix(lines[i], m[1])
			}
			found = append(found, block{strings.TrimPrefix(file, "../../"), m[2], strings.Join(lines, "")})
		}
	}
	return found
}

// whole puts around a block what its reader has already. What begins with a directive,
// or a matcher, stands in a site; what begins with an option, in its directive. All else
// is global options or sites.
func whole(text string) string {
	first := strings.Fields(text)[0]
	switch {
	case first == "client":
		text = "auth_server {\n" + indent(text) + "}\n"
	case first == "allow":
		text = "auth_client https://auth.example.com {\n" + indent(text) + "}\n"
	case first != "auth_server" && first != "auth_client" && !strings.HasPrefix(first, "@"):
		return text
	}
	return "wiki.example.com {\n" + indent(text) + "}\n"
}

func indent(text string) string {
	return regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(text, "\t$1")
}

// synopsis is a block that shows which options there are, rather than an example.
func synopsis(b block) bool { return strings.Contains(b.text, "[<matcher>]") }

// Whoever pastes a block of the docs into a Caddyfile has one that Caddy takes.
func TestCaddyfilesOfTheDocs(t *testing.T) {
	tried := 0
	for _, b := range blocks(t) {
		if b.language == "" {
			t.Errorf("%s: a block does not say what it is (caddyfile, sh, text ...):\n%s", b.file, b.text)
		}
		if b.language != "caddyfile" || synopsis(b) {
			continue
		}
		tried++
		_, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(whole(b.text)), map[string]any{"filename": "Caddyfile"})
		if err != nil {
			t.Errorf("%s: %v\n%s", b.file, err, whole(b.text))
		}
		for _, w := range warnings {
			t.Errorf("%s: warning: %s\n%s", b.file, w.String(), whole(b.text))
		}
	}
	if tried < 20 {
		t.Errorf("only %d blocks were tried", tried)
	}
}

// The synopsis of a directive names all options that the directive has, and no others.
func TestSynopsesOfTheDocs(t *testing.T) {
	found := 0
	for _, b := range blocks(t) {
		if !synopsis(b) {
			continue
		}
		directive := strings.Fields(b.text)[0]
		for _, in := range []struct {
			block  string   // "" is the directive's own
			around []string // where an option that there is not says which there are
		}{
			{"", []string{directive}},
			{"brand", []string{directive, "brand"}},
			{"session", []string{directive, "session"}},
			{"client", []string{"auth_server", "client x"}},
			{"smtp", []string{"auth_server", "smtp"}},
			{"directory", []string{"auth_client", "directory"}},
		} {
			if in.around[0] != directive {
				continue
			}
			found++ // 5 of the server, 4 of the gate
			stated, there := optionsIn(b.text, in.block), optionsOf(t, in.around)
			for _, option := range there {
				if !slices.Contains(stated, option) {
					t.Errorf("%s: the synopsis of %s lacks %s", b.file, strings.Join(in.around, " "), option)
				}
			}
			for _, option := range stated {
				if !slices.Contains(there, option) {
					t.Errorf("%s: the synopsis of %s has %s, which there is not", b.file, strings.Join(in.around, " "), option)
				}
			}
		}
	}
	if found != 9 {
		t.Errorf("%d blocks of options were compared", found)
	}
}

// optionsIn are the first words of the lines of one block of a synopsis.
func optionsIn(synopsis, block string) (options []string) {
	tabs := 1
	if block != "" {
		tabs = 2
		_, synopsis, _ = strings.Cut(synopsis, "\n\t"+block)
		synopsis, _, _ = strings.Cut(synopsis, "\n\t}")
	}
	for _, m := range regexp.MustCompile(`(?m)^\t{`+string(rune('0'+tabs))+`}(\w+)`).FindAllStringSubmatch(synopsis, -1) {
		options = append(options, m[1])
	}
	return options
}

// optionsOf asks for an option that there is not, and is told which there are.
func optionsOf(t *testing.T, around []string) []string {
	t.Helper()
	text := "wiki.example.com {\n" + strings.Join(around, " {\n") + " {\nnonsense\n" + strings.Repeat("}\n", len(around)+1)
	_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err == nil {
		t.Fatalf("nonsense is taken:\n%s", text)
	}
	_, list, ok := strings.Cut(err.Error(), "there are: ")
	if !ok {
		t.Fatalf("it is not said which options there are: %v", err)
	}
	list, _, _ = strings.Cut(list, ", at Caddyfile")
	return strings.Split(list, ", ")
}
