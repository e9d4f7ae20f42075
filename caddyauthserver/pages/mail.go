package pages

import (
	"bytes"
	htmltemplate "html/template"
	texttemplate "text/template"
)

// PasswordMail is a mail with the link by which a person chooses a password.
type PasswordMail struct {
	Brand string // of the server; may be empty
	Name  string // of the person
	// Invited: they never had a password. Otherwise they forgot it.
	Invited bool
	Link    string
	Minutes int // that the link works
}

// MailText is a mail ready to be sent.
type MailText struct{ Subject, Text, HTML string }

// The parts of PasswordMail. A subject is one line: of a brand and fixed words.
var (
	passwordSubject = texttemplate.Must(texttemplate.New("").Parse(
		`{{if .Invited}}Your account{{else}}Choose a new password{{end}}{{with .Brand}} · {{.}}{{end}}`))
	passwordText = texttemplate.Must(texttemplate.New("").Parse(`Hello {{.Name}},

{{if .Invited}}an account was made for you{{with .Brand}} at {{.}}{{end}}. Choose a password for it here:
{{else}}somebody, probably you, asked for a new password{{with .Brand}} at {{.}}{{end}}. Choose it here:
{{end}}
{{.Link}}

The link works once, within {{.Minutes}} minutes.
{{if not .Invited}}If it was not you, do nothing: your password stays as it is.
{{end}}`))
	passwordHTML = htmltemplate.Must(htmltemplate.New("").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"></head>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 34em; margin: 0 auto; padding: 1.5em">
{{with .Brand}}<p><strong>{{.}}</strong></p>
{{end}}<p>Hello {{.Name}},</p>
<p>{{if .Invited}}an account was made for you{{with .Brand}} at {{.}}{{end}}. Choose a password for it:{{else}}somebody, probably you, asked for a new password{{with .Brand}} at {{.}}{{end}}.{{end}}</p>
<p><a href="{{.Link}}">Choose a password</a></p>
<p>The link works once, within {{.Minutes}} minutes.{{if not .Invited}} If it was not you, do nothing: your password stays as it is.{{end}}</p>
<p style="font-size: 13px; word-break: break-all">{{.Link}}</p>
</body></html>
`))
)

// Compose writes the mail.
func (m PasswordMail) Compose() (MailText, error) {
	var parts [3]bytes.Buffer
	if err := passwordSubject.Execute(&parts[0], m); err != nil {
		return MailText{}, err
	}
	if err := passwordText.Execute(&parts[1], m); err != nil {
		return MailText{}, err
	}
	if err := passwordHTML.Execute(&parts[2], m); err != nil {
		return MailText{}, err
	}
	return MailText{parts[0].String(), parts[1].String(), parts[2].String()}, nil
}
