package webpage

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
)

// funcs are what templates call to say something in a language.
func funcs(l *lang.Language) template.FuncMap {
	return template.FuncMap{
		"t":       func(message any, args ...any) (any, error) { return say(l, message, args) },
		"strong":  strong,
		"name":    name,
		"address": address,
		"when":    func(t time.Time) template.HTML { return when(l, t, "") },
		"moment":  func(t time.Time) template.HTML { return when(l, t, " 15:04 UTC") },
	}
}

// say is a message, with its arguments, or a lang.Text, or several. With an argument that is
// HTML it is HTML itself, so that a sentence need not be cut around a tag.
func say(l *lang.Language, message any, args []any) (any, error) {
	var text lang.Text
	switch m := message.(type) {
	case lang.Text:
		if len(args) > 0 {
			return nil, fmt.Errorf("%q has its arguments already", m.Key)
		}
		return l.Say(m), nil
	case []lang.Text:
		said := make([]string, len(m))
		for i, text := range m {
			said[i] = l.Say(text)
		}
		return strings.Join(said, " "), nil
	case string:
		text = lang.Text{Key: m, Args: args}
	default:
		return nil, fmt.Errorf("%T is nothing to say", message)
	}
	markup := false
	for _, arg := range args {
		_, is := arg.(template.HTML)
		markup = markup || is
	}
	if !markup {
		return l.Say(text), nil
	}
	text.Args = make([]any, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case template.HTML:
			text.Args[i] = string(arg)
		case lang.Text:
			text.Args[i] = template.HTMLEscapeString(l.Say(arg))
		case string:
			text.Args[i] = template.HTMLEscapeString(arg)
		default: // a number; a date, of which no language writes any of the characters of HTML
			text.Args[i] = arg
		}
	}
	return template.HTML(l.Say(text)), nil // catalogues hold no markup, as a test sees to
}

// strong is a name inside of a sentence: of whatever script, it moves no word
// around it.
func strong(name string) template.HTML {
	return "<strong><bdi>" + template.HTML(template.HTMLEscapeString(name)) + "</bdi></strong>"
}

// when is a day inside of a sentence, and the time of day, if clock formats one.
func when(l *lang.Language, t time.Time, clock string) template.HTML {
	return "<time datetime=\"" + template.HTML(t.Format("2006-01-02T15:04Z07:00")) + "\">" + template.HTML(template.HTMLEscapeString(l.Date(t)+t.UTC().Format(clock))) + "</time>"
}

// name is one without emphasis.
func name(of string) template.HTML {
	return "<bdi>" + template.HTML(template.HTMLEscapeString(of)) + "</bdi>"
}

// address is a URL that breaks where it is parted, if it has to: browsers know no such
// place in one.
func address(url string) template.HTML {
	var b strings.Builder
	for i, c := range url {
		if strings.ContainsRune(".?&=#-_", c) {
			b.WriteString("<wbr>")
		}
		b.WriteString(template.HTMLEscapeString(string(c)))
		if c == '/' && !strings.HasPrefix(url[i+1:], "/") {
			b.WriteString("<wbr>")
		}
	}
	return template.HTML(b.String())
}
