package webpage

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/caddyito/caddyito/internal/lang"
)

// source is a template of this program, under the name by which an operator's own
// stands in for it.
type source struct{ name, text string }

func names(sources []source) (list []string) {
	for _, s := range sources {
		list = append(list, s.name)
	}
	return list
}

// adopt parses what stands in for the layout and the sources, on top of what is built
// in: blocks that it leaves out stay as they are. It is nil if nothing does. root is
// the template to be executed.
func (r *Renderer) adopt(builtIn *template.Template, sources []source) (own *template.Template, root string, err error) {
	own, err = builtIn.Clone()
	if err != nil {
		return nil, "", fmt.Errorf("copying the template of a page: %w", err)
	}
	root = own.Name()
	found := false
	if file, text, ok := r.own.Find(layoutName); ok {
		if _, err := own.New(file).Parse(text); err != nil {
			return nil, "", fmt.Errorf("templates: %w", err)
		}
		root, found = file, true
	}
	for i, s := range sources {
		file, text, ok := r.own.Find(s.name)
		if !ok {
			continue
		}
		found = true
		alone, err := template.New(file).Funcs(funcs(lang.English())).Parse(text)
		if err != nil {
			return nil, "", fmt.Errorf("templates: %w", err)
		}
		if i == len(sources)-1 && alone.Lookup("body") == nil {
			return nil, "", fmt.Errorf(`templates: %s: has no body; write {{define "body"}}, what the page is to show, and {{end}}`, file)
		}
		for _, t := range alone.Templates() {
			if t.Tree != nil {
				if _, err := own.AddParseTree(t.Name(), t.Tree); err != nil {
					return nil, "", fmt.Errorf("templates: %s: %w", file, err)
				}
			}
		}
	}
	if !found {
		return nil, "", nil
	}
	return own, root, nil
}

// try executes the operator's template with samples, beside the one of this program:
// it must not fail, and have every field without which its form does nothing.
func (v *View) try() error {
	for _, full := range []bool{true, false} {
		data := Sample(v.model, full)
		head := Head{Title: lang.Text{Key: SampleText}}
		if full {
			menu := Sample(Menu{}, true).(Menu)
			head.Menu, head.Script = &menu, SampleText
		}
		var want, got bytes.Buffer
		if err := v.execute(&want, v.in, lang.English(), head, data); err != nil {
			if !full {
				continue // what the page never lacks
			}
			return fmt.Errorf("trying the template of a page: %w", err)
		}
		if err := v.execute(&got, v.own, lang.English(), head, data); err != nil {
			return fmt.Errorf("templates: %w; see the list of what a page knows in docs/templates.md", err)
		}
		has := neededFields(&got)
		for _, name := range slices.Sorted(maps.Keys(neededFields(&want))) {
			if !has[name] {
				return fmt.Errorf("templates: %s: the form lacks the field %q; take it over from the template that is built in", strings.Join(v.files, ", "), name)
			}
		}
	}
	return nil
}

// neededFields are the names of fields that are hidden or must be filled in.
func neededFields(page io.Reader) map[string]bool {
	names := map[string]bool{}
	for tokens := html.NewTokenizer(page); tokens.Next() != html.ErrorToken; {
		token := tokens.Token()
		if token.Type != html.StartTagToken && token.Type != html.SelfClosingTagToken {
			continue
		}
		attr := map[string]string{}
		for _, a := range token.Attr {
			attr[a.Key] = a.Val
		}
		_, required := attr["required"]
		if name := attr["name"]; name != "" && (required || token.Data == "input" && attr["type"] == "hidden") {
			names[name] = true
		}
	}
	return names
}
