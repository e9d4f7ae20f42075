package provider

import (
	"crypto/hmac"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyito/caddyito/store"
)

// knownBrowserLifetime is how long a browser is known as one that a person signed in
// with.
const knownBrowserLifetime = 365 * 24 * time.Hour

// knownBrowser is the browser's mark, if this user signed in with it before. It
// proves nothing and opens nothing; its attempts are only counted apart, so
// that strangers who guess at an account do not keep its owner out.
func (p *Provider) knownBrowser(r *http.Request, userID int64) (string, bool) {
	value := cookie(r, p.cookies.device)
	mark, mac, ok := strings.Cut(value, ".")
	return mark, ok && hmac.Equal([]byte(mac), []byte(p.browserMAC(mark, userID)))
}

// rememberBrowser marks the browser for this user.
func (p *Provider) rememberBrowser(w http.ResponseWriter, r *http.Request, userID int64) {
	mark, ok := p.knownBrowser(r, userID)
	if !ok {
		mark = store.NewSecret()
	}
	p.setCookie(w, p.cookies.device, mark+"."+p.browserMAC(mark, userID), knownBrowserLifetime)
}

func (p *Provider) browserMAC(mark string, userID int64) string {
	return macOf(&p.browserKey, strconv.FormatInt(userID, 10)+"\n"+mark)
}
