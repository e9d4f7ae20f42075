package caddyauthserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// StartServer makes the provider. Whoever calls it says of which server an error is.
func (s *Server) StartServer(env authapp.ServerEnv) error {
	issuer, err := chooseIssuer(s.IssuerURL, env.Origins)
	if err != nil {
		return err
	}
	if err := s.checkClients(env.Schema); err != nil {
		return err
	}
	mailer, err := s.startMailer()
	if err != nil {
		return err
	}
	if s.BreachedPasswords != "" {
		if s.breached, err = password.OpenBreached(s.BreachedPasswords); err != nil {
			s.stopHelpers()
			return fmt.Errorf("breached_passwords: %w", err)
		}
	}
	p, err := provider.New(provider.Config{
		Breached:             s.breached,
		Mailer:               mailer,
		Issuer:               issuer,
		Prefix:               s.Prefix,
		Store:                env.Store,
		MasterKey:            env.MasterKey,
		Schema:               env.Schema,
		StaticClient:         s.staticClients(env),
		StaticClients:        s.listStaticClients(env),
		SyncTransport:        env.SyncTransport,
		PlainHosts:           s.plainHosts,
		Registration:         s.DynamicRegistration,
		SecondFactor:         s.RequireSecondFactor.policy(),
		Brand:                s.Brand,
		Templates:            s.Templates,
		Realms:               env.Realms,
		CodeLifetime:         time.Duration(s.Lifetimes.Code),
		AccessTokenLifetime:  time.Duration(s.Lifetimes.AccessToken),
		RefreshTokenLifetime: time.Duration(s.Lifetimes.RefreshToken),
		RefreshGrace:         s.Lifetimes.refreshGrace(),
		SigningKeyLifetime:   time.Duration(s.Lifetimes.SigningKey),
		SessionIdle:          time.Duration(s.Session.Idle),
		SessionAbsolute:      time.Duration(s.Session.Absolute),
		ClientIP:             clientIP,
		Logger:               s.log,
	})
	if err != nil {
		s.stopHelpers()
		return err
	}
	s.issuer = issuer
	s.provider.Store(p)
	ctx := context.Background()
	if err := p.Prepare(ctx); err != nil {
		s.StopServer() // the app stops only those that started
		return err
	}
	p.StartKeys()
	p.StartSync(s.app.Ready()) // not before the gates of this process stand
	p.StartLogouts(s.app.Ready())
	p.StartMail()
	p.StartAudit()
	return nil
}

// StopServer ends what the provider does besides answering. The pointer stays,
// for the requests that are still under way.
func (s *Server) StopServer() {
	if p := s.provider.Load(); p != nil {
		p.Close()
	}
	s.stopHelpers()
}

// stopHelpers ends what the provider was given.
func (s *Server) stopHelpers() {
	s.stopMailer()
	if s.breached != nil {
		s.breached.Close()
	}
}

// SyncTargets are the clients that are told of changes, and where.
func (s *Server) SyncTargets(ctx context.Context) ([]usersync.Target, error) {
	p := s.provider.Load()
	if p == nil {
		return nil, nil
	}
	return p.SyncTargets(ctx)
}

// endPolls is called when the site begins to shut down, which waits for
// requests.
func (s *Server) endPolls() {
	if p := s.provider.Load(); p != nil {
		p.EndPolls()
	}
}

// Issuer is known once StartServer returned.
func (s *Server) Issuer() string { return s.issuer }

// PathPrefix is where the server's own pages are.
func (s *Server) PathPrefix() string { return cmp.Or(s.Prefix, provider.DefaultPrefix) }

// TakesRegistrations says whether software may register itself.
func (s *Server) TakesRegistrations() bool { return s.DynamicRegistration }

// Schema that the config declares, or nil.
func (s *Server) Schema() *store.Schema { return s.DeclaredSchema }

// ServeAuth answers the gates of this process. Unlike ServeHTTP it does not
// wait for the whole app, since gates may call it while they start.
func (s *Server) ServeAuth(w http.ResponseWriter, r *http.Request) {
	p := s.provider.Load()
	if p == nil {
		http.Error(w, "auth_server has not started", http.StatusServiceUnavailable)
		return
	}
	p.ServeHTTP(w, r)
}

// chooseIssuer is the configured issuer, or else the one origin of the site.
func chooseIssuer(configured string, origins []string) (string, error) {
	switch {
	case configured != "":
		return configured, nil
	case len(origins) == 1:
		return origins[0], nil
	case len(origins) == 0:
		return "", errors.New("auth_server: the site it stands in has no host name, so say under which origin people reach it: issuer https://auth.example.com")
	}
	return "", fmt.Errorf("auth_server: the site it stands in has several origins (%s); say which one is the issuer: issuer %s", strings.Join(slices.Sorted(slices.Values(origins)), ", "), origins[0])
}
