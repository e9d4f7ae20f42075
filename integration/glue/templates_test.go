package glue

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A reload takes changed templates. A broken one is named with its line, and leaves
// what runs as it was.
func TestOwnTemplates(t *testing.T) {
	b := newBox(t)
	folder := filepath.Join(b.dir, "templates")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	site := "$SERVER {\n\tauth_server {\n\t\ttemplates " + folder + "\n\t}\n}\n"
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, "message.html"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shows := func(want string) {
		t.Helper()
		if p := newBrowser(t).get(b.server + "/o/unheard-of"); p.status != 404 || !strings.Contains(p.body, want) {
			t.Errorf("the page lacks %q: %s", want, p)
		}
	}
	write(`{{define "body"}}<p>First: {{.Title}}</p>{{end}}`)
	if err := b.load(site); err != nil {
		t.Fatal(err)
	}
	shows("First: Page not found")
	write(`{{define "body"}}<p>Second: {{.Title}}</p>{{end}}`)
	if err := b.load(site); err != nil {
		t.Fatal(err)
	}
	shows("Second: Page not found")
	write("{{define \"body\"}}\n<p>{{.Password}}</p>{{end}}")
	if err := b.load(site); err == nil || !strings.Contains(err.Error(), "message.html:2:") || strings.Count(err.Error(), "auth_server") != 1 {
		t.Errorf("a broken template: %v", err)
	}
	shows("Second: Page not found")
}
