// Package caddyito adds single sign-on to Caddy.
package caddyito
