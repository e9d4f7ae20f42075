package gate

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const revokeTimeout = 2 * time.Second

// revoke ends tokens at the issuer (RFC 7009) which the gate needs no more: what does
// not exist cannot be stolen. A failure changes
// nothing for the person; the token ends by itself.
func (g *Gate) revoke(is *issuer, token *oauth2.Token) {
	if is.revocation == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), revokeTimeout)
	defer cancel()
	for _, t := range []struct{ hint, token string }{
		{"refresh_token", token.RefreshToken},
		{"access_token", token.AccessToken},
	} {
		if t.token == "" {
			continue
		}
		form := url.Values{"token": {t.token}, "token_type_hint": {t.hint}}
		if is.endpoint.AuthStyle == oauth2.AuthStyleInParams {
			form.Set("client_id", g.cfg.ClientID)
			if g.cfg.ClientSecret != "" {
				form.Set("client_secret", g.cfg.ClientSecret)
			}
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, is.revocation, strings.NewReader(form.Encode()))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if is.endpoint.AuthStyle == oauth2.AuthStyleInHeader {
				// RFC 6749 section 2.3.1: form-encoded before Basic.
				req.SetBasicAuth(url.QueryEscape(g.cfg.ClientID), url.QueryEscape(g.cfg.ClientSecret))
			}
			_, err = g.issuer.fetch(req)
		}
		if err != nil {
			g.log.Warn("cannot revoke a token; it ends by itself", "kind", t.hint, "error", plainError(err))
		}
	}
}
