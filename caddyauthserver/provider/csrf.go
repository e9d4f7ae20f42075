package provider

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// A form carries a token that only the browser it was shown to can post. It is
// two MACs: one over what the form is for, so that the token of one form opens no
// other, and one also over a cookie that no other site can read or send along
// (SameSite). That works without JavaScript, and where Origin is "null" because
// pages have no referrer. A salt keeps the token from being guessed out of
// compressed pages.

// staleForm says to people that their form had no token that counts.
var staleForm = lang.T("This page was open for too long, or your browser keeps no cookies. Please try again.")

// csrfToken is the token for a form of this purpose; it sets the cookie if the
// browser has none yet.
func (p *Provider) csrfToken(w http.ResponseWriter, r *http.Request, purpose string) string {
	secret := p.browserSecret(w, r)
	var salt [16]byte
	rand.Read(salt[:]) // never fails (crypto/rand)
	token := append(salt[:], p.csrfMAC(salt[:], "", purpose)...)
	token = append(token, p.csrfMAC(salt[:], secret, purpose)...)
	return base64.RawURLEncoding.EncodeToString(token)
}

// browserSecret is the secret of the browser's cookie, which it gets now if it has
// none. The request has it from then on, so that a page with several tokens sets one.
func (p *Provider) browserSecret(w http.ResponseWriter, r *http.Request) string {
	secret := p.knownSecret(r)
	if secret == "" {
		secret = store.NewSecret()
		p.setCookie(w, p.cookies.csrf, secret, 0)
		r.AddCookie(&http.Cookie{Name: p.cookies.csrf, Value: secret})
	}
	return secret
}

// knownSecret is the secret of the browser's cookie, "" if it has none.
func (p *Provider) knownSecret(r *http.Request) string {
	secret := cookie(r, p.cookies.csrf)
	if len(secret) != secretLen {
		return ""
	}
	return secret
}

// csrfValid says whether a post of this purpose comes from a form that this
// browser was shown.
func (p *Provider) csrfValid(r *http.Request, form url.Values, purpose string) bool {
	token, err := base64.RawURLEncoding.DecodeString(form.Get("csrf"))
	if err != nil || len(token) != 16+2*sha256.Size {
		return false
	}
	salt, bare, keyed := token[:16], token[16:16+sha256.Size], token[16+sha256.Size:]
	if !hmac.Equal(bare, p.csrfMAC(salt, "", purpose)) {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		// The browser vouches that one of our own pages posts, and no page can
		// make it say so. The cookie would say less: when tabs are restored
		// together, each brings one, and only the last one's stays.
		return true
	case "", "none": // an older browser; a person who reloads
	default:
		return false
	}
	secret := p.knownSecret(r)
	return secret != "" && hmac.Equal(keyed, p.csrfMAC(salt, secret, purpose))
}

// csrfMAC is over a purpose and, unless it is "", the cookie's secret.
func (p *Provider) csrfMAC(salt []byte, secret, purpose string) []byte {
	m := hmac.New(sha256.New, p.csrfKey[:])
	m.Write(salt)
	m.Write([]byte{byte(len(secret))}) // so that the parts cannot run together
	m.Write([]byte(secret))
	m.Write([]byte(purpose))
	return m.Sum(nil)
}
