package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/caddyito/caddyito/internal/freeport"
)

// docs/recipe-tiddlywiki.md, with the real TiddlyWiki: CADDYITO_TIDDLYWIKI is
// the folder into which npm installed it.
func TestRecipeTiddlyWiki(t *testing.T) {
	t.Parallel()
	home := os.Getenv("CADDYITO_TIDDLYWIKI")
	if home == "" {
		if os.Getenv("CADDYITO_E2E") == "required" {
			t.Fatal("CADDYITO_TIDDLYWIKI is not set, and CADDYITO_E2E is required")
		}
		t.Skip("SKIPPED: CADDYITO_TIDDLYWIKI is not set; the recipe was not tried")
	}
	bin := filepath.Join(home, "node_modules", ".bin", "tiddlywiki")
	wiki := filepath.Join(t.TempDir(), "mywiki")
	if out, err := exec.Command(bin, wiki, "--init", "server").CombinedOutput(); err != nil {
		t.Fatalf("tiddlywiki --init: %v\n%s", err, out)
	}
	port := freeport.ForTest(t)
	log := &logs{}
	cmd := exec.Command(bin, wiki, "--listen", "host=127.0.0.1", fmt.Sprintf("port=%d", port),
		"authenticated-user-header=Remote-User", "readers=(authenticated)", "writers=(authenticated)")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	app := fmt.Sprintf("127.0.0.1:%d", port)
	waitFor(t, time.Minute, func() error {
		resp, err := http.Get("http://" + app + "/status")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, log.String())
		}
		return resp.Body.Close()
	})

	server, gate := "http://"+freeAddr(t), "http://"+freeAddr(t)
	c := startCaddy(t, boxFile(server, gate, app, ""))
	c.people()

	p := newPerson(t)
	p.open(gate+"/status").onLogin(server).signIn("alice", password).at(gate+"/status", 200)
	var status struct {
		Username  string
		Anonymous bool
	}
	if err := json.Unmarshal([]byte(p.body), &status); err != nil || status.Username != "alice" || status.Anonymous {
		t.Errorf("TiddlyWiki says %s (%v)", p.body, err)
	}

	browser := newBrowser(t)
	do(t, browser,
		chromedp.Navigate(gate+"/"),
		chromedp.WaitVisible(chromedp.CSS("#login-submit")),
		chromedp.SendKeys(chromedp.CSS("input[name=username]"), "alice"),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+"\r"),
		reaches(gate+"/"),
		chromedp.WaitVisible(chromedp.CSS(".tc-site-title")),
	)
	// A new tiddler bears the name of who wrote it, which the wiki took from the
	// header, and is saved through the gate. The editor slides in, and a click meanwhile
	// lands where the button was: so it is told to be there at once.
	get(t, browser, chromedp.Evaluate[bool](`$tw.wiki.setText("$:/config/AnimationDuration", "text", null, "0"), true`))
	do(t, browser,
		chromedp.Click(chromedp.CSS(`button[aria-label="new tiddler"]`)),
		chromedp.WaitVisible(chromedp.CSS(".tc-edit-texteditor")),
	)
	do(t, browser,
		chromedp.Click(chromedp.CSS(`button[aria-label="Confirm changes to this tiddler"]`)),
	)
	waitFor(t, time.Minute, func() error {
		saved, err := os.ReadFile(filepath.Join(wiki, "tiddlers", "New Tiddler.tid"))
		if err != nil {
			return err
		}
		if !strings.Contains(string(saved), "creator: alice") {
			return fmt.Errorf("the tiddler is not alice's:\n%s", saved)
		}
		return nil
	})
	screenshot(t, browser, "tiddlywiki")
}
