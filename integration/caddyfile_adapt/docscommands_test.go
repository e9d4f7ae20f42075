package caddyfile_adapt

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// authCommand is "caddy auth" as Caddy builds it, anew, since flags remember values.
func authCommand(t *testing.T) *cobra.Command {
	t.Helper()
	auth, ok := caddycmd.Commands()["auth"]
	if !ok {
		t.Fatal("this Caddy has no command auth")
	}
	cmd := &cobra.Command{Use: "auth"}
	auth.CobraFunc(cmd)
	return cmd
}

// word is one of a command line; a part of it may be in quotes.
var word = regexp.MustCompile(`(?:[^\s"]|"[^"]*")+`)

// check says what the command line would stumble upon before it does anything.
func check(t *testing.T, line string, complete bool) error {
	t.Helper()
	var words []string
	for _, w := range word.FindAllString(line, -1) {
		words = append(words, strings.ReplaceAll(w, `"`, ""))
	}
	cmd, rest, err := authCommand(t).Find(words)
	if err != nil {
		return err
	}
	if !complete {
		// Prose names a command, and flags, without saying what they are for.
		for _, w := range rest {
			if name, ok := strings.CutPrefix(w, "--"); ok && cmd.Flag(strings.SplitN(name, "=", 2)[0]) == nil {
				return fmt.Errorf("%s has no flag --%s", cmd.CommandPath(), name)
			}
		}
		if cmd.HasSubCommands() && len(rest) > 0 {
			return fmt.Errorf("%s has no command %s", cmd.CommandPath(), rest[0])
		}
		return nil
	}
	if cmd.HasSubCommands() {
		return fmt.Errorf("%s does nothing by itself", cmd.CommandPath())
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return errors.Join(cmd.ValidateArgs(cmd.Flags().Args()), cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups())
}

// A command of the docs can be typed as it stands there.
func TestCommandsOfTheDocs(t *testing.T) {
	var (
		command  = regexp.MustCompile(`(?m)^(?:sudo |docker exec -it caddy )?caddy auth (.*)$`)
		apart    = regexp.MustCompile(`\s+#.*|\s[<>] .*`) // a comment, or a file
		lineGoes = regexp.MustCompile(`\\\n\s*`)
	)
	tried := 0
	for _, b := range blocks(t) {
		if b.language != "sh" {
			continue
		}
		for _, m := range command.FindAllStringSubmatch(lineGoes.ReplaceAllString(b.text, ""), -1) {
			tried++
			if err := check(t, apart.ReplaceAllString(m[1], ""), true); err != nil {
				t.Errorf("%s: caddy auth %s: %v", b.file, m[1], err)
			}
		}
	}
	if tried < 40 {
		t.Errorf("only %d commands were tried", tried)
	}
}

// What the prose names is a command, too, with the flags that it is said to have.
func TestCommandsInTheProseOfTheDocs(t *testing.T) {
	tried := 0
	for _, file := range docs(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		prose := fence.ReplaceAllString(string(text), "")
		for _, m := range regexp.MustCompile("(?s)`caddy\\s+auth\\s+([a-z][^`]*)`").FindAllStringSubmatch(prose, -1) {
			tried++
			if err := check(t, m[1], false); err != nil {
				t.Errorf("%s: `caddy auth %s`: %v", file, m[1], err)
			}
		}
	}
	if tried < 15 {
		t.Errorf("only %d commands were tried", tried)
	}
}
