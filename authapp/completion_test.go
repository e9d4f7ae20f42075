package authapp

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/caddyito/caddyito/internal/freeport"
)

// complete asks as the scripts of shells do, and gives the words without what describes
// them, and the directive.
func (c *cli) complete(words ...string) (list []string, directive string) {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{"__complete", "auth", "--address", c.address}, words...)...)
	cmd.Env = append(os.Environ(), "TEST_RUN_AS_CADDY=1")
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("completing %v: %v", words, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines[:len(lines)-1] {
		word, _, _ := strings.Cut(line, "\t")
		list = append(list, word)
	}
	return list, lines[len(lines)-1]
}

const noFiles, noFilesNoSpace = ":4", ":6"

func TestCompletion(t *testing.T) {
	c := newCLI(t, cliSite)
	for _, name := range []string{"alice", "albert", "bob"} {
		c.ok("", "user", "create", name, "--no-password", "--group", "crew,it ops", "--first-name", "A $(reboot)")
	}
	c.ok("", "group", "add", "$(reboot)", "bob")
	c.ok("", "object", "create", "company", "name=Acme & Sons", "primary_activity=Buyer")
	c.ok("", "client", "create", "wiki", "--redirect", "https://wiki.example.com/oidc/callback", "--name", "The Wiki")
	for _, test := range []struct {
		words string
		want  string
		end   string
	}{
		{"us", "user", noFiles},
		{"user show ", "alice albert bob", noFiles},
		{"user show al", "alice albert", noFiles},
		{"user show AL", "alice albert", noFiles},
		{"user show alice ", "", noFiles},
		{"user bulk disable alice b", "bob", noFiles},
		{"user bulk disable --status s", "staff superuser", noFiles},
		{"user set alice is_s", "is_staff= is_superuser=", noFilesNoSpace},
		{"user set alice is_staff=", "is_staff=true is_staff=false", noFiles},
		{"user set alice first_name=x co", "company=", noFilesNoSpace},
		{"user create dora --group c", "crew", noFiles},
		{"user create dora --set co", "company=", noFilesNoSpace},
		{"group delete ", "crew", noFiles}, // no shell is given what it would run, or take for several words
		{"group add crew al", "alice albert", noFiles},
		{"client show ", "", noFiles},
		{"client show w", "wiki", noFiles},
		{"client delete ", "wiki", noFiles}, // gates of the config are not deleted
		{"client set wiki --sync ", "all granted off", noFiles},
		{"client create x --id-token-signed-response-alg ", "RS256 ES256 EdDSA", noFiles},
		{"client create x --grant-type client", "client_credentials", noFiles},
		{"client create x --format ", "djangito", noFiles},
		{"client create x --fields company.n", "company.name", noFiles},
		{"export --format ", "csv json", noFiles},
		{"audit export --format ", "csv jsonl", noFiles},
		{"audit list --actor o", "operator", noFiles},
		{"audit list --target client:w", "client:wiki", noFiles},
		{"object list ", "company", noFiles},
		{"object show company ", "1", noFiles},
		{"object bulk delete company 1 ", "1", noFiles},
		{"object list company --where p", "primary_activity=", noFilesNoSpace},
		{"object bulk delete company --where primary_activity=B", "primary_activity=Buyer", noFiles},
		{"object list --where ", "", noFiles},
		{"export --type company --where primary_activity=S", "primary_activity=Seller", noFiles},
		{"user bulk disable --where ", "company=", noFilesNoSpace},
		{"object set company 1 name=x pri", "primary_activity=", noFilesNoSpace},
		{"object create company name", "name=", noFilesNoSpace},
		{"key rotate ", "", noFiles},
		{"import ", "", ":0"}, // a file
		{"client create x --post", "--post-logout", noFiles},
	} {
		got, end := c.complete(strings.Split(test.words, " ")...)
		want := strings.Fields(test.want)
		if test.words == "client show " { // there is a gate whose id is made
			if len(got) != 2 || !slices.Contains(got, "wiki") {
				t.Errorf("%q: %q", test.words, got)
			}
			continue
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || end != test.end {
			t.Errorf("%q: %q %s, want %q %s", test.words, got, end, want, test.end)
		}
	}
}

// Where nothing listens there is nothing to choose from, and nothing is said.
func TestCompletionWhenNothingListens(t *testing.T) {
	c := &cli{t, fmt.Sprintf("127.0.0.1:%d", freeport.ForTest(t))}
	for _, words := range []string{"user show ", "client delete ", "group rename ", "object list ", "object show company ", "user set alice ", "sync resync ", "user revoke-app alice "} {
		if got, end := c.complete(strings.Split(words, " ")...); end != noFiles && end != noFilesNoSpace || len(got) > 0 && words != "user set alice " {
			t.Errorf("%q: %q %s", words, got, end)
		}
	}
	if got, _ := c.complete("client", "set", "x", "--sync", ""); len(got) != 3 {
		t.Errorf("what needs no Caddy: %q", got)
	}
}

// Every command that takes arguments completes them, and no table names one that there
// is not.
func TestCompletionsAreOfCommands(t *testing.T) {
	root := &cobra.Command{Use: "auth"}
	root.AddCommand(userCommand(), groupCommand(), clientCommand(), registrationCommand(), objectCommand(), syncCommand(), keyCommand(), importCommand(), exportCommand(), backupCommand(), restoreCommand(), auditCommand())
	known := map[string]bool{}
	var walk func(cmd *cobra.Command, path string)
	walk = func(cmd *cobra.Command, path string) {
		for _, sub := range cmd.Commands() {
			at := strings.TrimSpace(path + " " + sub.Name())
			known[at] = true
			walk(sub, at)
			if _, arg, _ := strings.Cut(sub.Use, " "); strings.HasPrefix(arg, "<") && !filed[at] && completions[at] == nil && at != "user create" && at != "client create" {
				t.Errorf("caddy auth %s completes no argument", at)
			}
		}
	}
	walk(root, "")
	for at := range completions {
		if !known[at] {
			t.Errorf("there is no command %s", at)
		}
	}
	for at := range endless {
		if len(completions[at]) == 0 {
			t.Errorf("%s has no completions", at)
		}
	}
	for name := range flagCompletions {
		command, flag, ok := cutLast(name)
		found := false
		for at := range known {
			cmd, _, err := root.Find(strings.Fields(at))
			found = found || err == nil && (!ok || at == command) && cmd.Flags().Lookup(flag) != nil
		}
		if !found {
			t.Errorf("there is no flag %s", name)
		}
	}
}
