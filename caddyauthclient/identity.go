package caddyauthclient

import (
	"context"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/caddyauthclient/gate"
)

// passageVar is the request variable that holds the *gate.Passage by the last gate, nil
// of a stranger.
const passageVar = "auth_client.passage"

const placeholders = "http.auth.user."

// setPassage tells what comes after the gate who passed it: the matcher
// auth_user, and the placeholders {http.auth.user.*}. These are looked up when
// somebody asks, all by one function, so that a request pays for none it does
// not use.
func setPassage(r *http.Request, p *gate.Passage) {
	ctx := r.Context()
	vars, ok := ctx.Value(caddyhttp.VarsCtxKey).(map[string]any)
	if !ok {
		return
	}
	_, again := vars[passageVar] // of two gates, the later one speaks
	vars[passageVar] = p
	repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	if p != nil {
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
	p, _ := vars[passageVar].(*gate.Passage)
	switch {
	case p == nil:
		return "", true
	case name == "id":
		return p.Identity.ID(), true
	case name == "access_token" && p.Tokens != nil:
		return p.Tokens.AccessToken(ctx), true
	}
	v, _ := p.Identity.Value(name)
	return v, true
}

// identityOf is who passed the gate in front, or nil.
func identityOf(r *http.Request) *gate.Identity {
	if p := passageOf(r); p != nil {
		return p.Identity
	}
	return nil
}

// passageOf is how, or nil.
func passageOf(r *http.Request) *gate.Passage {
	p, _ := caddyhttp.GetVar(r.Context(), passageVar).(*gate.Passage)
	return p
}

// reapply sets the headers of who passed a gate in front again, after another
// gate cleaned the request.
func reapply(r *http.Request) {
	if p := passageOf(r); p != nil {
		p.Gate().Apply(r, gate.Decision{Identity: p.Identity})
	}
}
