package lang

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"sync"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
)

//go:embed catalogues/*.json
var files embed.FS

// Language is one that pages and mails can be in.
type Language struct {
	tag language.Tag
	// words are read when they are first needed: a gate may never show a page.
	words func() *words
}

// words are what a language has for messages.
type words struct {
	plain   map[string]string // for those without arguments
	printer *message.Printer
}

// catalogue is a language's file: a message is a string, or, by the number that is
// its first argument, a string for each plural form.
type catalogue map[string]any

// all are the languages, English first. The files are part of the program, so a
// fault in one is a fault of whoever built it.
var all = sync.OnceValue(func() []*Language {
	entries, err := files.ReadDir("catalogues")
	if err != nil {
		panic(err)
	}
	languages := []*Language{nil}
	for _, entry := range entries {
		name := entry.Name()
		l := &Language{tag: language.MustParse(strings.TrimSuffix(name, path.Ext(name)))}
		l.words = sync.OnceValue(func() *words {
			w, err := load(l.tag, name)
			if err != nil {
				panic(fmt.Errorf("catalogue %s: %w", name, err))
			}
			return w
		})
		if l.tag == language.English {
			languages[0] = l
		} else {
			languages = append(languages, l)
		}
	}
	return languages
})

// load reads a language's file.
func load(tag language.Tag, name string) (*words, error) {
	messages, err := read(name)
	if err != nil {
		return nil, err
	}
	builder := catalog.NewBuilder(catalog.Fallback(language.English))
	w := &words{map[string]string{}, message.NewPrinter(tag, message.Catalog(builder))}
	for key, said := range messages {
		switch said := said.(type) {
		case string:
			w.plain[key] = said
			if strings.Contains(key, "%") { // others have no arguments
				err = builder.SetString(tag, key, said)
			}
		case map[string]any:
			var cases []any
			for _, form := range []string{"zero", "one", "two", "few", "many", "other"} { // "other" takes all, so it is last
				if words, ok := said[form]; ok {
					cases = append(cases, form, words)
				}
			}
			err = builder.Set(tag, key, plural.Selectf(1, "%d", cases...))
		default:
			err = fmt.Errorf("%q is neither a string nor an object", key)
		}
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

// read is a file as it stands.
func read(name string) (catalogue, error) {
	text, err := files.ReadFile("catalogues/" + name)
	if err != nil {
		return nil, err
	}
	var c catalogue
	return c, json.Unmarshal(text, &c)
}

// All are the languages, English first.
func All() []*Language { return all() }

// English is where there is nothing better.
func English() *Language { return all()[0] }

// Named is the language with a code that Code gave.
func Named(code string) (*Language, bool) {
	for _, l := range all() {
		if l.Code() == code {
			return l, true
		}
	}
	return nil, false
}

// Code is the language's tag (BCP 47): "de".
func (l *Language) Code() string { return l.tag.String() }

// Name is what the language calls itself: "Deutsch".
func (l *Language) Name() string { return l.Say(T("English")) }

// Say is the text in the language.
func (l *Language) Say(t Text) string {
	if len(t.Args) == 0 {
		if said, ok := l.words().plain[t.Key]; ok {
			return said
		}
		return t.Key
	}
	args := make([]any, len(t.Args))
	for i, arg := range t.Args {
		switch arg := arg.(type) {
		case Text:
			args[i] = l.Say(arg)
		case Date:
			args[i] = arg.in(l)
		default:
			args[i] = arg
		}
	}
	return l.words().printer.Sprintf(t.Key, args...)
}
