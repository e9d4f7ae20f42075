package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/caddyito/caddyito/internal/browsertest"
)

// An administrator registers an app, and watches sync change without loading the page
// anew.
func TestBrowserOperations(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	b := startBox(t, "")
	admin := b.server + "/o/admin"
	do(t, browser,
		chromedp.Navigate(admin+"/sync"),
		chromedp.WaitVisible(chromedp.CSS("#login-submit")),
		chromedp.SendKeys(chromedp.CSS("input[name=username]"), "alice"),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+"\r"),
		reaches(admin+"/sync"),
	)
	live := func() string {
		return get(t, browser, chromedp.Evaluate[string](`document.getElementById("live").innerText`))
	}
	before := live()
	if strings.Count(before, "\n") == 0 {
		t.Fatalf("the page of sync has no table: %s", before)
	}
	b.caddy.auth("", "user", "set", "alice", "first_name=Alicia")
	for deadline := time.Now().Add(time.Minute); live() == before; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a change does not come to the page, which says\n%s", before)
		}
	}
	do(t, browser,
		chromedp.Navigate(admin+"/clients/new"),
		chromedp.SendKeys(chromedp.CSS("#preset"), "Caddy"),
		chromedp.SendKeys(chromedp.CSS("#address"), "https://wiki.example.com\r"),
		chromedp.WaitVisible(chromedp.CSS(`#id[value="wiki"]`)),
		chromedp.Click(chromedp.CSS(`form[method=post] button[type=submit]`)),
		chromedp.WaitVisible(chromedp.CSS("#secret")),
	)
	shows(t, browser, "wiki.example.com {", "client_id wiki", b.server+"/o/token")
	// Without a script there is a link to look anew.
	do(t, browser, command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	browsertest.AtKeyboard(t, browser).Open(admin + "/sync").Press(".bar a.button").Shows("How the apps follow changes")
}
