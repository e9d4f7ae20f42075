package integration

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/caddyito/caddyito/internal/browsertest"
)

// The helpers of browsertest under the names that they have here.
var (
	newBrowser = browsertest.Start
	do         = browsertest.Do
	screenshot = browsertest.Screenshot
	reaches    = browsertest.Reaches
)

func get[T any](t *testing.T, ctx context.Context, action chromedp.Action[T]) T {
	t.Helper()
	return browsertest.Get(t, ctx, action)
}

func command[P any](cmd cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return browsertest.Command(cmd, params)
}

func shows(t *testing.T, ctx context.Context, want ...string) {
	t.Helper()
	text := get(t, ctx, chromedp.Text(chromedp.CSS("body")))
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("the page lacks %q:\n%s", w, text)
		}
	}
}

// Across two Caddys, with consent, without JavaScript, by keyboard alone.
func TestBrowserTwoBoxes(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	b := startBoxes(t)
	created := b.serverCaddy.authJSON("", "client", "create", "asks", "--name", "The <b>Asking</b> Wiki", "--redirect", b.gate+"/oidc/callback", "--post-logout", b.gate+"/")
	gateFile := strings.ReplaceAll(b.gateWith(created["secret"].(string)), "client_id wiki", "client_id asks")
	if err := b.gateCaddy.reload(gateFile); err != nil {
		t.Fatal(err)
	}
	deep := b.gate + "/pages/x?y=1"
	do(t, browser,
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}),
		chromedp.Navigate(deep),
		chromedp.WaitVisible(chromedp.CSS("#login-submit")),
		chromedp.KeyEvent("alice\t"+password+"\r"), // the first field has the focus
		chromedp.WaitVisible(chromedp.CSS("button[name=decision][value=allow]")),
	)
	screenshot(t, browser, "consent")
	shows(t, browser, "The <b>Asking</b> Wiki")
	do(t, browser, chromedp.Click(chromedp.CSS("button[name=decision][value=allow]")), reaches(deep))
	shows(t, browser, `"Remote-User":["alice"]`)

	// Nobody notices a reload, nor a restart of both.
	if err := b.gateCaddy.reload(strings.Replace(gateFile, "client_id", "header Remote-User username\n\t\tclient_id", 1)); err != nil {
		t.Fatal(err)
	}
	do(t, browser, chromedp.Reload(), reaches(deep))
	shows(t, browser, `"Remote-User":["alice"]`)
	b.gateCaddy.stop()
	b.serverCaddy.stop()
	b.serverCaddy.start(b.serverFile)
	b.gateCaddy.start(gateFile)
	do(t, browser, chromedp.Reload(), reaches(deep))
	shows(t, browser, `"Remote-User":["alice"]`)

	// Asked once.
	do(t, browser, chromedp.Navigate(b.gate+"/oidc/login?return=/again"), reaches(b.gate+"/again"))

	// Signed out: asked to sign in, but not for consent again.
	do(t, browser,
		chromedp.Navigate(b.gate+"/oidc/logout"),
		chromedp.WaitVisible(chromedp.CSS("#login-submit")),
		chromedp.KeyEvent("alice\t"+password+"\r"),
		reaches(b.gate+"/"),
	)
}

func TestBrowserTenTabs(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	b := startBox(t, "")
	tabs := make([]context.Context, 10)
	for i := range tabs {
		tab, cancel := chromedp.NewContext(browser)
		defer cancel()
		if err := chromedp.Do(tab); err != nil { // a tab lives as long as its first context
			t.Fatal(err)
		}
		tabs[i] = tab
		do(t, tab, chromedp.Navigate(fmt.Sprintf("%s/tab/%d?n=%d", b.gate, i, i)), chromedp.WaitVisible(chromedp.CSS("#login-submit")))
	}
	for i, tab := range tabs {
		do(t, tab,
			command(page.BringToFront, cdp.Empty{}),
			chromedp.SendKeys(chromedp.CSS("input[name=username]"), "alice"),
			chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+"\r"),
			reaches(fmt.Sprintf("%s/tab/%d?n=%d", b.gate, i, i)),
		)
	}
}

// How the pages look on a phone and in the dark.
func TestBrowserLooks(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	b := startBox(t, "allow group wiki")
	for _, look := range []struct {
		name          string
		scheme        string
		width, height int64
	}{
		{"phone-light", "light", 390, 844},
		{"phone-dark", "dark", 390, 844},
		{"desktop-dark", "dark", 1280, 800},
	} {
		do(t, browser,
			chromedp.EmulateViewport(look.width, look.height),
			command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}}),
			chromedp.Navigate(b.gate+"/"),
			chromedp.WaitVisible(chromedp.CSS("#login-submit")),
		)
		screenshot(t, browser, "login-"+look.name)
		background := get(t, browser, chromedp.Evaluate[string](`getComputedStyle(document.body).backgroundColor`))
		if get(t, browser, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`)) {
			t.Errorf("%s: the sign-in page scrolls sideways", look.name)
		}
		var r, g, bl int
		if _, err := fmt.Sscanf(background, "rgb(%d, %d, %d)", &r, &g, &bl); err != nil {
			t.Fatalf("%s: background %q: %v", look.name, background, err)
		}
		if dark := r+g+bl < 384; dark != (look.scheme == "dark") {
			t.Errorf("%s: the background is %s", look.name, background)
		}
	}
	// Somebody whom the rules do not allow is told so.
	do(t, browser,
		chromedp.SendKeys(chromedp.CSS("input[name=username]"), "bob"),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+"\r"),
		reaches(b.gate+"/"),
	)
	screenshot(t, browser, "forbidden")
	shows(t, browser, "bob")
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
