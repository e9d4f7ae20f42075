package pages

import (
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/caddyito/caddyito/internal/browsertest"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Every page, in each of its states, is for everybody: as axe-core has WCAG 2.2 AA, on
// desktop and phone, in the light and in the dark.
func TestBrowserAccessible(t *testing.T) {
	t.Parallel()
	axe, browser := browsertest.Axe(t), browsertest.Start(t)
	pages := show(newSet(t, webpage.FooterLink{Text: "Imprint", URL: "/imprint"}, webpage.FooterLink{Text: "Privacy policy", URL: "https://example.com/privacy"}), "Ada")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := pages[r.URL.Query().Get("page")]
		if page == nil {
			http.NotFound(w, r)
			return
		}
		maps.Copy(w.Header(), page.Header())
		w.Header().Del("Refresh") // stay
		w.Write(page.Body.Bytes())
	}))
	defer srv.Close()
	for _, look := range browsertest.Looks {
		browsertest.Do(t, browser, look.Set())
		for _, name := range slices.Sorted(maps.Keys(pages)) {
			if strings.HasPrefix(name, "form post") {
				continue // its script leaves at once
			}
			browsertest.Do(t, browser, chromedp.Navigate(srv.URL+"/?"+url.Values{"page": {name}}.Encode()))
			browsertest.Check(t, browser, axe, name+", "+look.Name)
			browsertest.Screenshot(t, browser, "page "+name+" "+look.Name)
		}
	}
}

var firstWords = regexp.MustCompile(`<h1>\{\{t "([^"%]*)`)

// A template that is in none of the pages above would be checked by nobody.
func TestEveryTemplateIsShown(t *testing.T) {
	var all strings.Builder
	for _, w := range show(newSet(t), "Ada") {
		all.WriteString(w.Body.String())
	}
	files, err := fs.Glob(templates, "templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(templates, file)
		if err != nil {
			t.Fatal(err)
		}
		m := firstWords.FindSubmatch(text)
		if m == nil {
			t.Errorf("%s has no heading", file)
			continue
		}
		if !strings.Contains(all.String(), "<h1>"+string(m[1])) {
			t.Errorf("%s is not shown: add its page to show", file)
		}
	}
}
