package provider

import (
	"net/url"

	"github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/usersync"
)

// mailInLog has mail written to the log, where none is sent and people reach the
// issuer from this machine alone: so that all of it can be tried before there is an
// SMTP server. A server that others reach writes no link there: logs are kept, copied
// and read by many, and such a link opens an account.
func (c *Config) mailInLog(issuer *url.URL) {
	if c.Mailer == nil && usersync.IsLoopback(issuer.Hostname()) {
		c.Mailer = mail.NewLog(c.Logger)
	}
}

// MailsToLog says that mail is in the log and not sent.
func (p *Provider) MailsToLog() bool {
	_, ok := p.Mailer.(*mail.Log)
	return ok
}
