package provider

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyito/caddyito/internal/registration"
	"github.com/caddyito/caddyito/store"
)

// corsPolicy says which origins' programs may read an endpoint's answers in a
// browser. None rests on cookies, so no answer allows credentials.
type corsPolicy int

const (
	sameOrigin    corsPolicy = iota // for people, and for programs outside browsers
	noOrigin                        // for those programs alone
	anyOrigin                       // what anybody may read anyway
	clientOrigins                   // where clients are: the origins of their redirect URIs
)

// allowOrigin lets the asking origin read the answer, if the policy has it so.
func (p *Provider) allowOrigin(h http.Header, r *http.Request, policy corsPolicy) bool {
	switch policy {
	case anyOrigin:
		h.Set("Access-Control-Allow-Origin", "*")
		return true
	case clientOrigins:
		h.Add("Vary", "Origin")
		origin := r.Header["Origin"]
		if len(origin) != 1 || !p.isClientOrigin(r, origin[0]) {
			return false
		}
		h.Set("Access-Control-Allow-Origin", origin[0])
	default:
		return false
	}
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate")
	return true
}

// isPreflight says whether a browser asks if it may ask.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// answerPreflight tells it (Fetch standard, section 4.8).
func answerPreflight(w http.ResponseWriter, methods []string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "3600")
	w.WriteHeader(http.StatusNoContent)
}

// isClientOrigin says whether some client that is not disabled is answered at
// that origin. Should the store fail, none is.
func (p *Provider) isClientOrigin(r *http.Request, origin string) bool {
	if p.StaticClients != nil && slices.ContainsFunc(p.StaticClients(), func(c *StaticClient) bool { return c.answeredAtOrigin(origin) }) {
		return true
	}
	known, err := p.origins.get(r.Context())
	if err != nil {
		p.logFailure(r, "reading origins of clients", err)
	}
	return known[origin]
}

func (c *StaticClient) answeredAtOrigin(origin string) bool {
	return !c.Disabled && slices.ContainsFunc(c.RedirectURIs, func(uri string) bool { return registration.WebOrigin(uri) == origin })
}

// readOrigins are those of the store's clients.
func (p *Provider) readOrigins(ctx context.Context) (map[string]bool, error) {
	known := map[string]bool{}
	err := p.Store.View(ctx, func(tx store.ReadTx) error {
		return eachClient(tx, func(c *store.Client) {
			if c.Disabled {
				return
			}
			for _, uri := range c.RedirectURIs {
				if origin := registration.WebOrigin(uri); origin != "" {
					known[origin] = true
				}
			}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading clients: %w", err)
	}
	return known, nil
}
