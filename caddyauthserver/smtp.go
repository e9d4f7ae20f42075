package caddyauthserver

import (
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddyito/caddyito/authapp/directive"
	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/mail"
)

// readSMTP reads the block smtp.
func (s *Server) readSMTP(d *caddyfile.Dispenser) error {
	start := d.Token()
	if d.NextArg() {
		return d.ArgErr()
	}
	c := new(mail.Config)
	err := directive.Options(d, "smtp", []directive.Option{
		{Name: "server", Read: directive.Text(&c.Server)},
		{Name: "from", Read: directive.Text(&c.From)},
		{Name: "username", Read: directive.Text(&c.Username)},
		{Name: "password", Read: directive.Text(&c.Password)},
		{Name: "tls", Read: directive.Text((*string)(&c.TLS))},
	})
	if err != nil {
		return err
	}
	s.SMTP = c
	if directive.HasPlaceholder(c.Server + c.From + c.Username + c.Password) {
		return nil
	}
	return directive.At(start, s.checkSMTP())
}

func (s *Server) expandSMTP() error {
	if s.SMTP == nil {
		return nil
	}
	return directive.Expand("smtp", &s.SMTP.Server, &s.SMTP.From, &s.SMTP.Username, &s.SMTP.Password)
}

// startMailer is nil where no mail is sent.
func (s *Server) startMailer() (provider.Mailer, error) {
	if s.SMTP == nil {
		return nil, nil
	}
	m, err := mail.New(*s.SMTP, s.log, mail.Options{})
	if err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	s.mailer = m
	return m, nil
}

func (s *Server) stopMailer() {
	if s.mailer != nil {
		s.mailer.Close()
	}
}

func (s *Server) checkSMTP() error {
	if s.SMTP == nil {
		return nil
	}
	if err := s.SMTP.Check(); err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	return nil
}
