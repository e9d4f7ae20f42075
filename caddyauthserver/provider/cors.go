package provider

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/caddyito/caddyito/store"
)

// corsPolicy says which origins' programs may read an endpoint's answers in a
// browser. None rests on cookies, so no answer allows credentials.
type corsPolicy int

const (
	sameOrigin    corsPolicy = iota // for people, and for programs outside browsers
	anyOrigin                       // what anybody may read anyway
	clientOrigins                   // where clients are: the origins of their redirect URIs
)

// allowOrigin lets the asking origin read the answer, if the policy has it so.
func (p *Provider) allowOrigin(h http.Header, r *http.Request, policy corsPolicy) bool {
	switch policy {
	case anyOrigin:
		h.Set("Access-Control-Allow-Origin", "*")
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
	known, err := p.origins.all(r.Context())
	if err != nil {
		p.logFailure(r, "reading origins of clients", err)
	}
	return known[origin]
}

func (c *StaticClient) answeredAtOrigin(origin string) bool {
	return !c.Disabled && slices.ContainsFunc(c.RedirectURIs, func(uri string) bool { return webOrigin(uri) == origin })
}

// origins are those of the store's clients, held in memory.
type origins struct {
	store store.Store
	stop  func()

	mu    sync.Mutex // guards what follows
	known map[string]bool
	fresh bool
	// changes counts what the store said, so that a load that began before a
	// change is not taken for fresh.
	changes uint64
}

func newOrigins(s store.Store) *origins {
	o := &origins{store: s}
	o.stop = s.Watch(func(e store.Event) {
		if e.Kind == store.EventClients || e.Kind == store.EventAll {
			o.mu.Lock()
			o.fresh = false
			o.changes++
			o.mu.Unlock()
		}
	})
	return o
}

// all must not be changed.
func (o *origins) all(ctx context.Context) (map[string]bool, error) {
	o.mu.Lock()
	known, fresh, changes := o.known, o.fresh, o.changes
	o.mu.Unlock()
	if fresh {
		return known, nil
	}
	err := o.store.View(ctx, func(tx store.ReadTx) (err error) {
		known, err = originsIn(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading clients: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changes == changes {
		o.known, o.fresh = known, true
	}
	return known, nil
}

func originsIn(tx store.ClientReader) (map[string]bool, error) {
	known := map[string]bool{}
	const page = 100
	for after := ""; ; {
		clients, err := tx.Clients(after, page)
		if err != nil {
			return nil, err
		}
		for _, c := range clients {
			after = c.ID
			if c.Disabled {
				continue
			}
			for _, uri := range c.RedirectURIs {
				if origin := webOrigin(uri); origin != "" {
					known[origin] = true
				}
			}
		}
		if len(clients) < page {
			return known, nil
		}
	}
}

// webOrigin is the origin of a page at uri as browsers write it (RFC 6454 section
// 6.2), "" for what is no page.
func webOrigin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || !isWeb(uri) || u.Hostname() == "" {
		return ""
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Host), u.Port()
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return scheme + "://" + host
}
