package caddyauthserver

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddyito/caddyito/authapp/directive"
	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// Lifetimes of what the server issues.
type Lifetimes struct {
	// Code is how long a code can be redeemed. Default: 60 s.
	Code caddy.Duration `json:"code,omitempty"`
	// AccessToken is how long an access token is good for, up to 30 days.
	// Default: 10 minutes.
	AccessToken caddy.Duration `json:"access_token,omitempty"`
	// RefreshToken is how long a refresh token can wait to be used. Default: 30
	// days.
	RefreshToken caddy.Duration `json:"refresh_token,omitempty"`
	// RefreshGrace is how long a client that shows a refresh token again, because
	// the answer got lost or two of its processes asked at once, gets the same new
	// one again, unless that was used. At most a minute; 0 is not at all, so that
	// any reuse ends the client's access. Default: 10 s.
	RefreshGrace *caddy.Duration `json:"refresh_grace,omitempty"`
	// SigningKey is how long a key signs ID tokens before the next does, at least
	// an hour. The next is published 10 minutes earlier; the last is kept for at
	// least 30 days more. Default: 90 days.
	SigningKey caddy.Duration `json:"signing_key,omitempty"`
}

// check says what is wrong with them, also where no Caddyfile was read.
func (l *Lifetimes) check() error {
	if l.Code < 0 || l.AccessToken < 0 || l.RefreshToken < 0 {
		return errors.New("lifetimes: must be longer than nothing")
	}
	if err := checkAccessTokenLifetime(l.AccessToken); err != nil {
		return fmt.Errorf("lifetimes: %w", err)
	}
	if err := checkRefreshGrace(l.RefreshGrace); err != nil {
		return err
	}
	return checkKeyLifetime(l.SigningKey)
}

// lifetime reads a duration that has its own bounds.
func lifetime(target *caddy.Duration, check func(caddy.Duration) error) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if err := directive.Duration(target)(d); err != nil {
			return err
		}
		return directive.Wrap(d, check(*target))
	}
}

// checkAccessTokenLifetime says what is wrong with how long access tokens live; 0 is
// the default.
func checkAccessTokenLifetime(d caddy.Duration) error {
	return store.CheckAccessTokenLifetime(store.Duration(d))
}

// checkKeyLifetime says what is wrong with how long a key signs; 0 is the
// default.
func checkKeyLifetime(d caddy.Duration) error {
	if d != 0 && time.Duration(d) < provider.MinSigningKeyLifetime {
		return fmt.Errorf("signing_key_lifetime %s: must be at least %s, since the next key is published before it signs", time.Duration(d), provider.MinSigningKeyLifetime)
	}
	return nil
}

// readRefreshGrace reads a duration that may be 0.
func (l *Lifetimes) readRefreshGrace(d *caddyfile.Dispenser) error {
	var text string
	if err := directive.Text(&text)(d); err != nil {
		return err
	}
	grace, err := caddy.ParseDuration(text)
	if err != nil {
		return d.Errf("refresh_grace: '%s' is not a duration such as 10s, or 0", text)
	}
	l.RefreshGrace = new(caddy.Duration(grace))
	return directive.Wrap(d, checkRefreshGrace(l.RefreshGrace))
}

// checkRefreshGrace says what is wrong with the grace; none is the default.
func checkRefreshGrace(d *caddy.Duration) error {
	if d != nil && (*d < 0 || time.Duration(*d) > provider.MaxRefreshGrace) {
		return fmt.Errorf("refresh_grace %s: must be from 0 to %s, since a thief could use it too", time.Duration(*d), provider.MaxRefreshGrace)
	}
	return nil
}

// refreshGrace is as the provider takes it: there 0 is the default.
func (l *Lifetimes) refreshGrace() time.Duration {
	switch {
	case l.RefreshGrace == nil:
		return 0
	case *l.RefreshGrace == 0:
		return -1
	}
	return time.Duration(*l.RefreshGrace)
}
