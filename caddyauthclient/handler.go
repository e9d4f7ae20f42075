package caddyauthclient

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/authapp/accesslog"
	"github.com/caddyito/caddyito/authapp/directive"
	"github.com/caddyito/caddyito/caddyauthclient/gate"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/usersync"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

// Handler is the gate in front of an application: it sends people who are not
// signed in to an OpenID provider, lets in those who are and whom the rules
// allow, and tells the application who they are, in headers and placeholders.
//
// Headers of the same names that a client sends are removed from every request
// that gets to the handler. After it, these placeholders are known; for somebody
// who is not signed in, on a public path, they are empty:
//
// Placeholder | Description
// ------------|---------------
// `{http.auth.user.id}` | Who it is, by the id at the issuer (`sub`)
// `{http.auth.user.<field>}` | A field of the user: `username`, `email`, `name`, `groups` ...
// `{http.auth.user.<relation>.<field>}` | A field of what the user refers to: `company.name`
type Handler struct {
	// Issuer of the OpenID provider, exactly as it names itself. Placeholders
	// are replaced at start. Default: the auth_server of this Caddy, if it has
	// exactly one.
	Issuer string `json:"issuer,omitempty"`
	// ClientID and ClientSecret at the issuer. Placeholders
	// ({env.WIKI_SECRET}, {file./run/secrets/wiki}) are replaced at start.
	// Default: with an auth_server in this Caddy, the gate is enrolled by
	// itself.
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
	// Enroll is a token (`caddy auth registration create`) by which the gate gets
	// id and secret from an auth_server of another Caddy, once. They are kept in
	// the store. Another token has the gate enrol anew. Placeholders are replaced
	// at start. Default: none.
	Enroll string `json:"enroll,omitempty"`
	// Origins are those under which people reach the gate:
	// "https://wiki.example.com". Requests for others are refused.
	// Placeholders are replaced at start. Default: the origins of the sites that
	// the handler stands in.
	Origins []string `json:"origins,omitempty"`
	// Prefix of the gate's own paths. Default: "/oidc".
	Prefix string `json:"prefix,omitempty"`
	// Scopes asked for. Default: openid, profile, email, groups, and what gives
	// the whole profile where the issuer has it.
	Scopes []string `json:"scopes,omitempty"`
	// FormPost has the issuer answer by a form that the browser posts, so that no
	// code stands in an address. Default: false, the issuer answers in the query.
	FormPost bool `json:"form_post,omitempty"`

	// Match says which requests the gate guards, and also those whose path
	// software might read in more than one way. All others pass without being
	// looked at, except that identity headers are taken from them too, and that
	// the gate's own paths are answered. Default: every request is guarded.
	Match caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	// Public paths need no session. A path is exact, or ends in "*" for
	// everything that begins so. Default: none.
	Public []string `json:"public,omitempty"`
	// Allow says who may pass. Default: everyone who is signed in.
	Allow []gate.Rule `json:"allow,omitempty"`
	// Headers tell the application who it is; an empty list tells nothing.
	// Default: Remote-User (username), Remote-Email (email), Remote-Name (name)
	// and Remote-Groups (groups).
	Headers []gate.Header `json:"headers,omitzero"`
	// Authorization says what happens to a request's own Authorization header:
	// "pass" or "strip". Default: "pass".
	Authorization string `json:"authorization,omitempty"`

	// Session limits how long somebody stays signed in here. Default: 24 hours
	// unused, 7 days in all.
	Session directive.Session `json:"session,omitzero"`
	// Offline is how long people are let in after the server was last heard from
	// by sync. Then requests get 503 until it is again. At least 5 minutes.
	// Default: until their sessions end.
	Offline caddy.Duration `json:"offline,omitempty"`
	// OnDelete says what the gate's copy keeps of a user whom the server deletes:
	// "keep" (all), "disable" (all, with is_active false) or "remove" (nothing).
	// Their sessions end in any case. Default: "disable".
	OnDelete usersync.OnDelete `json:"on_delete,omitempty"`
	// Directory lets the application read the users and objects that the gate
	// knows, as JSON. Default: it cannot.
	Directory *gate.Directory `json:"directory,omitempty"`
	// KeepTokens keeps the access token of a sign-in for the upstream, as the
	// placeholder {http.auth.user.access_token}, and renews it while the session
	// lasts. Default: false, it is revoked after sign-in.
	KeepTokens bool `json:"keep_tokens,omitempty"`
	// CacheSize is how many sessions are held in memory; more exist in the
	// store, and cost a read each. Default: 131072.
	CacheSize int `json:"cache_size,omitempty"`
	// Brand is how the gate's own pages look.
	Brand webpage.Brand `json:"brand,omitzero"`

	front  *gate.Front
	app    *authapp.App
	log    *slog.Logger
	access *accesslog.Log
	match  caddyhttp.MatcherSets
	gate   atomic.Pointer[gate.Gate]
	// started: the app's Start is done, not only the gate's.
	started atomic.Bool
	shared  bool // set before gate is
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.auth_client",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision touches neither disk nor network; the app starts the gate.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.log = ctx.Slogger()
	h.access = accesslog.New(ctx)
	h.front = gate.NewFront(h.Headers, h.Prefix, h.Authorization, h.Directory)
	if h.Match != nil {
		match, err := ctx.LoadModule(h, "Match")
		if err != nil {
			return fmt.Errorf("loading matchers: %w", err)
		}
		if err := h.match.FromInterface(match); err != nil {
			return fmt.Errorf("loading matchers: %w", err)
		}
	}
	for option, target := range map[string]*string{
		"issuer": &h.Issuer, "client_id": &h.ClientID, "client_secret": &h.ClientSecret, "enroll": &h.Enroll,
	} {
		if err := directive.Expand(option, target); err != nil {
			return err
		}
	}
	if err := directive.ExpandAll("origin", h.Origins); err != nil {
		return err
	}
	if h.Directory != nil {
		if err := directive.Expand("directory: token", &h.Directory.Token); err != nil {
			return err
		}
	}
	app, err := authapp.Get(ctx)
	if err != nil {
		return err
	}
	h.app = app
	return app.AddGate(h)
}

// Validate checks what the Caddyfile checks, for configs that are JSON.
func (h *Handler) Validate() error {
	if h.Issuer != "" {
		if err := directive.CheckIssuer("issuer", h.Issuer); err != nil {
			return err
		}
	}
	if err := h.checkEnroll(); err != nil {
		return err
	}
	for _, o := range h.Origins {
		if err := directive.CheckOrigin("origin", o); err != nil {
			return err
		}
	}
	if err := directive.CheckPrefix(h.Prefix); err != nil {
		return err
	}
	for _, p := range h.Public {
		if err := checkPath("public", p); err != nil {
			return err
		}
	}
	for _, r := range h.Allow {
		if err := checkRule(r); err != nil {
			return err
		}
	}
	for i, hd := range h.Headers {
		if err := hd.Check(); err != nil {
			return err
		}
		if slices.ContainsFunc(h.Headers[:i], hd.SameAs) {
			return fmt.Errorf("header %s is given twice", hd.Name)
		}
	}
	switch h.Authorization {
	case "", "pass", "strip":
	default:
		return errors.New("authorization is 'pass' or 'strip', not '" + h.Authorization + "'")
	}
	if err := h.Session.Check(); err != nil {
		return err
	}
	if err := checkOffline(h.Offline); err != nil {
		return err
	}
	if h.Offline != 0 && h.ClientSecret != "" {
		if err := gate.CheckSyncs(h.ClientSecret); err != nil {
			return err
		}
	}
	if err := h.OnDelete.Check(); err != nil {
		return err
	}
	if h.Directory != nil {
		if err := h.Directory.Check(h.Prefix); err != nil {
			return err
		}
		if err := h.Directory.CheckToken(); err != nil {
			return err
		}
	}
	if h.CacheSize < 0 {
		return errors.New("cache_size must be at least 1")
	}
	return directive.CheckBrand(&h.Brand)
}

func (h *Handler) checkEnroll() error {
	switch {
	case h.Enroll == "":
		return nil
	case h.ClientID != "" || h.ClientSecret != "":
		return errors.New("enroll does not go with client_id and client_secret, which it gets from the server")
	case h.Issuer == "":
		return errors.New("enroll: say where, as in: auth_client https://auth.example.com")
	}
	return nil
}

// ServeHTTP lets a request pass, or answers it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if gate.IsTunnel(r) {
		gate.RefuseTunnel(w)
		return nil
	}
	credentials := h.front.CleanHeaders(r)
	if !h.started.Load() {
		if !h.app.Wait(r.Context()) {
			return h.tooEarly(w, r)
		}
		h.started.Store(true)
	}
	g := h.gate.Load()
	authapp.RestoreCookies(r)

	// Whoever rewrote the URL in front of the gate (try_files, uri,
	// handle_path) did not mean the gate's own.
	own := false
	asked := originalURL(r)
	if asked != r.URL {
		if own = g.Owns(asked); own {
			r = withURL(r, asked)
		}
	}
	if len(h.match) > 0 && !own && !g.Owns(r.URL) {
		if guarded, err := h.guards(g, r, asked); err != nil {
			return err
		} else if !guarded {
			h.passBy(g, r, credentials)
			return next.ServeHTTP(w, r)
		}
	}
	d := g.Decide(r)
	switch d.Verdict {
	case gate.Pass:
		if d.Identity == nil {
			h.apply(g, r, d)
			setPassage(r, nil)
			return next.ServeHTTP(w, r)
		}
		passage, r := g.Begin(w, r, &d)
		defer passage.End()
		h.apply(g, r, d)
		setPassage(r, passage)
		err := next.ServeHTTP(passage, r)
		passage.Finish() // before the site's handle_errors answers, if it does
		return err
	case gate.Own:
		if credentials != nil {
			r.Header["Authorization"] = credentials // stripped for the app; the directory's token
		}
		h.access.Serve(w, r, true, g.ServeOwn)
		return nil
	}
	if own = own || g.Owns(r.URL); !own {
		if err := refusal(d); err != nil && hasErrorRoute(r, err) {
			w.Header().Set("Cache-Control", "no-store")
			h.apply(g, r, gate.Decision{}) // the error route may ask an app
			return err
		}
	}
	h.access.Serve(w, r, own, func(w http.ResponseWriter, r *http.Request) { g.Refuse(w, r, d) })
	return nil
}

// guards says whether the gate is to be asked, by the matcher: for r as it is
// and, where it was rewritten in front, also for the URL asked for, by which
// the app may go (FastCGI: REQUEST_URI). A path that the app might read
// otherwise than the matcher does is guarded.
func (h *Handler) guards(g *gate.Gate, r *http.Request, asked *url.URL) (bool, error) {
	if g.Ambiguous(r.URL) {
		return true, nil
	}
	match, err := h.match.AnyMatchWithError(r)
	if match || err != nil || asked == r.URL {
		return match, err
	}
	if g.Ambiguous(asked) {
		return true, nil
	}
	return h.match.AnyMatchWithError(withURL(r, asked))
}

// passBy lets a request by that is not the gate's to guard. What makes it an
// identified one can only come from another gate in front.
func (h *Handler) passBy(g *gate.Gate, r *http.Request, credentials []string) {
	if credentials != nil {
		r.Header["Authorization"] = credentials // its use is none of this gate's business
	}
	h.apply(g, r, gate.Decision{})
	reapply(r)
}

// apply is g.Apply, and keeps the cookies for a gate further on.
func (h *Handler) apply(g *gate.Gate, r *http.Request, d gate.Decision) {
	cookies := r.Header["Cookie"]
	if others := g.Apply(r, d); (others || h.shared) && cookies != nil {
		authapp.KeepCookies(r, cookies)
	}
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ authapp.GateModule          = (*Handler)(nil)
)
