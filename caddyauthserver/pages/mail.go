package pages

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	texttemplate "text/template"

	"github.com/caddyito/caddyito/internal/lang"
)

//go:embed mails
var mails embed.FS

// MailText is a mail ready to be sent.
type MailText struct{ Subject, Text, HTML string }

// compose writes a mail in a language: mails/NAME.txt as text and, within the
// layout, mails/NAME.html. A subject is one line: of fixed words and a brand.
func compose(l *lang.Language, name string, subject lang.Text, brand string, data any) (MailText, error) {
	say := map[string]any{"t": func(message any, args ...any) (string, error) {
		switch m := message.(type) {
		case lang.Text:
			return l.Say(m), nil
		case string:
			return l.Say(lang.Text{Key: m, Args: args}), nil
		}
		return "", fmt.Errorf("%T is nothing to say", message)
	}}
	var text, html bytes.Buffer
	plain, err := texttemplate.New(name+".txt").Funcs(say).ParseFS(mails, "mails/"+name+".txt")
	if err != nil {
		return MailText{}, err
	}
	if err := plain.Execute(&text, data); err != nil {
		return MailText{}, err
	}
	marked, err := htmltemplate.New("layout.html").Funcs(say).ParseFS(mails, "mails/layout.html", "mails/"+name+".html")
	if err != nil {
		return MailText{}, err
	}
	err = marked.Execute(&html, struct {
		Language, Brand string
		Data            any
	}{l.Code(), brand, data})
	if err != nil {
		return MailText{}, err
	}
	m := MailText{l.Say(subject), text.String(), html.String()}
	if brand != "" {
		m.Subject += " · " + brand
	}
	return m, nil
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

// Compose writes the mail.
func (m PasswordMail) Compose(l *lang.Language) (MailText, error) {
	subject := lang.T("Choose a new password")
	if m.Invited {
		subject = lang.T("Your account")
	}
	return compose(l, "password", subject, m.Brand, m)
}

// AddressMail is a mail with the link by which a person verifies their address. It
// may reach anybody, so it says nothing that the person chose: no name.
type AddressMail struct {
	Brand    string // of the server; may be empty
	Username string // of the person
	Link     string
	Minutes  int // that the link works
}

// Compose writes the mail.
func (m AddressMail) Compose(l *lang.Language) (MailText, error) {
	return compose(l, "address", lang.T("Verify your e-mail address"), m.Brand, m)
}

// AddressChangedMail goes to an address that is no longer a person's.
type AddressChangedMail struct {
	Brand          string // of the server; may be empty
	Name, Username string // of the person
	Email          string // that is theirs now
}

// Compose writes the mail.
func (m AddressChangedMail) Compose(l *lang.Language) (MailText, error) {
	return compose(l, "address_changed", lang.T("Your e-mail address was changed"), m.Brand, m)
}
