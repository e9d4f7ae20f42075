package pages

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

//go:embed mails
var mails embed.FS

// MailText is a mail ready to be sent.
type MailText struct{ Subject, Text, HTML string }

// Mail is what a mail says, for the templates mails/NAME.txt and, within the layout,
// mails/NAME.html.
type Mail interface {
	// template is the NAME.
	template() string
	subject() lang.Text // of fixed words
}

// Mails writes mails in one brand. It is safe for concurrent use.
type Mails struct {
	brand string
	// foot are the links under each mail, whole ones.
	foot []webpage.FooterLink
}

// NewMails makes one. origin is that of the server, of which links may be paths.
func NewMails(brand webpage.Brand, origin string) *Mails {
	ms := &Mails{brand: strings.TrimSpace(brand.Name)}
	for _, link := range brand.FooterLinks {
		ms.foot = append(ms.foot, link.From(origin))
	}
	return ms
}

// Write writes a mail in a language. Its subject is one line.
func (ms *Mails) Write(l *lang.Language, m Mail) (MailText, error) {
	say := map[string]any{"t": func(message any, args ...any) (string, error) {
		switch m := message.(type) {
		case lang.Text:
			return l.Say(m), nil
		case string:
			return l.Say(lang.Text{Key: m, Args: args}), nil
		}
		return "", fmt.Errorf("%T is nothing to say", message)
	}}
	name := m.template()
	layout := struct {
		Language, Brand string
		FooterLinks     []webpage.FooterLink
		Data            any
	}{l.Code(), ms.brand, ms.foot, m}
	var text, html bytes.Buffer
	plain, err := texttemplate.New("layout.txt").Funcs(say).ParseFS(mails, "mails/layout.txt", "mails/"+name+".txt")
	if err != nil {
		return MailText{}, err
	}
	if err := plain.Execute(&text, layout); err != nil {
		return MailText{}, err
	}
	marked, err := htmltemplate.New("layout.html").Funcs(say).ParseFS(mails, "mails/layout.html", "mails/"+name+".html")
	if err != nil {
		return MailText{}, err
	}
	if err := marked.Execute(&html, layout); err != nil {
		return MailText{}, err
	}
	out := MailText{l.Say(m.subject()), text.String(), html.String()}
	if ms.brand != "" {
		out.Subject += " · " + ms.brand
	}
	return out, nil
}

// PasswordMail is a mail with the link by which a person chooses a password.
type PasswordMail struct {
	Brand string // of the server; may be empty
	Name  string // of the person
	// Invited: they never had a password. Otherwise they forgot it.
	Invited bool
	Link    string
	Minutes int // that the link works
}

func (PasswordMail) template() string { return "password" }

func (m PasswordMail) subject() lang.Text {
	if m.Invited {
		return lang.T("Your account")
	}
	return lang.T("Choose a new password")
}

// AddressMail is a mail with the link by which a person verifies their address. It
// may reach anybody, so it says nothing that the person chose: no name.
type AddressMail struct {
	Brand    string // of the server; may be empty
	Username string // of the person
	Link     string
	Minutes  int // that the link works
}

func (AddressMail) template() string { return "address" }

func (AddressMail) subject() lang.Text { return lang.T("Verify your e-mail address") }

// AddressChangedMail goes to an address that is no longer a person's.
type AddressChangedMail struct {
	Brand          string // of the server; may be empty
	Name, Username string // of the person
	Email          string // that is theirs now
}

func (AddressChangedMail) template() string { return "address_changed" }

func (AddressChangedMail) subject() lang.Text { return lang.T("Your e-mail address was changed") }
