package gate

import (
	"context"
	"fmt"
	"net/http"

	"github.com/caddyito/caddyito/store"
)

// minSID is how long a sid must be to count by itself: shorter ones could be
// guessed.
const minSID = 16

// serveFrontchannelLogout is /oidc/frontchannel-logout (OpenID Connect
// Front-Channel Logout 1.0 section 2): a page of the issuer's, at which somebody
// signed out, has it in a frame. From another site no cookie comes along, so the
// sid says whose session it is. Who knows it can end these sessions, and that is
// all: the issuer, and who has the ID token.
func (g *Gate) serveFrontchannelLogout(w http.ResponseWriter, r *http.Request, o *origin) {
	if !allowMethods(w, r, http.MethodGet) {
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors "+originOfURL(g.cfg.Issuer))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	q, err := single(r.URL.Query(), "iss", "sid")
	if err != nil || q["iss"] != g.cfg.Issuer || !goodName(q["sid"]) {
		// Without both nobody can be found; any page could cause that.
		g.log.Warn("refused a front-channel logout: it has not the issuer's iss and a sid, each once")
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	secret, _ := secretCookie(r.Header, o.sessionCookie)
	ended, err := g.endSID(r.Context(), q["sid"], hashSecret(secret))
	if err != nil {
		g.log.Error("cannot carry out a front-channel logout; the sessions go on", "error", err)
		h.Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if ended > 0 {
		g.meter.sessionsEnded.Add(uint64(ended))
		g.log.Info("the issuer ended sessions in the browser", "sessions", ended)
	}
	// The same for a sid that nobody has.
	w.WriteHeader(http.StatusOK)
}

// endSID ends the sessions of sid; if it is short, only the browser's own.
func (g *Gate) endSID(ctx context.Context, sid string, own store.Hash) (ended int, err error) {
	find := func(tx store.ReadTx) (found []*store.Session, err error) {
		sessions, err := tx.SessionsBySID(g.cfg.Name, sid)
		if err != nil {
			return nil, fmt.Errorf("looking for the sid: %w", err)
		}
		for _, s := range sessions {
			if len(sid) >= minSID || s.Hash == own {
				found = append(found, s)
			}
		}
		return found, nil
	}
	any := false
	err = g.cfg.Store.View(ctx, func(tx store.ReadTx) error {
		found, err := find(tx)
		any = len(found) > 0
		return err
	})
	if err != nil || !any { // strangers cause no write
		return 0, err
	}
	err = g.cfg.Store.Update(ctx, func(tx store.WriteTx) error {
		ended = 0
		found, err := find(tx)
		if err != nil {
			return err
		}
		for _, s := range found {
			if err := tx.DeleteSession(g.cfg.Name, s.Hash); err != nil {
				return err
			}
			ended++
		}
		return nil
	})
	return ended, err
}
