package webpage

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/net/html"

	"github.com/caddyito/caddyito/internal/lang"
)

// A page is in one language, and says in which; what programs read is in English.
func TestLanguageOfMessages(t *testing.T) {
	r := newRenderer(t, Brand{})
	for _, c := range []struct{ spoken, accept, want, title string }{
		{"", "", "en", "Not found"},
		{"", "fr, de", "fr", "Introuvable"},
		{"", "ja, de;q=0.5", "de", "Nicht gefunden"},
		{"es", "de", "es", "No encontrado"},
	} {
		req, w := person(), httptest.NewRecorder()
		req.Header.Set("Accept-Language", c.accept)
		if l, ok := lang.Named(c.spoken); ok {
			Speak(w, l)
		}
		r.Message(w, req, http.StatusNotFound, Message{Title: lang.T("Not found")})
		if got := w.Header().Get("Content-Language"); got != c.want {
			t.Errorf("%+v: Content-Language %q", c, got)
		}
		if vary := strings.Join(w.Header().Values("Vary"), ", "); !strings.Contains(vary, "Accept-Language") {
			t.Errorf("%+v: Vary: %q", c, vary)
		}
		for _, want := range []string{`<html lang="` + c.want + `">`, "<h1>" + c.title + "</h1>", "<title>" + c.title + "</title>"} {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%+v: the page lacks %s", c, want)
			}
		}
	}
	req, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
	req.Header.Set("Accept-Language", "de")
	r.Message(w, req, http.StatusNotFound, Message{Title: lang.T("Not found")})
	if w.Header().Get("Content-Language") != "en" || !strings.Contains(w.Body.String(), `"title":"Not found"`) {
		t.Errorf("a program was answered in %q: %s", w.Header().Get("Content-Language"), w.Body)
	}
}

// A sentence with markup inside is translated as a whole, and nothing in it becomes
// markup but what is meant to be.
func TestSentencesWithMarkup(t *testing.T) {
	const evil = `<script>alert("1")</script>`
	v, err := newRenderer(t, Brand{}).Parse(fstest.MapFS{"a.html": {Data: []byte(
		`{{define "body"}}<p title="{{t "Signed in as %s" .Name}}">{{t "Signed in as %s" (strong .Name)}}</p><p>{{t "%s wants to use your account." (name .Name)}}</p>` +
			`<p>{{t "signed in %s, last seen %s" .Name (when .At)}}</p><p>{{t .Text}}</p>{{end}}`)}}, "", map[string]any{}, "a.html")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	Speak(w, lang.Choose("de"))
	v.Render(w, http.StatusOK, Head{}, map[string]any{"Name": evil, "At": time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC), "Text": lang.T("Signed in as %s", evil)})
	for n := range parseHTML(t, w.Body.Bytes()).Descendants() {
		if n.Type == html.ElementNode && n.Data == "script" {
			t.Fatalf("a name became markup: %s", w.Body)
		}
	}
	for _, want := range []string{"Angemeldet als <strong><bdi>&lt;script&gt;", "<bdi>&lt;script&gt;", `zuletzt gesehen am <time datetime="2026-03-05T00:00Z">5. März 2026</time>`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %s:\n%s", want, w.Body)
		}
	}
}
