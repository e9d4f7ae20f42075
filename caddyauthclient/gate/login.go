package gate

import (
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

// serveLogin is /oidc/login: for apps that have a button to sign in, and for
// others who send people here to do so (initiate.go).
func (g *Gate) serveLogin(w http.ResponseWriter, r *http.Request, o *origin) {
	if r.Method == http.MethodPost {
		g.continueInitiated(w, r, o)
		return
	}
	if !allowMethods(w, r, http.MethodGet, http.MethodHead, http.MethodPost) {
		return
	}
	to, hint := g.askedReturn(r), ""
	if r.URL.Query().Has("iss") {
		q, err := g.initiated(r.URL.RawQuery)
		if err != nil {
			g.refuseInitiated(w, r, err)
			return
		}
		to, hint = g.targetPath(o, q[targetLink]), q[loginHint]
	}
	if _, id, err := g.identify(r, o); err == nil && id != nil {
		g.redirect(w, http.StatusSeeOther, to)
		return
	}
	g.startLogin(w, r, o, to, hint, 0)
}

// startLogin sends the browser to the issuer, from where it will come to the
// callback and then to path. hint is whom somebody expects to sign in, or "";
// retries counts how often this started over.
func (g *Gate) startLogin(w http.ResponseWriter, r *http.Request, o *origin, path, hint string, retries uint8) {
	if g.cfg.Scheme(r) != o.scheme {
		g.pages.Message(w, r, http.StatusBadRequest, webpage.Message{
			Title: lang.T("Other address needed"),
			Text: lang.T("This page was reached over %s, but people sign in here over %s. "+
				"If a proxy in front ends the encryption, its address belongs into trusted_proxies.", g.cfg.Scheme(r), o.scheme),
			LinkText: lang.T("Go to %s", o.url), LinkURL: o.url + path,
		})
		return
	}
	if retries > maxRetries {
		g.pages.Message(w, r, http.StatusBadRequest, webpage.Message{
			Title: lang.T("Cookies needed"),
			Text: lang.T("Signing in did not come to an end: your browser does not send back the cookie that was set for it. " +
				"Allow cookies for this site and try again."),
			LinkText: lang.T("Try again"), LinkURL: path,
		})
		return
	}
	is, err := g.issuer.get()
	if err != nil {
		g.issuerUnavailable(w, r)
		return
	}
	browser, ok := secretCookie(r.Header, o.browserCookie)
	if !ok {
		browser = store.NewSecret()
		o.setCookie(w, o.browserCookie, browser)
	}
	a := newAttempt()
	a.browser = hashSecret(browser)
	a.expires = g.cfg.Now().Add(attemptLifetime).Unix()
	a.retries = retries
	a.origin, a.path = o.url, path

	challenge, state := a.codeChallenge(), g.sealAttempt(&a)
	text := base64.RawURLEncoding
	prefix := is.authorize[o.index]
	const names = len("&code_challenge=") + len("&nonce=") + len("&state=")
	location := make([]byte, 0, len(prefix)+names+
		text.EncodedLen(len(challenge))+text.EncodedLen(len(a.nonce))+text.EncodedLen(len(state)))
	location = append(location, prefix...)
	location = append(location, "&code_challenge="...)
	location = text.AppendEncode(location, challenge[:])
	location = append(location, "&nonce="...)
	location = text.AppendEncode(location, a.nonce[:])
	location = append(location, "&state="...)
	location = text.AppendEncode(location, state)
	if hint != "" {
		location = append(location, "&login_hint="...)
		location = append(location, url.QueryEscape(hint)...)
	}
	g.redirect(w, http.StatusFound, string(location))
}

// redirect answers without a body; no cache may keep it, for it is about one
// browser.
func (g *Gate) redirect(w http.ResponseWriter, status int, location string) {
	h := w.Header()
	values := [...]string{location, "no-store", "no-referrer"}
	h["Location"] = values[0:1:1]
	h["Cache-Control"] = values[1:2:2]
	h["Referrer-Policy"] = values[2:3:3]
	w.WriteHeader(status)
}

func (g *Gate) issuerUnavailable(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "5")
	g.pages.Message(w, r, http.StatusServiceUnavailable, webpage.Message{
		Title:    lang.T("The sign-in service does not answer"),
		Text:     lang.T("You cannot sign in just now. Those who already are signed in are not affected. Try again in a moment."),
		LinkText: lang.T("Try again"), LinkURL: g.tryAgainURL(r),
	})
}

// tryAgainURL is the address of the page that was asked for; for the gate's own
// paths, the root.
func (g *Gate) tryAgainURL(r *http.Request) string {
	if u := g.cfg.OriginalURL(r); g.ownPath(u) == "login" {
		return g.cfg.Prefix + "/login?return=" + url.QueryEscape(g.askedReturn(r))
	}
	return g.returnPath(r)
}
