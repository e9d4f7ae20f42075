package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Keyboard is somebody at the browser who has no mouse: all that is done here are keys,
// as the browser has them from a keyboard, but for the file that its own dialog would
// choose.
type Keyboard struct {
	t   *testing.T
	ctx context.Context
}

// AtKeyboard sits down at the browser.
func AtKeyboard(t *testing.T, ctx context.Context) *Keyboard { return &Keyboard{t, ctx} }

// Open types an address.
func (k *Keyboard) Open(address string) *Keyboard {
	k.t.Helper()
	Do(k.t, k.ctx, chromedp.Navigate(address), chromedp.WaitReady(chromedp.CSS("body")))
	return k
}

// Keys presses keys where the focus is.
func (k *Keyboard) Keys(keys string) *Keyboard {
	k.t.Helper()
	Do(k.t, k.ctx, strokes(keys, 0))
	return k
}

// strokes are keys that go down and up. Unlike with chromedp.KeyEvent a key and its
// character are one event, so that a page which takes the key spares the character.
func strokes(keys string, modifiers kb.Modifier) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for _, r := range keys {
			events := kb.Encode(r)
			down, up := events[0], events[len(events)-1]
			if len(events) == 3 && modifiers&^kb.ModifierShift == 0 {
				down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
			}
			for _, e := range []*input.DispatchKeyEventParams{down, up} {
				e.Modifiers |= modifiers.Int64()
				if _, err := cdp.Call(ctx, target, input.DispatchKeyEvent, *e); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// focus is where it is, and whether people see that.
type focus struct {
	Wanted, Around bool
	At, Unseen     string
}

// where looks for the focus. Around is whether it was there before in this search, with
// something else between: a field for a date is stopped at once for each of its parts.
const where = `((want, search) => {
	const e = document.activeElement, out = {Wanted: false, Around: false, At: "", Unseen: ""};
	if (!e || e === document.body || e === document.documentElement) return JSON.stringify(out);
	out.At = e.outerHTML.slice(0, 160);
	out.Wanted = e.matches(want);
	out.Around = e.searched === search && window.stoppedAt !== e;
	e.searched = search;
	window.stoppedAt = e;
	const style = getComputedStyle(e), box = e.getBoundingClientRect();
	if (!e.matches(":focus-visible")) out.Unseen = "it is not :focus-visible";
	else if ((style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) && style.boxShadow === "none") out.Unseen = "it has no outline";
	else if (!box.width || !box.height) out.Unseen = "it has no size";
	else if (box.bottom <= 0 || box.right <= 0 || box.top >= innerHeight || box.left >= innerWidth) out.Unseen = "it is outside of the window";
	return JSON.stringify(out);
})`

func (k *Keyboard) focus(selector string, search int64) (f focus) {
	k.t.Helper()
	script := fmt.Sprintf("%s(%q, %d)", where, selector, search)
	if err := json.Unmarshal([]byte(Get(k.t, k.ctx, chromedp.Evaluate[string](script))), &f); err != nil {
		k.t.Fatal(err)
	}
	return f
}

// To types Tab until what is wanted has the focus, and fails if that does not come there
// in a whole round, or comes anywhere where nobody sees it.
func (k *Keyboard) To(selector string) *Keyboard { return k.by(selector, 0) }

// BackTo is To with Shift+Tab.
func (k *Keyboard) BackTo(selector string) *Keyboard {
	return k.by(selector, kb.ModifierShift)
}

func (k *Keyboard) by(selector string, modifiers kb.Modifier) *Keyboard {
	k.t.Helper()
	search := time.Now().UnixNano() // a name for it, nothing is measured
	if k.focus(selector, search).Wanted {
		return k
	}
	passed, ends := []string{}, 0
	for {
		Do(k.t, k.ctx, strokes("\t", modifiers))
		f := k.focus(selector, search)
		if f.Unseen != "" {
			k.t.Errorf("at %s nobody sees where the focus is: %s: %s", k.at(), f.Unseen, f.At)
		}
		if f.Wanted {
			return k
		}
		passed = append(passed, f.At)
		if f.At == "" { // the page ends, and begins again
			ends++
		}
		if f.Around || ends > 1 {
			k.t.Fatalf("at %s Tab does not lead to %s, but to\n%s", k.at(), selector, strings.Join(passed, "\n"))
		}
	}
}

func (k *Keyboard) at() string { return Get(k.t, k.ctx, chromedp.Location()) }

// Type goes to a field and has it hold that text alone.
func (k *Keyboard) Type(selector, text string) *Keyboard {
	k.t.Helper()
	k.To(selector)
	Do(k.t, k.ctx, strokes("a", kb.ModifierCtrl), strokes(kb.Delete+text, 0))
	return k
}

// Tick goes to a checkbox and presses Space.
func (k *Keyboard) Tick(selector string) *Keyboard {
	k.t.Helper()
	k.To(selector)
	was := Get(k.t, k.ctx, chromedp.Evaluate[bool](`document.activeElement.checked`))
	k.Keys(" ")
	if Get(k.t, k.ctx, chromedp.Evaluate[bool](`document.activeElement.checked`)) == was {
		k.t.Errorf("at %s Space does not change %s", k.at(), selector)
	}
	return k
}

// Choose goes to a list and down its choices to the first that begins so.
func (k *Keyboard) Choose(selector, text string) *Keyboard {
	k.t.Helper()
	k.To(selector).Keys(kb.Home)
	for range Get(k.t, k.ctx, chromedp.Evaluate[int](`document.activeElement.options.length`)) {
		if strings.HasPrefix(Get(k.t, k.ctx, chromedp.Evaluate[string](`document.activeElement.selectedOptions[0].text`)), text) {
			return k
		}
		k.Keys(kb.ArrowDown)
	}
	k.t.Fatalf("at %s nothing in %s begins with %q", k.at(), selector, text)
	return k
}

// Enter presses Enter where the focus is, and waits for the page that this leads to.
func (k *Keyboard) Enter() *Keyboard { return k.leave("\r") }

// Press goes to a link or button and presses Enter there.
func (k *Keyboard) Press(selector string) *Keyboard {
	k.t.Helper()
	return k.To(selector).leave("\r")
}

func (k *Keyboard) leave(keys string) *Keyboard {
	k.t.Helper()
	Do(k.t, k.ctx, chromedp.Evaluate[chromedp.Void](`window.left = true; undefined`), strokes(keys, 0))
	k.Await(`!window.left && document.readyState === "complete" && document.querySelector("body")`)
	return k
}

// Await waits until a condition holds on the page.
func (k *Keyboard) Await(condition string) *Keyboard {
	k.t.Helper()
	Do(k.t, k.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for {
			// Between two pages there is nothing to ask.
			is, err := chromedp.Evaluate[bool]("!!("+condition+")")(ctx, target)
			if is && err == nil {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("it does not come that %s: %w", condition, ctx.Err())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}))
	return k
}

// Shows fails unless the page has those texts.
func (k *Keyboard) Shows(want ...string) *Keyboard {
	k.t.Helper()
	text := Get(k.t, k.ctx, chromedp.Text(chromedp.CSS("body")))
	for _, w := range want {
		if !strings.Contains(text, w) {
			k.t.Errorf("at %s the page lacks %q:\n%s", k.at(), w, text)
		}
	}
	return k
}

// File has a field hold a file, as the dialog does that the browser shows for it.
func (k *Keyboard) File(selector, path string) *Keyboard {
	k.t.Helper()
	k.To(selector)
	Do(k.t, k.ctx, chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path}))
	return k
}

// Downloads presses Enter at a link to a file, and returns what was in it.
func (k *Keyboard) Downloads(selector string) string {
	k.t.Helper()
	dir := k.t.TempDir()
	Do(k.t, k.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
		})
		return err
	}))
	k.To(selector).Keys("\r")
	for limit := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			k.t.Fatal(err)
		}
		if len(files) == 1 && !strings.HasSuffix(files[0], ".crdownload") && !strings.HasPrefix(filepath.Base(files[0]), ".") {
			if text, err := os.ReadFile(files[0]); err == nil && len(text) > 0 {
				return string(text)
			}
		}
		if time.Now().After(limit) {
			k.t.Fatalf("at %s nothing comes of %s", k.at(), selector)
		}
	}
}
