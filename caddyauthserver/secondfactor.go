package caddyauthserver

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// SecondFactor says who must have a second factor.
type SecondFactor struct {
	// All people must. Default: false.
	All bool `json:"all,omitempty"`
	// Groups are those whose members must.
	Groups []string `json:"groups,omitempty"`
}

// readSecondFactor reads the option: for all, or for groups.
func (s *Server) readSecondFactor(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	f := &SecondFactor{All: len(args) == 0}
	if len(args) > 0 {
		if args[0] != "group" {
			return d.Errf("require_second_factor is for all, or for groups: require_second_factor group staff; not '%s'", args[0])
		}
		f.Groups = args[1:]
	}
	if err := f.check(); err != nil {
		return d.WrapErr(err)
	}
	s.RequireSecondFactor = f
	return nil
}

func (f *SecondFactor) check() error {
	if f == nil {
		return nil
	}
	if f.All != (len(f.Groups) == 0) {
		return errors.New("require_second_factor: either all, or one group at least")
	}
	for _, g := range f.Groups {
		if err := store.CheckGroup(g); err != nil {
			return fmt.Errorf("require_second_factor %w", err)
		}
	}
	return nil
}

func (f *SecondFactor) policy() provider.SecondFactorPolicy {
	if f == nil {
		return provider.SecondFactorPolicy{}
	}
	return provider.SecondFactorPolicy{All: f.All, Groups: f.Groups}
}
