package browsertest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Start starts chromium with a profile of its own, or skips the test.
func Start(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("CADDYITO_E2E") == "required" {
			t.Fatal("there is no chromium, and CADDYITO_E2E is required")
		}
		t.Skip("SKIPPED: there is no chromium; the journeys through a browser were not tried")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(2*time.Minute), chromedp.WindowSize(1280, 800),
	)
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return ctx
}

// Do runs the actions, and fails with where the browser was.
func Do(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	step, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := chromedp.Do(step, actions...); err != nil {
		look, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		at, _ := chromedp.Run(look, chromedp.Location())
		text, _ := chromedp.Run(look, chromedp.Text(chromedp.CSS("body")))
		t.Fatalf("%v\nat %s:\n%s", err, at, text)
	}
}

// Get runs the action and returns its value.
func Get[T any](t *testing.T, ctx context.Context, action chromedp.Action[T]) (v T) {
	t.Helper()
	Do(t, ctx, func(ctx context.Context, target *chromedp.Target) (_ chromedp.Void, err error) {
		v, err = action(ctx, target)
		return chromedp.Void{}, err
	})
	return v
}

// Command sends a command of the browser's protocol that answers nothing.
func Command[P any](cmd cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, cmd, params)
		return err
	})
}

// Screenshot keeps what the browser shows, where CADDYITO_SCREENSHOTS says.
func Screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("CADDYITO_SCREENSHOTS")
	if dir == "" {
		return
	}
	png := Get(t, ctx, chromedp.CaptureScreenshot())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name = strings.Trim(notInNames.ReplaceAllString(name, "-"), "-")
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// notInNames is what names of files do without.
var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

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

// Check fails for all that axe finds against WCAG 2.2 AA on the page that the browser
// shows, in each look, and for a page that is wider than the window; and keeps what it
// saw. The protocol's Runtime.evaluate runs axe under whatever policy the page has.
func Check(t *testing.T, ctx context.Context, axe, name string) {
	t.Helper()
	Do(t, ctx, chromedp.Evaluate[chromedp.Void](axe+"\n;undefined"))
	for _, look := range Looks {
		Do(t, ctx, look.Set())
		found := Get(t, ctx, chromedp.Evaluate[string](`axe.run(document, {
			runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
			resultTypes: ["violations"],
		}).then(r => JSON.stringify(r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; "))))`,
			chromedp.EvalAwaitPromise))
		var violations []string
		if err := json.Unmarshal([]byte(found), &violations); err != nil {
			t.Fatal(err)
		}
		if Get(t, ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`)) {
			violations = append(violations, "the page scrolls sideways")
		}
		if len(violations) > 0 {
			t.Errorf("%s, %s:\n%s", name, look.Name, strings.Join(violations, "\n"))
		}
		Screenshot(t, ctx, name+"-"+look.Name)
	}
	// A page that is loaded with forced colours keeps its background after they end.
	Do(t, ctx, Looks[0].Set())
}

// Reaches waits until the browser shows that address.
func Reaches(address string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for {
			at, err := chromedp.Location()(ctx, target)
			if err != nil {
				return err
			}
			if at == address {
				_, err := chromedp.WaitReady(chromedp.CSS("body"))(ctx, target)
				return err
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("the browser is at %s, not at %s", at, address)
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}
