// Package caddyito adds single sign-on to Caddy: importing it, for xcaddy or in
// a main package of one's own, registers all modules.
package caddyito

import (
	_ "github.com/caddyito/caddyito/authapp"
	_ "github.com/caddyito/caddyito/caddyauthclient"
	_ "github.com/caddyito/caddyito/caddyauthserver"
)
