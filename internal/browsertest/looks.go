package browsertest

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Look is how somebody looks at a page.
type Look struct {
	Name          string
	scheme        string
	width, height int64
	// contrast is what prefers-contrast says, forced what forced-colors does; "" is
	// what most people have.
	contrast, forced string
}

// Looks are those that every page has to do well in.
var Looks = []Look{
	{Name: "desktop-light", scheme: "light", width: 1280, height: 800},
	{Name: "desktop-dark", scheme: "dark", width: 1280, height: 800},
	{Name: "phone-light", scheme: "light", width: 390, height: 844},
	{Name: "phone-dark", scheme: "dark", width: 390, height: 844},
	{Name: "desktop-contrast-dark", scheme: "dark", width: 1280, height: 800, contrast: "more"},
	{Name: "phone-contrast-light", scheme: "light", width: 390, height: 844, contrast: "more"},
	{Name: "desktop-forced-colors", scheme: "dark", width: 1280, height: 800, forced: "active"},
}

// TwoLooks are for pages that are made of the same parts as those that are seen in all
// Looks.
var TwoLooks = []Look{Looks[0], Looks[3]}

// narrow is the width to which pages reflow (WCAG 1.4.10): 320 CSS pixels.
var narrow = Look{Name: "narrow", scheme: "light", width: 320, height: 640}

// Set has the browser look so from now on.
func (l Look) Set() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := chromedp.EmulateViewport(l.width, l.height)(ctx, target); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-contrast", Value: cmp.Or(l.contrast, "no-preference")}, {Name: "forced-colors", Value: cmp.Or(l.forced, "none")},
			},
		})
		return err
	})
}

// Axe is axe-core, or skips the test.
func Axe(t *testing.T) string {
	t.Helper()
	path := os.Getenv("CADDYITO_AXE")
	if path == "" {
		if os.Getenv("CADDYITO_E2E") == "required" {
			t.Fatal("CADDYITO_AXE names no axe-core, and CADDYITO_E2E is required")
		}
		t.Skip("SKIPPED: CADDYITO_AXE names no axe-core; pages were not checked against WCAG")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// runAxe finds what is wrong on the page.
const runAxe = `axe.run(document, {
	runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
	resultTypes: ["violations"],
}).then(r => JSON.stringify(r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; "))))`

// findWide says what is wider than the window, but for what scrolls in itself.
const findWide = `(() => {
	const width = document.documentElement.clientWidth;
	if (document.scrollingElement.scrollWidth <= width) return "";
	const wide = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > width + 1);
	return "the page scrolls sideways: " + wide.map(e => e.outerHTML.slice(0, 120)).join("; ");
})()`

// Check fails for all that axe finds against WCAG 2.2 AA on the page that the browser
// shows, in each of the looks, and for a page that is wider than the window, be it as
// narrow as pages have to be; and keeps what it saw. The protocol's Runtime.evaluate
// runs axe under whatever policy the page has.
func Check(t *testing.T, ctx context.Context, axe, name string, looks []Look) {
	t.Helper()
	Do(t, ctx, chromedp.Evaluate[chromedp.Void](axe+"\n;undefined"))
	for _, look := range looks {
		Do(t, ctx, look.Set())
		found := Get(t, ctx, chromedp.Evaluate[string](runAxe, chromedp.EvalAwaitPromise))
		var violations []string
		if err := json.Unmarshal([]byte(found), &violations); err != nil {
			t.Fatal(err)
		}
		if wide := Get(t, ctx, chromedp.Evaluate[string](findWide)); wide != "" {
			violations = append(violations, wide)
		}
		if len(violations) > 0 {
			t.Errorf("%s, %s:\n%s", name, look.Name, strings.Join(violations, "\n"))
		}
		if look.contrast == "" && look.forced == "" { // what most people see
			Screenshot(t, ctx, name+"-"+look.Name)
		}
	}
	Do(t, ctx, narrow.Set())
	if wide := Get(t, ctx, chromedp.Evaluate[string](findWide)); wide != "" {
		t.Errorf("%s, %d pixels wide: %s", name, narrow.width, wide)
	}
	// A page that is loaded with forced colours keeps its background after they end.
	Do(t, ctx, Looks[0].Set())
}
