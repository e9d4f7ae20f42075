package gate

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

// sameSite checks a POST by Sec-Fetch-Site, else by Origin.
var sameSite = http.NewCrossOriginProtection()

// serveLogout is /oidc/logout: it ends the session here and sends the browser
// on to end that at the issuer (OpenID Connect RP-Initiated Logout).
func (g *Gate) serveLogout(w http.ResponseWriter, r *http.Request, o *origin) {
	if !allowMethods(w, r, http.MethodGet, http.MethodPost) {
		return
	}
	secret, signedIn := secretCookie(r.Header, o.sessionCookie)
	hash := hashSecret(secret)
	if !g.wantsLogout(r, hash) {
		if r.Method == http.MethodGet && !isPageLoad(r) {
			g.pages.Message(w, r, http.StatusForbidden, webpage.Message{
				Title: lang.T("Not signed out"), Text: lang.T("Signing out takes a link that somebody follows, or a POST by the site itself."),
			})
			return
		}
		g.pages.Message(w, r, http.StatusOK, webpage.Message{
			Title:    lang.T("Sign out?"),
			Text:     lang.T("Perhaps another site sent you here. Do you want to sign out?"),
			LinkText: lang.T("Sign out"), LinkURL: g.cfg.Prefix + "/logout?confirm=" + url.QueryEscape(g.confirmation(hash)),
		})
		return
	}
	session := &store.Session{}
	if signedIn {
		g.endings.rememberSession(r.Context(), hash, secret)
		var err error
		if session, err = g.endSession(r.Context(), hash); err != nil {
			g.log.Error("cannot end the session; the person stays signed in", "error", err)
			g.storeUnavailable(w, r)
			return
		}
	}
	o.setCookie(w, o.sessionCookie, "")
	is, err := g.issuer.get()
	switch {
	case err != nil:
		g.signedOut(w, r, lang.T("You are signed out here. The sign-in service does not answer, so there you may still be signed in."))
	case is.endSession == "":
		g.signedOut(w, r, lang.T("You are signed out here. At the sign-in service you may still be signed in."))
	default:
		g.redirect(w, http.StatusSeeOther, endSessionURL(is, g.cfg.ClientID, o, session.IDToken))
	}
}

// wantsLogout says whether the person, and no other site, asks for it. A link
// in the app or an address typed will do where the browser says that it was one
// (Fetch Metadata); otherwise a page asks, whose link carries what only this
// gate can have written.
func (g *Gate) wantsLogout(r *http.Request, hash store.Hash) bool {
	if r.Method == http.MethodPost {
		return sameSite.Check(r) == nil
	}
	site := first(r.Header, "Sec-Fetch-Site")
	if (site == "same-origin" || site == "none") &&
		first(r.Header, "Sec-Fetch-Mode") == "navigate" && first(r.Header, "Sec-Fetch-Dest") == "document" {
		return true // no image or frame in a page that somebody else may write in
	}
	confirm := r.URL.Query().Get("confirm")
	return subtle.ConstantTimeCompare([]byte(confirm), []byte(g.confirmation(hash))) == 1
}

func (g *Gate) confirmation(hash store.Hash) string {
	mac := hmac.New(sha256.New, g.cfg.Key[:])
	mac.Write([]byte("logout of " + g.cfg.Name + " "))
	mac.Write(hash[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// endSession ends the session and returns what it was, an empty one if it was gone.
func (g *Gate) endSession(ctx context.Context, hash store.Hash) (session *store.Session, err error) {
	err = g.cfg.Store.Update(ctx, func(tx store.WriteTx) error {
		session = &store.Session{}
		rec, err := tx.Session(g.cfg.Name, hash)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		session = rec
		return tx.DeleteSession(g.cfg.Name, hash)
	})
	return session, err
}

// endSessionURL needs no state: nothing here waits for the browser to return.
func endSessionURL(is *issuer, clientID string, o *origin, hint string) string {
	u, _ := url.Parse(is.endSession) // checked by checkEndpoint
	q := u.Query()
	if hint != "" {
		q.Set("id_token_hint", hint)
	}
	q.Set("client_id", clientID)
	q.Set("post_logout_redirect_uri", o.url+"/")
	u.RawQuery = q.Encode()
	return u.String()
}

func (g *Gate) signedOut(w http.ResponseWriter, r *http.Request, text lang.Text) {
	g.pages.Message(w, r, http.StatusOK, webpage.Message{
		Title: lang.T("Signed out"), Text: text, LinkText: lang.T("Sign in again"), LinkURL: "/",
	})
}
