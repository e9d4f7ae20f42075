package caddyauthserver

import (
	"context"
	"errors"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// PasswordLink makes a link by which a person chooses a password, for the admin
// API.
func (s *Server) PasswordLink(ctx context.Context, by store.AuditOrigin, userID int64) (string, error) {
	return s.provider.Load().PasswordLink(ctx, by, userID)
}

// CheckNewPassword says what is wrong with a password for somebody, as the pages do.
func (s *Server) CheckNewPassword(pw string, u *store.User) error {
	return s.provider.Load().CheckNewPassword(pw, u)
}

// MailsToLog says that what MailPasswordLink sends is in the log.
func (s *Server) MailsToLog() bool { return s.provider.Load().MailsToLog() }

// MailPasswordLink sends them one.
func (s *Server) MailPasswordLink(ctx context.Context, by store.AuditOrigin, userID int64) error {
	err := s.provider.Load().MailPasswordLink(ctx, by, userID)
	if errors.Is(err, provider.ErrNoMail) {
		return authapp.Conflict(err)
	}
	return err
}
