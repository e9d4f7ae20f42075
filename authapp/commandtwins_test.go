package authapp

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestCommandsOfTheDocs: the table that says which command does what a page does names
// commands that there are, and leaves none of users, groups, objects and clients out.
func TestCommandsOfTheDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "| in the pages | on the command line |")
	table, _, _ = strings.Cut(table, "\n\n")
	if !ok {
		t.Fatal("there is no table")
	}
	root := &cobra.Command{Use: "auth"}
	root.AddCommand(userCommand(), groupCommand(), clientCommand(), registrationCommand(), objectCommand(), syncCommand(), importCommand(), exportCommand(), auditCommand(), overviewCommand())
	named := map[string]bool{}
	for _, line := range strings.Split(table, "\n") {
		group := ""
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			words := strings.Fields(m[1])
			if strings.HasPrefix(words[0], "--") { // of the command before it
				continue
			}
			cmd, rest, err := root.Find(words)
			if err != nil || cmd == root {
				cmd, rest, err = root.Find(append([]string{group}, words...))
			}
			if err != nil || cmd == root || len(rest) > 0 && !strings.HasPrefix(rest[0], "--") {
				t.Errorf("there is no caddy auth %s", m[1])
				continue
			}
			group = words[0] // where the next one of the line leaves it out
			if cmd.Parent() != root {
				group = cmd.Parent().Name()
			}
			for _, flag := range rest {
				if name, ok := strings.CutPrefix(flag, "--"); ok && cmd.Flags().Lookup(name) == nil {
					t.Errorf("caddy auth %s has no flag %s", cmd.CommandPath(), flag)
				}
			}
			named[cmd.CommandPath()] = true
		}
	}
	for _, of := range []string{"user", "group", "client", "registration", "object", "sync", "audit"} {
		parent, _, _ := root.Find([]string{of})
		for _, cmd := range parent.Commands() {
			if !named[cmd.CommandPath()] && cmd.CommandPath() != "auth client show" && cmd.CommandPath() != "auth client list" {
				t.Errorf("the table does not name %s", cmd.CommandPath())
			}
		}
	}
}
