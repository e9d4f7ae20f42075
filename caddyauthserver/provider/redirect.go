package provider

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
)

// responseMode is how the answer reaches the client: in the query of its
// redirect URI, or posted to it as a form (OAuth 2.0 Form Post Response Mode).
type responseMode int

const (
	modeQuery responseMode = iota
	modeFormPost
)

// respond sends the browser back to the client with values, state and iss
// (RFC 9207).
func (p *Provider) respond(w http.ResponseWriter, a *authRequest, values url.Values) {
	if a.hasState {
		values.Set("state", a.state)
	}
	values.Set("iss", p.Issuer)
	if a.mode == modeFormPost {
		fields := make([][2]string, 0, len(values))
		for _, name := range slices.Sorted(maps.Keys(values)) {
			fields = append(fields, [2]string{name, values.Get(name)})
		}
		p.pages.FormPost(w, pages.FormPost{Action: a.redirectURI, Fields: fields})
		return
	}
	seeOther(w, appendQuery(a.redirectURI, values))
}

// respondError sends an error back (RFC 6749 section 4.1.2.1). It ends a request
// that was pushed.
func (p *Provider) respondError(w http.ResponseWriter, r *http.Request, a *authRequest, e *oauthError) {
	if p.refuseRequest(w, r, nil, p.endPushed(r.Context(), a)) {
		return
	}
	values := url.Values{"error": {e.code}}
	if e.description != "" {
		values.Set("error_description", e.description)
	}
	p.respond(w, a, values)
}

// appendQuery adds values to a URI, keeping what it has (RFC 6749 section
// 3.1.2) letter by letter.
func appendQuery(uri string, values url.Values) string {
	switch {
	case !strings.Contains(uri, "?"):
		return uri + "?" + values.Encode()
	case strings.HasSuffix(uri, "?"), strings.HasSuffix(uri, "&"):
		return uri + values.Encode()
	}
	return uri + "&" + values.Encode()
}
