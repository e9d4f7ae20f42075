package browsertest

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// Kept is a page as a server answered with it once.
type Kept struct {
	Header http.Header
	Body   string
}

// CheckKept opens each of the pages, which are by their names, and checks it.
func CheckKept(t *testing.T, ctx context.Context, axe, kind string, pages map[string]Kept, looks []Look) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.Query().Get("page")]
		if r.URL.Path != "/" || !ok {
			http.NotFound(w, r)
			return
		}
		for name, values := range page.Header {
			switch name {
			case "Refresh", "Content-Length", "Set-Cookie", "Date":
			default:
				w.Header()[name] = values
			}
		}
		io.WriteString(w, page.Body)
	}))
	defer srv.Close()
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		Do(t, ctx, chromedp.Navigate(srv.URL+"/?"+url.Values{"page": {name}}.Encode()))
		Check(t, ctx, axe, kind+" "+name, looks)
	}
}

// Bodies are those of the pages.
func Bodies(pages map[string]Kept) (bodies []string) {
	for _, page := range pages {
		bodies = append(bodies, page.Body)
	}
	return bodies
}
