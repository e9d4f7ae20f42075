package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
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
	fast := true // the time counts, the size does not
	shot := Get(t, ctx, func(ctx context.Context, target *chromedp.Target) (page.CaptureScreenshotResult, error) {
		return cdp.Call(ctx, target, page.CaptureScreenshot, page.CaptureScreenshotParams{OptimizeForSpeed: &fast})
	})
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name = strings.Trim(notInNames.ReplaceAllString(name, "-"), "-")
	if err := os.WriteFile(filepath.Join(dir, name+".png"), shot.Data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// notInNames is what names of files do without.
var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

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
