package webpage

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// folder holds an operator's templates.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

type greeting struct {
	CSRF, Name string
	Friends    []string
	Late       bool
}

var greetingHTML = fstest.MapFS{
	"templates/greeting.html": {Data: []byte(`{{define "body"}}<h1>Hello</h1><form><input type="hidden" name="csrf" value="{{.CSRF}}"><input name="word" required><input name="more"></form>{{template "friends" .}}{{end}}`)},
	"templates/parts.html":    {Data: []byte(`{{define "friends"}}<p>built-in friends</p>{{end}}`)},
}

const greetingForm = `<form><input type=hidden name=csrf value="{{.CSRF}}"><input name=word required></form>`

// own makes the page with an operator's templates.
func own(t *testing.T, files map[string]string) (*Renderer, *View, *bytes.Buffer, error) {
	t.Helper()
	templates, err := ReadTemplates(folder(t, files))
	if err != nil {
		return nil, nil, nil, err
	}
	log := new(bytes.Buffer)
	r, err := NewWith(Brand{Name: "Acme"}, templates, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		return nil, nil, nil, err
	}
	v, err := r.Parse(greetingHTML, "admin/", greeting{}, "templates/greeting.html", "templates/parts.html")
	if err != nil {
		return nil, nil, nil, err
	}
	return r, v, log, templates.Check()
}

func TestOwnTemplates(t *testing.T) {
	const evil = `"><script>alert(1)</script>`
	for name, c := range map[string]struct {
		files      map[string]string
		want, lack []string
	}{
		"a page":              {map[string]string{"admin/greeting.html": `{{define "body"}}<h2 title="{{.Name}}">Ahoy {{.Name}}</h2>` + greetingForm + `{{template "friends" .}}{{end}}`}, []string{"<h2 title=", "Ahoy &#34;&gt;&lt;script", "built-in friends", "<title>Hi · Acme</title>"}, []string{"<h1>", "<script>alert"}},
		"a part":              {map[string]string{"admin/parts.html": `{{define "friends"}}<ol></ol>{{end}}`}, []string{"<h1>Hello</h1>", "<ol></ol>"}, []string{"built-in friends"}},
		"the layout":          {map[string]string{"layout.html": `<!doctype html><title>{{.Title}}</title><style>{{.Style}}</style><main>{{template "body" .Data}}</main><hr>`}, []string{"<main><h1>Hello</h1>", "<hr>", "built-in friends"}, []string{"Acme</title>", "<header>"}},
		"all":                 {map[string]string{"layout.html": `<main>{{template "body" .Data}}</main>`, "admin/parts.html": `{{define "friends"}}<ol></ol>{{end}}`, "admin/greeting.html": `{{define "body"}}` + greetingForm + `{{t "Back"}}{{template "friends" .}}{{end}}`, ".git/config": "x"}, []string{"<main><form>", "Zurück<ol>"}, []string{"<h1>"}},
		"a value in a script": {map[string]string{"admin/greeting.html": `{{define "body"}}<script>var n = {{.Name}}</script>` + greetingForm + `{{end}}`}, []string{`var n = "\"\u003e\u003cscript`}, []string{"alert(1)</script>"}},
	} {
		r, v, log, err := own(t, c.files)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		w := httptest.NewRecorder()
		w.Header().Set("Content-Language", "de")
		v.Render(w, http.StatusOK, Head{Title: words("Hi")}, greeting{CSRF: "T", Name: evil})
		for _, want := range c.want {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: the page lacks %s:\n%s", name, want, w.Body)
			}
		}
		for _, lack := range c.lack {
			if strings.Contains(w.Body.String(), lack) {
				t.Errorf("%s: the page has %s:\n%s", name, lack, w.Body)
			}
		}
		// Whatever a template says, what the page may do stays as it was.
		if csp := w.Header().Get("Content-Security-Policy"); csp != policy(r.styleHash, "", false, nil, nil) || w.Header().Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: the policy is %q", name, csp)
		}
		if log.Len() > 0 {
			t.Errorf("%s: %s", name, log)
		}
	}
}

func TestWrongOwnTemplates(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		say   []string
	}{
		"does not parse":       {map[string]string{"admin/greeting.html": "\n{{if}}"}, []string{"greeting.html:2:", "missing value"}},
		"the layout likewise":  {map[string]string{"layout.html": "\n\n{{end}}"}, []string{"layout.html:3:"}},
		"a field there is not": {map[string]string{"admin/greeting.html": "{{define \"body\"}}\n" + greetingForm + "{{.Password}}{{end}}"}, []string{"greeting.html:2:", "Password", "docs/templates.md"}},
		"one in a branch":      {map[string]string{"admin/greeting.html": `{{define "body"}}` + greetingForm + `{{if .Late}}{{.Nope}}{{end}}{{end}}`}, []string{"greeting.html:1:", "Nope"}},
		"in the other branch":  {map[string]string{"admin/greeting.html": `{{define "body"}}` + greetingForm + `{{if not .Late}}{{.Nope}}{{end}}{{end}}`}, []string{"greeting.html:1:", "Nope"}},
		"in a list":            {map[string]string{"admin/greeting.html": `{{define "body"}}` + greetingForm + `{{range .Friends}}{{.Nope}}{{end}}{{end}}`}, []string{"greeting.html:1:", "Nope"}},
		"no body":              {map[string]string{"admin/greeting.html": "<h1>Hello</h1>"}, []string{"greeting.html", `{{define "body"}}`}},
		"no token":             {map[string]string{"admin/greeting.html": `{{define "body"}}<form><input name=word required></form>{{end}}`}, []string{"greeting.html", `"csrf"`, "built in"}},
		"no required field":    {map[string]string{"admin/greeting.html": `{{define "body"}}<form><input type=hidden name=csrf></form>{{end}}`}, []string{"greeting.html", `"word"`}},
		"a layout without":     {map[string]string{"layout.html": "<h1>Closed</h1>"}, []string{"layout.html", `"csrf"`}},
		"a block without end":  {map[string]string{"admin/greeting.html": `{{define "body"}}`}, []string{"greeting.html:1:", "unexpected EOF"}},
		"calls nobody":         {map[string]string{"admin/greeting.html": `{{define "body"}}{{template "nobody"}}{{end}}`}, []string{"nobody"}},
		"calls itself":         {map[string]string{"admin/greeting.html": `{{define "body"}}{{template "body" .}}{{end}}`}, []string{"greeting.html", "maximum template depth"}},
		"a script cut in two":  {map[string]string{"admin/greeting.html": `{{define "body"}}<script>{{if .Late}}"{{end}}</script>{{end}}`}, []string{"greeting.html:1:"}},
		"an unknown name":      {map[string]string{"admin/greetings.html": "x"}, []string{"greetings.html", "admin/greeting.html, admin/parts.html, layout.html, message.html"}},
		"one of a page here":   {map[string]string{"greeting.html": "x"}, []string{"greeting.html stands in for nothing"}},
		"a copy by an editor":  {map[string]string{"layout.html~": "x"}, []string{"layout.html~"}},
		"folders in folders":   {map[string]string{"admin/old/greeting.html": "x"}, []string{"old is not a file"}},
		"too large":            {map[string]string{"layout.html": strings.Repeat("x", maxTemplate+1)}, []string{"layout.html", "256 KB"}},
	} {
		_, _, _, err := own(t, c.files)
		if err == nil {
			t.Errorf("%s: it goes through", name)
			continue
		}
		for _, say := range c.say {
			if !strings.Contains(err.Error(), say) {
				t.Errorf("%s: the error does not say %q: %v", name, say, err)
			}
		}
	}
}

func TestFolderOfTemplates(t *testing.T) {
	dir := folder(t, map[string]string{"a file": "x"})
	for path, say := range map[string]string{filepath.Join(dir, "none"): "no such folder", filepath.Join(dir, "a file"): "is not a folder"} {
		if _, err := ReadTemplates(path); err == nil || !strings.Contains(err.Error(), say) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want the path and %q", path, err, say)
		}
	}
	// A link leads anywhere: whoever may write here may write there.
	linked := t.TempDir()
	elsewhere := folder(t, map[string]string{"mine.html": `<main>{{template "body" .Data}}</main>`})
	if err := os.Symlink(filepath.Join(elsewhere, "mine.html"), filepath.Join(linked, "layout.html")); err != nil {
		t.Fatal(err)
	}
	templates, err := ReadTemplates(linked)
	if err != nil {
		t.Fatal(err)
	}
	if _, text, ok := templates.Find(layoutName); !ok || !strings.HasPrefix(text, "<main>") {
		t.Errorf("what a link leads to is %q", text)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "gone.html"), filepath.Join(linked, "message.html")); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTemplates(linked); err == nil || !strings.Contains(err.Error(), "message.html") {
		t.Errorf("a link to nothing: %v", err)
	}
}

// A template that fails for what no sample had leaves the page to the built-in one.
func TestOwnTemplateThatFailsLater(t *testing.T) {
	_, v, log, err := own(t, map[string]string{"admin/greeting.html": `{{define "body"}}half` + greetingForm + `{{if gt (len .Friends) 1}}{{index .Friends 5}}{{end}}{{end}}`})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	v.Render(w, http.StatusOK, Head{Title: words("Hi")}, greeting{CSRF: "T", Friends: []string{"a", "b"}})
	if w.Code != 200 || !strings.Contains(w.Body.String(), "<h1>Hello</h1>") || strings.Contains(w.Body.String(), "half") {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "greeting.html:1:") || !strings.Contains(log.String(), "index out of range") {
		t.Errorf("the log says %s", log)
	}
}
