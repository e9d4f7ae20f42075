package pages

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
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
		w.Header().Del("Content-Length")
		io.WriteString(w, strings.Replace(page.Body.String(), string(submit), "", 1))
	}))
	defer srv.Close()
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		browsertest.Do(t, browser, chromedp.Navigate(srv.URL+"/?"+url.Values{"page": {name}}.Encode()))
		browsertest.Check(t, browser, axe, "page "+name)
	}
}

// What of a template is in none of the pages above would be checked by nobody.
func TestEveryTemplateIsShown(t *testing.T) {
	var shown []string
	for _, w := range show(newSet(t), "Ada") {
		shown = append(shown, w.Body.String())
	}
	for _, piece := range browsertest.Unseen(t, templates, "templates/*.html", shown) {
		t.Errorf("add a page to show that has what stands in %s", piece)
	}
}
