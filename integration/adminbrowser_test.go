package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// An administrator registers an app, watches sync change without loading the page
// anew, and looks at who did what; on a phone and on a desktop, light and dark.
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
	pages := map[string]string{
		"overview": "/overview", "clients": "/clients", "client": "/clients/wiki", "client-new": "/clients/new?preset=grafana&address=https://grafana.example.com", "client-more": "/clients/new?preset=gitea&address=https://git.example.com",
		"sync": "/sync", "audit": "/audit", "client-delete": "/clients/wiki/delete",
		"objects": "/objects/company", "object": "/objects/company/1", "object-history": "/objects/company/1/history",
	}
	for _, look := range []struct {
		name, scheme  string
		width, height int64
	}{
		{"phone-light", "light", 390, 844}, {"phone-dark", "dark", 390, 844}, {"desktop-light", "light", 1280, 800}, {"desktop-dark", "dark", 1280, 800},
	} {
		do(t, browser,
			chromedp.EmulateViewport(look.width, look.height),
			command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}}),
		)
		for name, path := range pages {
			do(t, browser, chromedp.Navigate(admin+path), chromedp.WaitVisible(chromedp.CSS("h1")))
			screenshot(t, browser, "admin-"+name+"-"+look.name)
			if get(t, browser, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`)) {
				t.Errorf("%s: %s scrolls sideways", look.name, name)
			}
		}
	}
	// Without a script there is a link to look anew.
	do(t, browser,
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}),
		chromedp.Navigate(admin+"/sync"), chromedp.Click(chromedp.CSS(`.bar a.button`)), reaches(admin+"/sync"),
	)
}
