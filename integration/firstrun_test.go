package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// effort is what somebody does until they see the first page behind the gate.
type effort struct{ commands, clicks, fields int }

// statedEffort is what the README has a newcomer do: the commands that it shows, and
// how much it says that all takes.
func statedEffort(t *testing.T) (commands []string, stated effort) {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Try it\n")
	section, _, _ = strings.Cut(section, "\n## ")
	counted := regexp.MustCompile(`(\d+) commands?, (\d+) clicks? and (\d+) typed\s+fields?`).FindStringSubmatchIndex(section)
	if counted == nil {
		t.Fatalf("the README does not say how many commands, clicks and typed fields it takes:\n%s", section)
	}
	if _, err := fmt.Sscanf(section[counted[2]:counted[3]]+" "+section[counted[4]:counted[5]]+" "+section[counted[6]:counted[7]],
		"%d %d %d", &stated.commands, &stated.clicks, &stated.fields); err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(section[:counted[0]], "```") {
		if i%2 == 1 {
			commands = append(commands, strings.Split(strings.TrimSpace(strings.TrimPrefix(block, "sh\n")), "\n")...)
		}
	}
	return commands, stated
}

// A newcomer follows the README: its command, the link in the log, and the demo page
// greets them, after no more than it says.
func TestBrowserFirstRun(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	commands, stated := statedEffort(t)
	if len(commands) != 1 || commands[0] != "go run ./cmd/caddy run --config Caddyfile.example" {
		t.Fatalf("the README has a newcomer type %q, which is not what is tried here", commands)
	}
	if stated.commands > 2 {
		t.Errorf("it takes %d commands; at most 2", stated.commands)
	}
	example, err := os.ReadFile("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	server, gate := "http://"+freeAddr(t), "http://"+freeAddr(t)
	file := strings.NewReplacer("http://localhost:9080", server, "http://localhost:9081", gate).Replace(string(example))
	c := newCaddy(t)
	if err := os.Symlink(mustAbs(t, "../examples"), filepath.Join(c.dir, "examples")); err != nil {
		t.Fatal(err)
	}
	c.start(file) // with the binary that the command builds
	spent := effort{commands: len(commands)}

	// The link is clicked where the log shows it. What must be filled in is, in the
	// order in which the keyboard comes by, and nothing else.
	do(t, browser, chromedp.Navigate(c.setupLink()), chromedp.WaitVisible(chromedp.CSS("input[name=username]")))
	spent.clicks++
	screenshot(t, browser, "setup")
	typed := map[string]string{"username": "ada", "password": password}
	for _, name := range get(t, browser, chromedp.Evaluate[[]string](`[...document.querySelectorAll("input:required")].map(i => i.name)`)) {
		if typed[name] == "" {
			t.Fatalf("the setup page asks for %q too", name)
		}
		do(t, browser, chromedp.SendKeys(chromedp.CSS("input[name="+name+"]"), typed[name]))
		spent.fields++
	}
	do(t, browser, chromedp.Click(chromedp.CSS("#setup-submit")), chromedp.WaitVisible(chromedp.CSS("#logout-submit")))
	spent.clicks++
	screenshot(t, browser, "set-up")

	// Whoever set up is signed in, and led on to the app, which knows them.
	do(t, browser, chromedp.Click(chromedp.CSS("a.button[href='"+gate+"/']")), reaches(gate+"/"))
	spent.clicks++
	screenshot(t, browser, "demo")
	shows(t, browser, "Hello, ada")
	if spent != stated {
		t.Errorf("it took %+v, and the README says %+v", spent, stated)
	}

	do(t, browser, chromedp.Navigate(gate+"/oidc/logout"), chromedp.WaitVisible(chromedp.CSS("#login-submit")))
	screenshot(t, browser, "login")
	do(t, browser,
		chromedp.SendKeys(chromedp.CSS("input[name=username]"), "ada"),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), "wrong"),
		chromedp.Click(chromedp.CSS("#login-submit")),
		chromedp.WaitVisible(chromedp.CSS("[role=alert]")),
	)
	screenshot(t, browser, "login-wrong")
	do(t, browser,
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password),
		chromedp.Click(chromedp.CSS("#login-submit")),
		reaches(gate+"/"),
	)
	shows(t, browser, "ada")
}

// What may be left out when setting up is of use where it is not.
func TestBrowserFirstRunInFull(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	server, gate := "http://"+freeAddr(t), "http://"+freeAddr(t)
	c := startCaddy(t, server+" {\n\tauth_server\n}\n"+gate+" {\n\tauth_client "+server+"\n\trespond \"{http.auth.user.email} of {http.auth.user.company.name}\"\n}\n")
	do(t, browser,
		chromedp.Navigate(c.setupLink()), chromedp.WaitVisible(chromedp.CSS("input[name=username]")),
		chromedp.SendKeys(chromedp.CSS("input[name=username]"), "ada"),
		chromedp.SendKeys(chromedp.CSS("input[name=email]"), "ada@example.com"),
		chromedp.SendKeys(chromedp.CSS("input[name=company]"), "Analytical Engines"),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+"\r"),
		chromedp.WaitVisible(chromedp.CSS("#logout-submit")),
		chromedp.Navigate(gate+"/"), reaches(gate+"/"),
	)
	shows(t, browser, "ada@example.com of Analytical Engines")
}
