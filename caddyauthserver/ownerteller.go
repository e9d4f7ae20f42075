package caddyauthserver

import "github.com/caddyito/caddyito/store"

// TellOfPasswordSet tells somebody by mail that they were given a password, for the
// admin API.
func (s *Server) TellOfPasswordSet(u *store.User) { s.provider.Load().TellOfPasswordSet(u) }

// TellOfFactorsReset tells somebody that their second factors were taken away.
func (s *Server) TellOfFactorsReset(u *store.User) { s.provider.Load().TellOfFactorsReset(u) }
