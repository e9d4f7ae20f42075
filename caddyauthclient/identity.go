package caddyauthclient

import (
	"context"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/caddyauthclient/gate"
)

// identityVar is the request variable that holds the *gate.Identity of who
// passed the last gate, nil for a stranger.
const identityVar = "auth_client.identity"

// gateVar is the *gate.Gate that it was.
const gateVar = "auth_client.gate"

// tokensVar are the *gate.Tokens of who passed it, where it keeps tokens.
const tokensVar = "auth_client.tokens"

const placeholders = "http.auth.user."

// setIdentity tells what comes after the gate who passed it: the matcher
// auth_user, and the placeholders {http.auth.user.*}. These are looked up when
// somebody asks, all by one function, so that a request pays for none it does
// not use.
func setIdentity(r *http.Request, g *gate.Gate, id *gate.Identity, tokens *gate.Tokens) {
	ctx := r.Context()
	vars, ok := ctx.Value(caddyhttp.VarsCtxKey).(map[string]any)
	if !ok {
		return
	}
	_, again := vars[identityVar] // of two gates, the later one speaks
	vars[identityVar], vars[gateVar] = id, g
	if tokens != nil || again {
		vars[tokensVar] = tokens
	}
	repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	if id != nil {
		// What basic_auth in front of the gate may have set goes first otherwise.
		repl.DeleteByPrefix(placeholders)
	}
	if !again {
		repl.Map(func(key string) (any, bool) { return placeholder(ctx, vars, key) })
	}
}

// placeholder is known for every key below http.auth.user, so that it is empty
// rather than left as it stands where there is nobody, or no such field.
func placeholder(ctx context.Context, vars map[string]any, key string) (any, bool) {
	name, ok := strings.CutPrefix(key, placeholders)
	if !ok {
		return nil, false
	}
	id, _ := vars[identityVar].(*gate.Identity)
	if id == nil {
		return "", true
	}
	if name == "id" {
		return id.ID(), true
	}
	if tokens, _ := vars[tokensVar].(*gate.Tokens); tokens != nil && name == "access_token" {
		return tokens.AccessToken(ctx), true
	}
	v, _ := id.Value(name)
	return v, true
}

// identityOf is who passed the gate in front, or nil.
func identityOf(r *http.Request) *gate.Identity {
	id, _ := caddyhttp.GetVar(r.Context(), identityVar).(*gate.Identity)
	return id
}

// reapply sets the headers of who passed a gate in front again, after another
// gate cleaned the request.
func reapply(r *http.Request) {
	g, _ := caddyhttp.GetVar(r.Context(), gateVar).(*gate.Gate)
	if id := identityOf(r); g != nil && id != nil {
		g.Apply(r, gate.Decision{Identity: id})
	}
}
