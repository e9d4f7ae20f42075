package webpage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxTemplate is the largest file of a template, in bytes.
const maxTemplate = 256 << 10

// Templates are an operator's own, from a folder: each stands in for the one of this
// program that has its name. nil: there are none.
type Templates struct {
	folder string
	texts  map[string]string // by name, with slashes: "admin/users.html"
	known  map[string]bool   // those that this program has
}

// ReadTemplates reads all files of the folder, and of folders in it. Links are
// followed: what lies there is the operator's. An error says what to do about it.
func ReadTemplates(folder string) (*Templates, error) {
	info, err := os.Stat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("templates %s: there is no such folder; make it, or leave the option out", folder)
	}
	if err != nil {
		return nil, fmt.Errorf("templates: %w; the folder must be readable by the user that runs Caddy", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("templates %s: is not a folder; give the one in which the templates lie", folder)
	}
	t := &Templates{folder: folder, texts: map[string]string{}, known: map[string]bool{}}
	return t, t.read("")
}

// read reads a folder in the folder: no page has a template deeper than that.
func (t *Templates) read(in string) error {
	entries, err := os.ReadDir(filepath.Join(t.folder, filepath.FromSlash(in)))
	if err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	for _, e := range entries {
		name := path.Join(in, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			continue // of the file system, or of a version control
		}
		info, err := os.Stat(t.path(name)) // follows links
		switch {
		case err != nil:
			return fmt.Errorf("templates: %w", err)
		case info.IsDir() && in == "":
			if err := t.read(name); err != nil {
				return err
			}
			continue
		case !info.Mode().IsRegular(): // a pipe could keep the start waiting for ever
			return fmt.Errorf("templates: %s is not a file; templates are files in the folder itself, in admin and in mails", t.path(name))
		}
		if t.texts[name], err = readTemplate(t.path(name)); err != nil {
			return err
		}
	}
	return nil
}

func readTemplate(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("templates: %w; it must be readable by the user that runs Caddy", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTemplate+1))
	if err != nil {
		return "", fmt.Errorf("templates: reading %s: %w", file, err)
	}
	if len(text) > maxTemplate {
		return "", fmt.Errorf("templates: %s is larger than 256 KB", file)
	}
	return string(text), nil
}

// path is that of the file.
func (t *Templates) path(name string) string {
	return filepath.Join(t.folder, filepath.FromSlash(name))
}

// Find is the text that stands in for this program's template of that name, and
// where it lies. Each template of this program is asked for once at least.
func (t *Templates) Find(name string) (file, text string, ok bool) {
	if t == nil {
		return "", "", false
	}
	t.known[name] = true
	text, ok = t.texts[name]
	return t.path(name), text, ok
}

// Check says which files stand in for nothing, once all templates were asked for.
func (t *Templates) Check() error {
	if t == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(t.texts)) {
		if !t.known[name] {
			return fmt.Errorf("templates: %s stands in for nothing; there are: %s", t.path(name), strings.Join(slices.Sorted(maps.Keys(t.known)), ", "))
		}
	}
	return nil
}
