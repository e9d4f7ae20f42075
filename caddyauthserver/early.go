package caddyauthserver

import (
	"errors"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/webpage"
)

// plainPages have no brand: its logo may be what the start hangs at.
var plainPages = sync.OnceValues(func() (*webpage.Renderer, error) { return webpage.New(webpage.Brand{}) })

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
	s.access.Serve(w, r, true, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "5")
		w.Header().Set("Cache-Control", "no-store")
		pages, err := plainPages()
		if err != nil {
			http.Error(w, "Signing in has not started yet. Try again in a moment.", http.StatusServiceUnavailable)
			return
		}
		pages.Message(w, r, http.StatusServiceUnavailable, webpage.Message{
			Title: "Not available right now",
			Text:  "Signing in has not started yet. Please try again in a moment.",
		})
	})
	return nil
}
