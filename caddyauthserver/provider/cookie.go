package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"
)

// cookieNames are the cookies of one server. On https the __Host- prefix keeps
// other hosts of the domain from setting them (RFC 6265bis section 4.1.3.2). On
// plain http all ports of a host share one jar, so the port is in the name.
type cookieNames struct {
	session, csrf, device, language, pending string
	secure                                   bool
}

func cookieNamesFor(issuer string) cookieNames {
	u, _ := url.Parse(issuer) // Config.complete checked it
	base, secure := "__Host-caddyito-server", true
	if u.Scheme == "http" {
		port := u.Port()
		if port == "" {
			port = "80"
		}
		base, secure = "caddyito-server-"+port, false
	}
	return cookieNames{session: base, csrf: base + "-csrf", device: base + "-device", language: base + "-language", pending: base + "-pending", secure: secure}
}

// all are every name, for what is to know the server's cookies from others.
func (n *cookieNames) all() []string {
	return []string{n.session, n.csrf, n.device, n.language, n.pending}
}

// macOf is a text's MAC, as it stands in cookies and URLs.
func macOf(key *[32]byte, text string) string {
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// cookie is the value of the request's one cookie of that name. Of two, one is
// somebody else's: then it is none.
func cookie(r *http.Request, name string) string {
	found := r.CookiesNamed(name)
	if len(found) != 1 || len(found[0].Value) > 512 {
		return ""
	}
	return found[0].Value
}

// setCookie keeps value in the browser until it closes or, with a maxAge, that
// long. A negative one takes it away.
func (p *Provider) setCookie(w http.ResponseWriter, name, value string, maxAge time.Duration) {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/",
		HttpOnly: true, Secure: p.cookies.secure, SameSite: http.SameSiteLaxMode,
		MaxAge: int(maxAge / time.Second),
	}
	if maxAge < 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
