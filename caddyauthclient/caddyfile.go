package caddyauthclient

import (
	"maps"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/authapp/directive"
	"github.com/caddyito/caddyito/caddyauthclient/gate"
)

func init() {
	httpcaddyfile.RegisterDirective("auth_client", parseCaddyfile)
	// After rewrites, so that rules see the path that the upstream will see.
	httpcaddyfile.RegisterDirectiveOrder("auth_client", httpcaddyfile.Before, "basic_auth")
}

// parseCaddyfile makes the route. Its matcher goes into the handler, which has
// to see all requests of the site: to take identity headers from those that
// are not guarded, and for its own paths. Hosts stay outside: they say in which
// sites the gate stands.
func parseCaddyfile(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !h.Next() {
		return nil, h.ArgErr()
	}
	matchers, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, h.WrapErr(err)
	}
	handler := new(Handler)
	if err := handler.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	var site caddy.ModuleMap
	rest := maps.Clone(matchers)
	if host, ok := matchers["host"]; ok {
		site = caddy.ModuleMap{"host": host}
		delete(rest, "host")
	}
	if len(rest) > 0 {
		handler.Match = caddyhttp.RawMatcherSets{rest}
	}
	return h.NewRoute(site, handler), nil
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	auth_client [<matcher>] [<issuer>] {
//		client_id     <id>
//		client_secret <secret>
//		enroll        <token>
//		origin        <origin>...
//		prefix        <path>
//		scopes        <scope>...
//		response_mode query|form_post
//
//		public <path>...
//		allow  user|group|path <value>...
//		allow  field <name> <value>...
//		allow {
//			user  <username>...
//			group <group>...
//			path  <path>...
//			field <name> <value>...
//		}
//
//		header  <name> <field>
//		headers none
//		authorization pass|strip
//
//		session {
//			idle     <duration>
//			absolute <duration>
//		}
//		offline    <duration>
//		on_delete  keep|disable|remove
//		directory {
//			path  <path>
//			allow <address or network>...
//			token <secret>
//		}
//		tokens     revoke|keep
//		cache_size <number>
//		brand {
//			name   <text>
//			logo   <file>
//			accent <rrggbb>
//			footer_link <text> <url>
//		}
//	}
//
// origin, scopes, public, allow and header may be repeated. Every allow lets
// more people in; in a block, all conditions must hold, and of the values of
// each one is enough. The first header replaces the default headers.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	start := d.Token()
	if d.NextArg() {
		h.Issuer = d.Val()
		if !directive.HasPlaceholder(h.Issuer) {
			if err := directive.Wrap(d, directive.CheckIssuer("issuer", h.Issuer)); err != nil {
				return err
			}
		}
		if d.NextArg() {
			return d.Errf("auth_client takes one issuer; '%s' is too much", d.Val())
		}
	}
	var directory caddyfile.Token
	if err := directive.Options(d, "auth_client", []directive.Option{
		{Name: "client_id", Read: directive.Text(&h.ClientID)},
		{Name: "client_secret", Read: directive.Text(&h.ClientSecret)},
		{Name: "enroll", Read: directive.Text(&h.Enroll)},
		{Name: "origin", Repeatable: true, Read: h.readOrigins},
		{Name: "prefix", Read: func(d *caddyfile.Dispenser) error {
			if err := directive.Text(&h.Prefix)(d); err != nil {
				return err
			}
			return directive.Wrap(d, directive.CheckPrefix(h.Prefix))
		}},
		{Name: "scopes", Repeatable: true, Read: directive.Texts(&h.Scopes)},
		{Name: "response_mode", Read: directive.Word(&h.FormPost, "query", "form_post")},
		{Name: "public", Repeatable: true, Read: readPaths("public", &h.Public)},
		{Name: "allow", Repeatable: true, Read: h.readAllow},
		{Name: "header", Repeatable: true, Read: h.readHeader},
		{Name: "headers", Read: h.readHeaders},
		{Name: "authorization", Read: h.readAuthorization},
		{Name: "session", Read: directive.Sessions(&h.Session)},
		{Name: "offline", Read: h.readOffline},
		{Name: "on_delete", Read: h.readOnDelete},
		{Name: "directory", Read: h.readDirectory(&directory)},
		{Name: "tokens", Read: directive.Word(&h.KeepTokens, "revoke", "keep")},
		{Name: "cache_size", Read: h.readCacheSize},
		{Name: "brand", Read: directive.Brand(&h.Brand)},
	}); err != nil {
		return err
	}
	if err := directive.At(start, h.checkEnroll()); err != nil || h.Directory == nil {
		return err
	}
	return directive.At(directory, h.Directory.Check(h.Prefix))
}

func (h *Handler) readOrigins(d *caddyfile.Dispenser) error {
	first := len(h.Origins)
	if err := directive.Texts(&h.Origins)(d); err != nil {
		return err
	}
	for _, o := range h.Origins[first:] {
		if directive.HasPlaceholder(o) {
			continue
		}
		if err := directive.Wrap(d, directive.CheckOrigin("origin", o)); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) readHeader(d *caddyfile.Dispenser) error {
	var hd gate.Header
	if !d.AllArgs(&hd.Name, &hd.Field) {
		return d.Errf("header takes the name of a header and a field, as in: header Remote-User username")
	}
	if h.Headers != nil && len(h.Headers) == 0 {
		return d.Errf("header does not go with 'headers none'")
	}
	if err := directive.Wrap(d, hd.Check()); err != nil {
		return err
	}
	if slices.ContainsFunc(h.Headers, hd.SameAs) {
		return d.Errf("header %s is given twice", hd.Name)
	}
	h.Headers = append(h.Headers, hd)
	return nil
}

func (h *Handler) readHeaders(d *caddyfile.Dispenser) error {
	var v string
	if err := directive.Text(&v)(d); err != nil {
		return err
	}
	if v != "none" {
		return d.Errf("headers takes 'none', not '%s'; for one header write: header <name> <field>", v)
	}
	if len(h.Headers) > 0 {
		return d.Errf("header does not go with 'headers none'")
	}
	h.Headers = []gate.Header{}
	return nil
}

func (h *Handler) readAuthorization(d *caddyfile.Dispenser) error {
	var strip bool
	if err := directive.Word(&strip, "pass", "strip")(d); err != nil {
		return err
	}
	h.Authorization = "pass"
	if strip {
		h.Authorization = "strip"
	}
	return nil
}

func (h *Handler) readCacheSize(d *caddyfile.Dispenser) error {
	var v string
	if err := directive.Text(&v)(d); err != nil {
		return err
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return d.Errf("cache_size: '%s' is not a number of at least 1", v)
	}
	h.CacheSize = n
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Handler)(nil)
