package gate

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyito/caddyito/store"
)

// Verdict is what is to become of a request.
type Verdict uint8

const (
	// Unavailable: the gate cannot tell (503). It is the zero Verdict, so that
	// what was forgotten is closed.
	Unavailable Verdict = iota
	// Pass: signed in and allowed, or a public path.
	Pass
	// Login: a page load by a stranger, who is sent to sign in (302).
	Login
	// Unauthorized: anything else by a stranger (401).
	Unauthorized
	// Forbidden: signed in, but the rules say no; or an upgrade asked for by
	// another site (403).
	Forbidden
	// BadRequest: for a host that is none of the gate's origins (400).
	BadRequest
	// Own: for one of the gate's own paths.
	Own
)

var verdictNames = [...]string{"unavailable", "pass", "login", "unauthorized", "forbidden", "bad_request", "own"}

func (v Verdict) String() string { return verdictNames[v] }

// Decision is a Verdict and who it is about.
type Decision struct {
	Verdict Verdict
	// Identity is who sent the request; nil for a stranger.
	Identity *Identity
	reason   reason
	origin   *origin // by which the request came; nil if it was not looked for, or is not the gate's

	// What a Pass with an Identity rests on, for Begin.
	session store.Hash
	asked   *url.URL
	public  bool

	// room is the passage's for what Apply sets; nil without one. Begin sets it.
	room []string
}

type reason uint8

const (
	reasonNone reason = iota
	reasonHost
	reasonOrigin
	reasonRules
	reasonStore
	reasonOutdated
	reasonPending
)

// isPageLoad says whether a person waits for a page, so that a redirect to sign
// in helps. Browsers say so (Fetch Metadata); of others, asking for HTML must
// do.
func isPageLoad(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || isUpgrade(r) {
		return false
	}
	mode, dest := first(r.Header, "Sec-Fetch-Mode"), first(r.Header, "Sec-Fetch-Dest")
	if mode != "" || dest != "" {
		return mode == "navigate" && (dest == "document" || dest == "iframe" || dest == "frame")
	}
	if first(r.Header, "X-Requested-With") != "" {
		return false
	}
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(accept, "text/html") {
			return true
		}
	}
	return false
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && len(r.Header["Access-Control-Request-Method"]) > 0
}

// isUpgrade says whether the connection is to become a WebSocket, by Upgrade (RFC
// 6455) or, in HTTP/2 and 3, by CONNECT (RFC 8441 and 9220); see IsTunnel.
func isUpgrade(r *http.Request) bool {
	return len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect
}

func (g *Gate) upgradeFromHere(r *http.Request) bool {
	for _, from := range r.Header["Origin"] {
		if !g.isOwnOrigin(from) {
			return false
		}
	}
	return true
}

// first is h.Get for a name in canonical form.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}
