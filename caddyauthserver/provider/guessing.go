package provider

import (
	"errors"
	"net/http"
)

// How guessing is slowed down
//
// Passwords and user codes are short, so attempts at them are counted before they
// are looked at, and who made too many waits, even with the right one: by account,
// so that nobody waits for others (limiter.go, checklogin.go, devicepage.go).
//
// All else that can be guessed is long. Codes, tokens, device codes and secrets made
// here have 256 bits, and a secret that somebody chose has at least 32 bytes. To
// refuse the right one because of wrong ones from the same network would let any
// neighbour of a client, or anybody behind the same proxy, shut it out, and would
// make no guess less likely than it is. So here what is shown is looked at first,
// which costs a hash and a read: what is right always passes, and only what is
// wrong is counted, by network. Beyond the limit it is answered with 429 and
// Retry-After, which tells nothing but to stop, and is not logged any more, so that
// guesses fill no disk.
//
// What an authenticated client is wrong about is not counted. A resource server
// shows at introspection what strangers showed to it, and must hear "not active"
// however often they try; a client whose tokens were all revoked must hear of each.

// slowDown is err, the answer to something wrong, or else that there was too much
// of it.
func (p *Provider) slowDown(err error, wrong ...attempt) error {
	if wait := p.limits.take(wrong...); wait > 0 {
		return &tooManyError{wait}
	}
	return err
}

// wrongCredentials names the buckets of failed client authentication: per client
// and network, and per network. What strangers call themselves is one client.
func (p *Provider) wrongCredentials(r *http.Request, clientID string) []attempt {
	network := networkOf(p.ClientIP(r))
	return []attempt{
		{secretLimit, "client " + clientID + " " + network},
		{grantLimit, "client " + network},
	}
}

// wrongGrant is the answer to a request for tokens that failed.
func (p *Provider) wrongGrant(r *http.Request, c *client, err error) error {
	if oe, ok := errors.AsType[*oauthError](err); !ok || oe.code != "invalid_grant" || !c.Public {
		return err
	}
	return p.slowDown(err, attempt{grantLimit, "grant " + networkOf(p.ClientIP(r))})
}

// wrongBearer is the answer to an access token that is good for nothing. Tokens
// expire in the hands of whole offices at once, so this is far off.
func (p *Provider) wrongBearer(r *http.Request, err error) error {
	return p.slowDown(err, attempt{bearerLimit, networkOf(p.ClientIP(r))})
}
