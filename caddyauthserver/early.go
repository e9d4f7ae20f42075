package caddyauthserver

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/webpage"
)

// tooEarly refuses a request that came before the app started. What is for the
// server itself is answered here: an error would get into Caddy's error log with
// the URL and the codes and tokens in it.
func (s *Server) tooEarly(w http.ResponseWriter, r *http.Request) error {
	own := provider.Handles(s.Prefix, r.URL.Path)
	if orig, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && !own {
		own = provider.Handles(s.Prefix, orig.URL.Path)
	}
	if !own {
		return caddyhttp.Error(http.StatusServiceUnavailable, errors.New("auth_server has not started"))
	}
	s.access.Serve(w, r, true, webpage.NotStarted)
	return nil
}
