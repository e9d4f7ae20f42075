package caddyauthclient

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/internal/webpage"
)

// tooEarly refuses a request that came before the gate is started. What is for
// the gate itself is answered here: of an error, Caddy logs the URL with the code
// in it. An error route may ask an app, so no cookie of a gate's gets there.
func (h *Handler) tooEarly(w http.ResponseWriter, r *http.Request) error {
	h.front.RemoveCookies(r)
	own := h.front.Owns(r.URL) || h.front.Owns(originalURL(r))
	err := caddyhttp.Error(http.StatusServiceUnavailable, errors.New("auth_client has not started"))
	if !own && hasErrorRoute(r, err) {
		w.Header().Set("Retry-After", "5")
		w.Header().Set("Cache-Control", "no-store")
		return err
	}
	h.access.Serve(w, r, own, webpage.NotStarted)
	return nil
}
