package integration

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/caddyito/caddyito/internal/browsertest"
)

// Every page that administration leads to is for everybody, as is each page of one's
// own account.
func TestBrowserAccessibleAdministration(t *testing.T) {
	t.Parallel()
	axe, browser := browsertest.Axe(t), newBrowser(t)
	b := startBox(t, "")
	if err := b.reload(strings.Replace(boxFile(b.server, b.gate, b.app.addr, ""), "auth_server", "auth_server {\n\t\tdynamic_registration\n\t}", 1)); err != nil {
		t.Fatal(err)
	}
	b.auth("", "registration", "create", "--name", "The far wiki", "--origin", "https://wiki.example.com")
	do(t, browser,
		chromedp.Navigate(b.server+"/o/login"),
		chromedp.WaitVisible(chromedp.CSS("#login-submit")),
		chromedp.SendKeys(chromedp.CSS("input[name=username]"), "alice"),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+"\r"),
		chromedp.WaitNotPresent(chromedp.CSS("input[name=password]")),
	)
	// A page of each kind: what differs by an id or a query alone is the same.
	kind := func(u *url.URL) string {
		parts := strings.Split(u.Path, "/")
		for i, p := range parts {
			if strings.Trim(p, "0123456789") == "" && p != "" || strings.Contains(p, "localhost") {
				parts[i] = "one"
			}
		}
		return strings.Join(parts, "/")
	}
	seen := map[string]bool{}
	queue := []string{b.server + "/o/admin/clients/new?preset=gitea", b.server + "/o/admin/", b.server + "/o/account/"} // the first has more settings open
	for len(queue) > 0 && len(seen) < 60 {
		at := queue[0]
		queue = queue[1:]
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(at, b.server+"/o/admin") && !strings.HasPrefix(at, b.server+"/o/account/") || seen[kind(u)] {
			continue
		}
		seen[kind(u)] = true
		do(t, browser, chromedp.Navigate(at), chromedp.WaitReady(chromedp.CSS("main")))
		browsertest.Check(t, browser, axe, "at"+kind(u), browsertest.Looks)
		queue = append(queue, get(t, browser, chromedp.Evaluate[[]string](`[...document.querySelectorAll("a[href]:not([download], [href*=export])")].map(a => a.href)`))...)
	}
	do(t, browser,
		chromedp.Navigate(b.server+"/o/admin/registrations/new"),
		chromedp.SendKeys(chromedp.CSS("#name"), "The near wiki"),
		chromedp.SendKeys(chromedp.CSS("#origins"), "https://near.example.com"),
		chromedp.Click(chromedp.CSS(`form[method=post] button[type=submit]`)),
		chromedp.WaitVisible(chromedp.CSS("#token")),
	)
	browsertest.Check(t, browser, axe, "at a token that was made", browsertest.TwoLooks)
	if !seen["/o/admin/registrations"] || !seen["/o/admin/registrations/new"] {
		t.Errorf("tokens are not among what was found: %v", seen)
	}
	if len(seen) < 6 {
		t.Errorf("only %v were found", seen)
	}
}
