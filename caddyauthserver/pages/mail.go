package pages

import (
	"embed"

	"github.com/caddyito/caddyito/internal/lang"
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
