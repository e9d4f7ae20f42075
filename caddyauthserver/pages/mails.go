package pages

import (
	"bytes"
	"fmt"
	htmltemplate "html/template"
	"io"
	"log/slog"
	"strings"
	texttemplate "text/template"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// mailKinds are all mails that there are.
var mailKinds = []Mail{PasswordMail{}, AddressMail{}, AddressChangedMail{}, NoticeMail{}}

// Mails writes mails in one brand. It is safe for concurrent use.
type Mails struct {
	brand string
	// foot are the links under each mail, whole ones.
	foot []webpage.FooterLink
	log  *slog.Logger
	// builtIn and own are the templates, the text and the HTML of each mail by its
	// NAME. Of own there are those that an operator has something of.
	builtIn, own map[string]mailTemplates
}

type mailTemplates struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

// NewMails makes one. origin is that of the server, of which links may be paths. own
// may be nil.
func NewMails(brand webpage.Brand, origin string, own *webpage.Templates, log *slog.Logger) (*Mails, error) {
	ms := &Mails{brand: strings.TrimSpace(brand.Name), log: log, builtIn: map[string]mailTemplates{}, own: map[string]mailTemplates{}}
	for _, link := range brand.FooterLinks {
		ms.foot = append(ms.foot, link.From(origin))
	}
	for _, m := range mailKinds {
		if err := ms.prepare(m, own); err != nil {
			return nil, err
		}
	}
	return ms, nil
}

// sayIn are what templates of mails call to say something in a language.
func sayIn(l *lang.Language) map[string]any {
	return map[string]any{"t": func(message any, args ...any) (string, error) {
		switch m := message.(type) {
		case lang.Text:
			return l.Say(m), nil
		case string:
			return l.Say(lang.Text{Key: m, Args: args}), nil
		}
		return "", fmt.Errorf("%T is nothing to say", message)
	}}
}

// prepare parses the templates of a mail, and tries those of an operator.
func (ms *Mails) prepare(m Mail, own *webpage.Templates) error {
	name, say := m.template(), sayIn(lang.English())
	text, err := texttemplate.New("layout.txt").Funcs(say).ParseFS(mails, "mails/layout.txt", "mails/"+name+".txt")
	if err != nil {
		return err
	}
	html, err := htmltemplate.New("layout.html").Funcs(say).ParseFS(mails, "mails/layout.html", "mails/"+name+".html")
	if err != nil {
		return err
	}
	ms.builtIn[name] = mailTemplates{text, html}
	mine := mailTemplates{texttemplate.Must(text.Clone()), htmltemplate.Must(html.Clone())}
	found := false
	for _, of := range []string{"layout", name} {
		if file, s, ok := own.Find("mails/" + of + ".txt"); ok {
			found = true
			parsed, err := mine.text.New(file).Parse(s)
			if err != nil {
				return fmt.Errorf("templates: %w", err)
			}
			if of == "layout" {
				mine.text = parsed
			} else if !hasBody(file, s) {
				return noBody(file)
			}
		}
		if file, s, ok := own.Find("mails/" + of + ".html"); ok {
			found = true
			parsed, err := mine.html.New(file).Parse(s)
			if err != nil {
				return fmt.Errorf("templates: %w", err)
			}
			if of == "layout" {
				mine.html = parsed
			} else if !hasBody(file, s) {
				return noBody(file)
			}
		}
	}
	if !found {
		return nil
	}
	ms.own[name] = mine
	for _, full := range []bool{true, false} {
		if _, err := ms.write(mine, lang.English(), webpage.Sample(m, full).(Mail)); err != nil {
			return fmt.Errorf("templates: %w; see the list of what a mail knows in docs/templates.md", err)
		}
	}
	return nil
}

// hasBody says whether a template, which parses, defines what the layout shows.
func hasBody(file, s string) bool {
	t, err := texttemplate.New(file).Funcs(sayIn(lang.English())).Parse(s)
	return err == nil && t.Lookup("body") != nil
}

func noBody(file string) error {
	return fmt.Errorf(`templates: %s: has no body; write {{define "body"}}, what the mail is to say, and {{end}}`, file)
}

// Write writes a mail in a language. Its subject is one line. What goes wrong with a
// template of an operator is logged, and the one that is built in writes it instead.
func (ms *Mails) Write(l *lang.Language, m Mail) (MailText, error) {
	if own, ok := ms.own[m.template()]; ok {
		text, err := ms.write(own, l, m)
		if err == nil {
			return text, nil
		}
		ms.log.Error("a template of your own cannot write this mail; the built-in one does instead", "mail", m.template(), "error", err)
	}
	return ms.write(ms.builtIn[m.template()], l, m)
}

func (ms *Mails) write(by mailTemplates, l *lang.Language, m Mail) (MailText, error) {
	layout := struct {
		Language, Brand, Subject string
		FooterLinks              []webpage.FooterLink
		Data                     any
	}{l.Code(), ms.brand, l.Say(m.subject()), ms.foot, m}
	plain, err := by.text.Clone()
	if err != nil {
		return MailText{}, err
	}
	marked, err := by.html.Clone() // only what was executed cannot be cloned
	if err != nil {
		return MailText{}, err
	}
	var text, html bytes.Buffer
	for _, part := range []struct {
		to *bytes.Buffer
		t  interface{ Execute(io.Writer, any) error }
	}{{&text, plain.Funcs(sayIn(l))}, {&html, marked.Funcs(sayIn(l))}} {
		if err := part.t.Execute(part.to, layout); err != nil {
			return MailText{}, err
		}
	}
	out := MailText{layout.Subject, text.String(), html.String()}
	if ms.brand != "" {
		out.Subject += " · " + ms.brand
	}
	return out, nil
}
