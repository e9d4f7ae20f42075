package caddyauthserver

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/authapp/accesslog"
	"github.com/caddyito/caddyito/authapp/directive"
	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

func init() {
	caddy.RegisterModule(new(Server))
}

// Server is an OAuth 2.1 and OpenID Connect provider with its pages: it signs
// people in, and tells gates (auth_client) and any other OpenID client who they
// are. It answers only its own paths, those below its prefix and the two
// documents in /.well-known/, and passes every other request on.
//
// While there is no superuser, the log shows a link to make the first one.
type Server struct {
	// IssuerURL is the origin under which people and clients reach the server:
	// "https://auth.example.com". Every link and redirect begins with it; none
	// is ever derived from a request. Placeholders are replaced at start.
	// Default: the origin of the site that the handler stands in, if that has
	// exactly one.
	IssuerURL string `json:"issuer,omitempty"`
	// Prefix of the server's own paths. Default: "/o".
	Prefix string `json:"prefix,omitempty"`
	// Brand is how the pages look. Default: a plain page called "Sign in".
	Brand webpage.Brand `json:"brand,omitzero"`
	// Templates is a folder of templates that stand in for those of pages and mails
	// that have the same name (docs/templates.md). They are read at start and by a
	// reload. Placeholders are replaced at start. Default: none.
	Templates string `json:"templates,omitempty"`
	// Clients are OAuth clients that the config knows; others are in the store
	// (`caddy auth client create`). Gates in the same Caddy need no entry.
	Clients []Client `json:"clients,omitempty"`
	// DynamicRegistration lets software, gates on other machines say, register
	// itself as a client (RFC 7591, RFC 7592), with a token that an administrator
	// makes (`caddy auth registration create`). Default: false.
	DynamicRegistration bool `json:"dynamic_registration,omitempty"`
	// DeclaredSchema declares which fields users have besides the built-in ones,
	// and the types of objects that they refer to. It belongs to the store: where
	// several servers share one, those that declare a schema must declare the
	// same. Default: objects of type company, with name and primary_activity, and
	// user.company.
	DeclaredSchema *store.Schema `json:"schema,omitempty"`
	// RequireSecondFactor says who must have a second factor, and is led to set one
	// up when they next sign in. Default: nobody; who has one is asked for it.
	RequireSecondFactor *SecondFactor `json:"require_second_factor,omitempty"`
	// SMTP is the server by which mail is sent: links to people who forgot their
	// password or were invited. Placeholders are replaced at start. Default: no mail
	// is sent.
	SMTP *mail.Config `json:"smtp,omitempty"`
	// BreachedPasswords is a file of passwords that were stolen elsewhere and
	// published, which nobody may choose here: that of haveibeenpwned.com, ordered by
	// SHA-1 hash. It is searched where it lies, not read as a whole. Placeholders are
	// replaced at start. Default: none.
	BreachedPasswords string `json:"breached_passwords,omitempty"`
	// Session limits how long somebody stays signed in at the server. Default:
	// 24 hours unused, 30 days in all.
	Session directive.Session `json:"session,omitzero"`
	// Lifetimes of codes and tokens.
	Lifetimes Lifetimes `json:"lifetimes,omitzero"`

	app        *authapp.App
	plainHosts []string // that may be told over http
	log        *slog.Logger
	access     *accesslog.Log
	mailer     *mail.Mailer
	breached   *password.Breached
	provider   atomic.Pointer[provider.Provider]
	issuer     string // once started
}

// CaddyModule returns the Caddy module information.
func (*Server) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.auth_server",
		New: func() caddy.Module { return new(Server) },
	}
}

// Provision touches neither disk nor network; the app starts the server.
func (s *Server) Provision(ctx caddy.Context) error {
	s.log = ctx.Slogger()
	s.access = accesslog.New(ctx)
	if err := directive.Expand("issuer", &s.IssuerURL); err != nil {
		return err
	}
	if err := directive.Expand("templates", &s.Templates); err != nil {
		return err
	}
	if err := directive.Expand("breached_passwords", &s.BreachedPasswords); err != nil {
		return err
	}
	for i := range s.Clients {
		if err := s.Clients[i].expand(); err != nil {
			return err
		}
	}
	if err := s.expandSMTP(); err != nil {
		return err
	}
	app, err := authapp.Get(ctx)
	if err != nil {
		return err
	}
	s.app, s.plainHosts = app, app.AllowHTTPSync
	if site, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		site.RegisterOnShutdown(s.endPolls)
	}
	return app.AddServer(s)
}

// Validate checks what the Caddyfile checks, for configs that are JSON.
func (s *Server) Validate() error {
	if s.IssuerURL != "" {
		if err := directive.CheckOrigin("issuer", s.IssuerURL); err != nil {
			return err
		}
	}
	if err := directive.CheckPrefix(s.Prefix); err != nil {
		return err
	}
	if err := directive.CheckBrand(&s.Brand); err != nil {
		return err
	}
	if err := s.Session.Check(); err != nil {
		return err
	}
	if s.DeclaredSchema != nil {
		if err := s.DeclaredSchema.Check(); err != nil {
			return fmt.Errorf("schema: %w", err)
		}
	}
	if err := s.RequireSecondFactor.check(); err != nil {
		return err
	}
	if err := s.checkSMTP(); err != nil {
		return err
	}
	if err := s.Lifetimes.check(); err != nil {
		return err
	}
	return s.checkClients(s.DeclaredSchema)
}

// ServeHTTP answers the server's own paths, as the browser asked for them: a
// rewrite in front (uri, try_files, handle_path) does not hide them.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !s.app.Wait(r.Context()) {
		return s.tooEarly(w, r)
	}
	p := s.provider.Load()
	if !p.Handles(r.URL.Path) {
		orig, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
		if !ok || orig.URL.Path == r.URL.Path || !p.Handles(orig.URL.Path) {
			authapp.RestoreCookies(r) // what a gate in front keeps has the server's, too
			authapp.KeepCookies(r, p.StripCookies(r.Header))
			return next.ServeHTTP(w, r)
		}
		own := *r
		own.URL, own.RequestURI, own.Method = orig.URL, orig.RequestURI, orig.Method
		r = &own
	}
	s.access.Serve(w, r, true, p.ServeHTTP)
	return nil
}

// clientIP is the person's address, as Caddy's trusted_proxies have it. A
// request of this process has none but the peer's.
func clientIP(r *http.Request) string {
	if ip, ok := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string); ok && ip != "" {
		return ip
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Server)(nil)
	_ caddy.Validator             = (*Server)(nil)
	_ caddyhttp.MiddlewareHandler = (*Server)(nil)
	_ authapp.ServerModule        = (*Server)(nil)
	_ authapp.Announcer           = (*Server)(nil)
	_ authapp.ClientLister        = (*Server)(nil)
	_ authapp.SyncServer          = (*Server)(nil)
	_ authapp.KeyServer           = (*Server)(nil)
	_ authapp.PathServer          = (*Server)(nil)
	_ authapp.PasswordLinker      = (*Server)(nil)
	_ authapp.PasswordChecker     = (*Server)(nil)
	_ authapp.OwnerTeller         = (*Server)(nil)
	_ authapp.RegistrationServer  = (*Server)(nil)
)
