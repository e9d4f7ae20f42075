package admin_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// builtIn are the folders of templates, by where an operator's own lie.
var builtIn = map[string]string{
	"":       "../pages/templates",
	"admin/": "templates",
	"mails/": "../pages/mails",
}

// copies is a folder with a copy of every template there is.
func copies(t *testing.T) string {
	t.Helper()
	own := t.TempDir()
	put := func(name, from string) {
		t.Helper()
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(own, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for as, folder := range builtIn {
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			put(as+f.Name(), filepath.Join(folder, f.Name()))
		}
	}
	for _, name := range []string{"layout.html", "message.html"} {
		put(name, filepath.Join("../../internal/webpage", name))
	}
	return own
}

// with starts a provider with an operator's templates.
func with(t *testing.T, folder string) error {
	t.Helper()
	st, err := boltstore.Open(filepath.Join(t.TempDir(), "auth.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	p, err := provider.New(provider.Config{
		Issuer: "https://auth.example.com", Store: st, MasterKey: store.NewMasterKey(),
		Logger: slog.New(slog.DiscardHandler), Templates: folder,
	})
	if err == nil {
		p.Close()
	}
	return err
}

// Whoever begins with a copy of what is built in begins with what works, and is shown
// the same.
func TestCopiesOfAllTemplatesAreTaken(t *testing.T) {
	folder := copies(t)
	own, plain := newServer(t, func(c *provider.Config) { c.Templates = folder }), newServer(t)
	varying := regexp.MustCompile(`http://127\.0\.0\.1:\d+|value="[^"]*"|nonce-[^']*`)
	for _, path := range []string{"/o/account/", "/o/account/security", "/o/admin/users", "/o/admin/users/new", "/o/admin/clients/new", "/o/admin/nothing"} {
		got, want := own.as("root").get(path), plain.as("root").get(path)
		if got.StatusCode != want.StatusCode || varying.ReplaceAllString(got.body, "") != varying.ReplaceAllString(want.body, "") {
			t.Errorf("%s: %d\n%s\nwant %d\n%s", path, got.StatusCode, got.body, want.StatusCode, want.body)
		}
	}
}

// The docs name every template that there is, and none that there is not.
func TestTemplatesOfTheDocs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(docs), "## Names")
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z_/]+\\.(?:html|txt))`").FindAllStringSubmatch(table, -1) {
		named[m[1]] = true
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "nothing.html"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err = with(t, folder)
	if err == nil {
		t.Fatal("a template that stands in for nothing is taken")
	}
	_, list, _ := strings.Cut(err.Error(), "there are: ")
	for _, name := range strings.Split(list, ", ") {
		if !named[name] {
			t.Errorf("the docs lack %s", name)
		}
		delete(named, name)
	}
	for name := range named {
		t.Errorf("the docs name %s, which there is not", name)
	}
}

// A mail is tried as pages are.
func TestWrongTemplatesOfMail(t *testing.T) {
	for name, c := range map[string]struct{ file, text, say string }{
		"a field there is not": {"mails/password.txt", "{{define \"body\"}}\n{{.Password}}{{end}}", "password.txt:2:"},
		"does not parse":       {"mails/notice.html", "\n{{end}}", "notice.html:2:"},
		"no body":              {"mails/address.txt", "Hello", "has no body"},
		"the layout":           {"mails/layout.txt", "{{.Nope}}", "layout.txt:1:"},
	} {
		folder := t.TempDir()
		if err := os.Mkdir(filepath.Join(folder, "mails"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, c.file), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := with(t, folder); err == nil || !strings.Contains(err.Error(), c.say) || !strings.Contains(err.Error(), folder) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
