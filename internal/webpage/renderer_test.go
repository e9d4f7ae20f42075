package webpage

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/net/html"

	"github.com/caddyito/caddyito/internal/lang"
)

func newRenderer(t *testing.T, b Brand) *Renderer {
	t.Helper()
	r, err := New(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func person() *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	return r
}

func message(r *Renderer, req *http.Request, m Message) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.Message(w, req, http.StatusForbidden, m)
	return w
}

func TestSecurityHeaders(t *testing.T) {
	r := newRenderer(t, Brand{})
	for name, req := range map[string]*http.Request{"person": person(), "program": httptest.NewRequest("GET", "/", nil)} {
		w := message(r, req, Message{Title: words("No")})
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff",
			"X-Frame-Options":        "DENY",
			"Referrer-Policy":        "no-referrer",
			"Cache-Control":          "no-store",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s: %q, want %q", name, header, got, want)
			}
		}
		csp := w.Header().Get("Content-Security-Policy")
		for _, directive := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "img-src data:"} {
			if !strings.Contains(csp+";", directive+";") {
				t.Errorf("%s: the policy %q lacks %q", name, csp, directive)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") {
			t.Errorf("%s: the policy %q allows scripts or unsafe things", name, csp)
		}
	}
}

func TestPolicyNamesTheStyleThatIsSent(t *testing.T) {
	for _, accent := range []string{"", "#ffd400", "#ABCDEF", "#000000"} {
		w := message(newRenderer(t, Brand{Accent: accent}), person(), Message{Title: words("No")})
		_, rest, _ := strings.Cut(w.Body.String(), "<style>")
		style, _, ok := strings.Cut(rest, "</style>")
		if !ok || style == "" {
			t.Fatal("no style was sent")
		}
		if accent != "" && !strings.Contains(style, "--accent: "+strings.ToLower(accent)) {
			t.Errorf("accent %s is not in the style", accent)
		}
		if strings.Contains(style, "/*") {
			t.Errorf("accent %q: a place in the style was left empty", accent)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "style-src "+hashSource(style)+";") {
			t.Errorf("accent %q: %s is not the hash of the style", accent, csp)
		}
	}
}

func TestMessageForPeople(t *testing.T) {
	w := message(newRenderer(t, Brand{Name: "Acme"}), person(), Message{words("No entry"), words("Ask for a key."), "access_denied", words("Back"), "/start"})
	if w.Code != http.StatusForbidden || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("answer %d %s", w.Code, w.Header().Get("Content-Type"))
	}
	for _, want := range []string{"<title>No entry · Acme</title>", "<h1>No entry</h1>", "Ask for a key.", "access_denied", `href="/start"`, ">Back<", `lang="en"`, "<main>"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestMessageForPrograms(t *testing.T) {
	w := message(newRenderer(t, Brand{}), httptest.NewRequest("GET", "/", nil), Message{words("No <entry>"), words("Ask \"for\" a key."), "access_denied", words("Back"), "/start"})
	if w.Code != http.StatusForbidden || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("answer %d %s", w.Code, w.Header().Get("Content-Type"))
	}
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got["type"] != "about:blank" || got["title"] != "No <entry>" || got["status"] != 403.0 || got["detail"] != "Ask \"for\" a key. access_denied" || len(got) != 4 {
		t.Errorf("problem %v", got)
	}
}

func TestMessageEscapes(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	r := newRenderer(t, Brand{Name: evil})
	for _, link := range []string{evil, "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,<script>", "\x01javascript:alert(1)"} {
		body := message(r, person(), Message{words(evil), words(evil), evil, words(evil), link}).Body.Bytes()
		for n := range parseHTML(t, body).Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "script" || n.Data == "img" {
				t.Errorf("link %q: <%s> got into the page", link, n.Data)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "href" && n.Data == "a" && strings.Contains(strings.ToLower(a.Val), "script:") {
					t.Errorf("link %q: %s=%q got into the page", link, a.Key, a.Val)
				}
			}
		}
	}
}

func TestWantsHTML(t *testing.T) {
	for _, c := range []struct {
		dest, accept string
		want         bool
	}{
		{"document", "*/*", true},
		{"document", "application/json", true},
		{"iframe", "", true},
		{"empty", "text/html", false}, // fetch()
		{"websocket", "text/html", false},
		{"script", "*/*", false},
		{"", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true},
		{"", "TEXT/HTML", true},
		{"", "", false},
		{"", "*/*", false}, // curl
		{"", "application/json", false},
		{"", "application/json, text/html;q=0.5", false},
		{"", "application/problem+json, text/html;q=0.5", false},
		{"", "application/json;q=0.5, text/html", true},
		{"", "text/html;q=0", false},
		{"", "text/html;q=NaN", false},
		{"", "text/html;q=x", false},
		{"", ";;;,,,/", false},
		{"", "text/htmlx", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if c.dest != "" {
			r.Header.Set("Sec-Fetch-Dest", c.dest)
		}
		if c.accept != "" {
			r.Header.Set("Accept", c.accept)
		}
		if got := WantsHTML(r); got != c.want {
			t.Errorf("Sec-Fetch-Dest %q, Accept %q: %v, want %v", c.dest, c.accept, got, c.want)
		}
	}
}

func FuzzWantsHTML(f *testing.F) {
	f.Add("text/html,*/*;q=0.8")
	f.Add("text/html;q=1e400")
	f.Fuzz(func(t *testing.T, accept string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Accept"] = []string{accept}
		if WantsHTML(r) && !strings.Contains(strings.ToLower(accept), "text/html") {
			t.Errorf("Accept %q was taken for a browser's", accept)
		}
		if q := quality(r, "text/html"); !(q >= 0 && q <= 1) {
			t.Errorf("Accept %q weighs %v", accept, q)
		}
	})
}

func TestLogo(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	png := []byte("\x89PNG\x0D\x0A\x1A\x0A rest")
	for path, mime := range map[string]string{
		write("a.svg", []byte(`<?xml version="1.0"?><!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>`)): "image/svg+xml",
		write("b.txt", png):                                                 "image/png", // what it is, not what it is called
		write("c.jpg", []byte("\xff\xd8\xff\xe0 rest")):                     "image/jpeg",
		write("d.webp", []byte("RIFF\x00\x00\x00\x00WEBPVP8 rest")):         "image/webp",
		write("e.png", append(png, bytes.Repeat([]byte{1}, maxLogo-13)...)): "image/png",
	} {
		body := html.UnescapeString(message(newRenderer(t, Brand{Logo: path}), person(), Message{Title: words("No")}).Body.String())
		if !strings.Contains(body, `<img class="logo" src="data:`+mime+`;base64,`) {
			t.Errorf("%s is not in the page as %s", path, mime)
		}
	}
	for path, say := range map[string]string{
		filepath.Join(dir, "none.png"): "no such file",
		dir:                            "is not a file",
		write("big.png", append(png, make([]byte, maxLogo)...)):          "smaller",
		write("page.svg", []byte("<html><svg></svg></html>")):            "convert",
		write("gif.png", []byte("GIF89a rest")):                          "convert",
		write("empty.png", nil):                                          "convert",
		write("text.svg", []byte("no image, though <svg is named here")): "convert",
	} {
		if _, err := New(Brand{Logo: path}); err == nil || !strings.Contains(err.Error(), say) || !strings.Contains(err.Error(), path) {
			t.Errorf("logo %s: %v, want the path and %q", path, err, say)
		}
	}
}

func TestWrongBrands(t *testing.T) {
	if _, err := New(Brand{Accent: "blue"}); err == nil || !strings.Contains(err.Error(), "#2563eb") {
		t.Errorf("accent blue: %v, want an example", err)
	}
	if _, err := New(Brand{Name: strings.Repeat("ü", 81)}); err == nil || !strings.Contains(err.Error(), "80") {
		t.Errorf("a name of 81 characters: %v, want the limit", err)
	}
}

func TestNothingIsFetched(t *testing.T) {
	body := message(newRenderer(t, Brand{Name: "Acme"}), person(), Message{Title: words("No"), LinkURL: "/x"}).Body.Bytes()
	for n := range parseHTML(t, body).Descendants() {
		for _, a := range n.Attr {
			if (a.Key == "src" || a.Key == "href" && n.Data == "link") && !strings.HasPrefix(a.Val, "data:") {
				t.Errorf("<%s %s=%q> is fetched from somewhere", n.Data, a.Key, a.Val)
			}
			if a.Key == "style" {
				t.Errorf("<%s style=%q> is not allowed by the policy", n.Data, a.Val)
			}
		}
	}
	if strings.Contains(styleCSS, "url(") || strings.Contains(styleCSS, "@import") {
		t.Error("the stylesheet fetches something")
	}
}

func TestATemplateThatDoesNotFitShowsNothingOfItself(t *testing.T) {
	r := newRenderer(t, Brand{})
	v, err := r.Parse(fstest.MapFS{"x.html": {Data: []byte(`{{define "body"}}half {{.Missing}}{{end}}`)}}, "", struct{}{}, "x.html")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	v.Render(w, 200, Head{Title: words("X")}, struct{}{})
	if w.Code != 500 || strings.Contains(w.Body.String(), "half") || strings.Contains(w.Body.String(), "Missing") {
		t.Errorf("answer %d %q", w.Code, w.Body)
	}
}

func parseHTML(t *testing.T, body []byte) *html.Node {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// words are some that no catalogue has.
func words(in string) lang.Text { return lang.Text{Key: in} }
