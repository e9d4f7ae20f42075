package caddyauthserver

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/authapp/directive"
	"github.com/caddyito/caddyito/internal/registration"
	"github.com/caddyito/caddyito/store"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("auth_server", parseCaddyfile)
	// Before whatever may turn a request away from its path (redir, rewrite,
	// try_files) or from the site (auth_client, basic_auth): one has to reach
	// the sign-in page to get past them.
	httpcaddyfile.RegisterDirectiveOrder("auth_server", httpcaddyfile.Before, "redir")
}

func parseCaddyfile(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	s := &Server{plainHosts: authapp.HTTPSyncHosts(h.Option("auth"))}
	return s, s.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	auth_server [<matcher>] {
//		issuer <origin>
//		prefix <path>
//		brand {
//			name   <text>
//			logo   <file>
//			accent <rrggbb>
//			footer_link <text> <url>
//		}
//		templates <folder>
//		client <id> {
//			name                 <text>
//			secret               <secret>
//			public
//			redirect             <uri>...
//			post_logout_redirect <uri>...
//			skip_consent
//			allow_no_pkce
//			allow_groups         <group>...
//			id_token_signed_response_alg RS256|ES256|EdDSA
//			format               djangito
//			admin_flags
//			scopes               <scope>...
//			sync                 all|granted|off
//			sync_url             <url>
//			backchannel_logout   <url>
//			fields               <field>...
//			grant_types          <type>...
//			require_par
//			resources            <uri>...
//			access_token_format  opaque|jwt
//			access_token_lifetime  <duration>
//			refresh_token_lifetime <duration>
//			frontchannel_logout  <url>
//		}
//		dynamic_registration
//		schema {
//			object <type> {
//				<field> <type> [<choice>...] [required] [unique] [private] [default <value>]
//			}
//			user {
//				<field> ...
//			}
//		}
//		require_second_factor [group <name>...]
//		smtp {
//			server   <host>[:<port>]
//			from     <address>
//			username <text>
//			password <text>
//			tls      starttls|implicit|none
//		}
//		breached_passwords <file>
//		session {
//			idle     <duration>
//			absolute <duration>
//		}
//		code_lifetime          <duration>
//		access_token_lifetime  <duration>
//		refresh_token_lifetime <duration>
//		refresh_grace          <duration>
//		signing_key_lifetime   <duration>
//	}
//
// client may be repeated, and so may redirect, post_logout_redirect, scopes,
// allow_groups, fields, grant_types and resources in it.
func (s *Server) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	start := d.Token()
	if d.NextArg() {
		return d.Errf("auth_server takes no argument; if '%s' is the issuer, write it in a block: issuer %[1]s", d.Val())
	}
	err := directive.Options(d, "auth_server", []directive.Option{
		{Name: "issuer", Read: func(d *caddyfile.Dispenser) error {
			if err := directive.Text(&s.IssuerURL)(d); err != nil {
				return err
			}
			if directive.HasPlaceholder(s.IssuerURL) {
				return nil
			}
			return directive.Wrap(d, directive.CheckOrigin("issuer", s.IssuerURL))
		}},
		{Name: "prefix", Read: func(d *caddyfile.Dispenser) error {
			if err := directive.Text(&s.Prefix)(d); err != nil {
				return err
			}
			return directive.Wrap(d, directive.CheckPrefix(s.Prefix))
		}},
		{Name: "brand", Read: directive.Brand(&s.Brand)},
		{Name: "templates", Read: directive.Text(&s.Templates)},
		{Name: "client", Repeatable: true, Read: s.readClient},
		{Name: "dynamic_registration", Read: directive.Flag(&s.DynamicRegistration)},
		{Name: "schema", Read: s.readSchema},
		{Name: "require_second_factor", Read: s.readSecondFactor},
		{Name: "smtp", Read: s.readSMTP},
		{Name: "breached_passwords", Read: directive.Text(&s.BreachedPasswords)},
		{Name: "session", Read: directive.Sessions(&s.Session)},
		{Name: "code_lifetime", Read: directive.Duration(&s.Lifetimes.Code)},
		{Name: "access_token_lifetime", Read: lifetime(&s.Lifetimes.AccessToken, checkAccessTokenLifetime)},
		{Name: "refresh_token_lifetime", Read: directive.Duration(&s.Lifetimes.RefreshToken)},
		{Name: "refresh_grace", Read: s.Lifetimes.readRefreshGrace},
		{Name: "signing_key_lifetime", Read: lifetime(&s.Lifetimes.SigningKey, checkKeyLifetime)},
	})
	if err != nil || s.DeclaredSchema == nil {
		return err // without a schema here, another auth_server may have it
	}
	for _, c := range s.Clients {
		rules := registration.Rules{Schema: s.DeclaredSchema, PlainHosts: s.plainHosts, Later: directive.HasPlaceholder}
		if err := directive.At(start, c.check(rules)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) readClient(d *caddyfile.Dispenser) error {
	start := d.Token()
	var c Client
	if err := directive.Text(&c.ID)(d); err != nil {
		return err
	}
	for _, other := range s.Clients {
		if other.ID == c.ID {
			return d.Errf("client %s is given twice", c.ID)
		}
	}
	err := directive.Options(d, "client", []directive.Option{
		{Name: "name", Read: directive.Text(&c.Name)},
		{Name: "secret", Read: func(d *caddyfile.Dispenser) error {
			if err := directive.Text(&c.Secret)(d); err != nil {
				return err
			}
			if err := c.checkSecret(directive.HasPlaceholder); err != nil {
				return d.Errf("client %s: %v", c.ID, err)
			}
			return nil
		}},
		{Name: "public", Read: directive.Flag(&c.Public)},
		{Name: "redirect", Repeatable: true, Read: texts(&c.RedirectURIs, uriCheck("redirect", registration.CheckPublicRedirect))},
		{Name: "post_logout_redirect", Repeatable: true, Read: texts(&c.PostLogoutRedirectURIs, uriCheck("post_logout_redirect", registration.CheckRedirect))},
		{Name: "skip_consent", Read: directive.Flag(&c.SkipConsent)},
		{Name: "allow_no_pkce", Read: directive.Flag(&c.AllowNoPKCE)},
		{Name: "allow_groups", Repeatable: true, Read: texts(&c.AllowGroups, named("allow_groups", store.CheckGroup))},
		{Name: "id_token_signed_response_alg", Read: func(d *caddyfile.Dispenser) error {
			if err := directive.Text(&c.IDTokenAlg)(d); err != nil {
				return err
			}
			return directive.Wrap(d, store.CheckSigningAlg(c.IDTokenAlg))
		}},
		{Name: "format", Read: directive.Text((*string)(&c.Format))},
		{Name: "admin_flags", Read: directive.Flag(&c.AdminFlags)},
		{Name: "scopes", Repeatable: true, Read: texts(&c.Scopes, store.CheckScope)},
		{Name: "sync", Read: directive.Text((*string)(&c.Sync))},
		{Name: "sync_url", Read: directive.Text(&c.SyncURL)},
		{Name: "backchannel_logout", Read: directive.Text(&c.BackchannelLogoutURI)},
		{Name: "fields", Repeatable: true, Read: directive.Texts(&c.Fields)},
		{Name: "grant_types", Repeatable: true, Read: directive.Texts(&c.GrantTypes)},
		{Name: "require_par", Read: directive.Flag(&c.RequirePAR)},
		{Name: "resources", Repeatable: true, Read: texts(&c.Resources, store.CheckResource)},
		{Name: "access_token_format", Read: directive.Text((*string)(&c.AccessTokenFormat))},
		{Name: "access_token_lifetime", Read: directive.Duration((*caddy.Duration)(&c.AccessTokenLifetime))},
		{Name: "refresh_token_lifetime", Read: directive.Duration((*caddy.Duration)(&c.RefreshTokenLifetime))},
		{Name: "frontchannel_logout", Read: directive.Text(&c.FrontchannelLogoutURI)},
	})
	if err != nil {
		return err
	}
	if err := directive.At(start, c.check(registration.Rules{PlainHosts: s.plainHosts, Later: directive.HasPlaceholder})); err != nil {
		return err
	}
	s.Clients = append(s.Clients, c)
	return nil
}

// texts reads arguments, each of which is checked where it stands.
func texts(target *[]string, check func(string) error) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		first := len(*target)
		if err := directive.Texts(target)(d); err != nil {
			return err
		}
		for _, text := range (*target)[first:] {
			if err := directive.Wrap(d, check(text)); err != nil {
				return err
			}
		}
		return nil
	}
}

// uriCheck checks what has no placeholders. It is not known yet whether the client
// is public, which may have redirect URIs of another kind.
func uriCheck(option string, check func(string) error) func(string) error {
	return named(option, func(uri string) error {
		if directive.HasPlaceholder(uri) {
			return nil
		}
		return check(uri)
	})
}

// named has what a check says begin with the option.
func named(option string, check func(string) error) func(string) error {
	return func(text string) error {
		if err := check(text); err != nil {
			return fmt.Errorf("%s %w", option, err)
		}
		return nil
	}
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Server)(nil)
