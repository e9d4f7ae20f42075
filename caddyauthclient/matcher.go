package caddyauthclient

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/caddyauthclient/gate"
)

func init() {
	caddy.RegisterModule(MatchUser{})
}

// MatchUser matches requests by who passed an auth_client in front. Of each
// list one value is enough; of several lists, each must hold. With none, it
// matches everyone who is signed in. It never matches a stranger, nor in front
// of the gate.
type MatchUser struct {
	// Users by username, ignoring case.
	Users []string `json:"users,omitempty"`
	// Groups the user is in.
	Groups []string `json:"groups,omitempty"`
	// Fields by name, also into relations ("company.name"), to the values that
	// match.
	Fields map[string][]string `json:"fields,omitempty"`

	person gate.PersonMatcher
}

// CaddyModule returns the Caddy module information.
func (MatchUser) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.matchers.auth_user",
		New: func() caddy.Module { return new(MatchUser) },
	}
}

// UnmarshalCaddyfile sets up the matcher from Caddyfile tokens. Syntax:
//
//	auth_user
//	auth_user user|group <value>...
//	auth_user field <name> <value>...
//	auth_user {
//		user  <username>...
//		group <group>...
//		field <name> <value>...
//	}
func (m *MatchUser) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	// Given more than once in a named matcher, it is here more than once.
	for d.Next() {
		if err := readConditions(d, "auth_user", personConditions(&m.Users, &m.Groups, &m.Fields)); err != nil {
			return err
		}
	}
	return nil
}

// Provision sets the matcher up.
func (m *MatchUser) Provision(caddy.Context) error {
	m.person = gate.Rule{Users: m.Users, Groups: m.Groups, Fields: m.Fields}.PersonMatcher()
	return nil
}

// Validate checks what the Caddyfile checks, for configs that are JSON.
func (m *MatchUser) Validate() error {
	return checkFields("auth_user", m.Fields)
}

// MatchWithError says whether the user who passed the gate is among those meant.
func (m *MatchUser) MatchWithError(r *http.Request) (bool, error) {
	return m.person.Matches(identityOf(r))
}

// Interface guards
var (
	_ caddy.Provisioner                 = (*MatchUser)(nil)
	_ caddy.Validator                   = (*MatchUser)(nil)
	_ caddyfile.Unmarshaler             = (*MatchUser)(nil)
	_ caddyhttp.RequestMatcherWithError = (*MatchUser)(nil)
)
