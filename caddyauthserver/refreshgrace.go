package caddyauthserver

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddyito/caddyito/authapp/directive"
	"github.com/caddyito/caddyito/caddyauthserver/provider"
)

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
