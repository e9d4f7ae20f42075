package provider

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/caddyito/caddyito/store"
)

// A form carries a token that only the browser it was shown to can post: it is
// keyed by a cookie that no other site can read or send along (SameSite), and
// by what the form is for, so that the token of one form opens no other. That
// works without JavaScript, and where Origin is "null" because pages have no
// referrer. A salt keeps the token from being guessed out of compressed pages.

// csrfToken is the token for a form of this purpose; it sets the cookie if the
// browser has none yet.
func (p *Provider) csrfToken(w http.ResponseWriter, r *http.Request, purpose string) string {
	secret := cookie(r, p.cookies.csrf)
	if len(secret) != 43 {
		secret = store.NewSecret()
		p.setCookie(w, p.cookies.csrf, secret, 0)
	}
	var salt [16]byte
	rand.Read(salt[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(append(salt[:], p.csrfMAC(salt[:], secret, purpose)...))
}

// csrfValid says whether a post of this purpose comes from a form that this
// browser was shown.
func (p *Provider) csrfValid(r *http.Request, form url.Values, purpose string) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		// The browser vouches that one of our own pages posts, and no page can
		// make it say so. The token would say less: when tabs are restored
		// together, each brings a cookie, and only the last one's stays.
		return true
	case "", "none": // an older browser; a person who reloads
	default:
		return false
	}
	secret := cookie(r, p.cookies.csrf)
	b, err := base64.RawURLEncoding.DecodeString(form.Get("csrf"))
	if err != nil || len(b) != 16+sha256.Size || len(secret) != 43 {
		return false
	}
	return hmac.Equal(b[16:], p.csrfMAC(b[:16], secret, purpose))
}

func (p *Provider) csrfMAC(salt []byte, secret, purpose string) []byte {
	m := hmac.New(sha256.New, p.csrfKey[:])
	m.Write(salt)
	m.Write([]byte(secret)) // always 43 bytes, so the parts cannot run together
	m.Write([]byte(purpose))
	return m.Sum(nil)
}
