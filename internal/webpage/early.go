package webpage

import (
	"net/http"
	"sync"

	"github.com/caddyito/caddyito/internal/lang"
)

// plain has no brand: its logo may be what the start hangs at.
var plain = sync.OnceValues(func() (*Renderer, error) { return New(Brand{}) })

// NotStarted answers a request that came before the app started.
func NotStarted(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "5")
	w.Header().Set("Cache-Control", "no-store")
	pages, err := plain()
	if err != nil {
		http.Error(w, "Signing in has not started yet. Please try again in a moment.", http.StatusServiceUnavailable)
		return
	}
	pages.Message(w, r, http.StatusServiceUnavailable, Message{
		Title: lang.T("Not available right now"),
		Text:  lang.T("Signing in has not started yet. Please try again in a moment."),
	})
}
