package authapp

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/caddyito/caddyito/internal/registration"
	"github.com/caddyito/caddyito/store"
)

func clientCommand() *cobra.Command {
	create := command("create <id> --redirect <uri>... [--name <text>] [--public] [--skip-consent]",
		"Registers an OAuth client, a gate on another machine say, and prints its secret once", cobra.ExactArgs(1), createClientCmd)
	create.Flags().Bool("public", false, "The client runs in a browser or on a phone and cannot keep a secret")
	clientFlags(create.Flags())
	set := command("set <id> [--name <text>] [--redirect <uri>]...", "Changes settings of a client: those that are named; an empty value takes one away",
		cobra.ExactArgs(1), setClientCmd)
	clientFlags(set.Flags())

	list := command("list", "Lists clients", cobra.NoArgs, listClientsCmd)
	listFlags(list)
	rotate := command("rotate-secret <id> [--overlap <duration>]",
		"Makes a new secret and prints it once", cobra.ExactArgs(1), rotateSecretCmd)
	rotate.Flags().String("overlap", "24h", "How long the old secret stays good, as in 24h or 7d; 0 ends it at once, as after a leak")
	remove := command("delete <id> [--yes]", "Deletes a client and every token it has", cobra.ExactArgs(1), deleteClientCmd)
	remove.Flags().BoolP("yes", "y", false, "Do not ask")

	return group("client", "Administers OAuth clients",
		create, list, set, rotate, remove,
		command("show <id>", "Shows a client", cobra.ExactArgs(1), showClientCmd),
		command("disable <id>", "Lets nobody sign in at a client, nor the client get tokens", cobra.ExactArgs(1), switchClientCmd("disable")),
		command("enable <id>", "Lets a disabled client in again", cobra.ExactArgs(1), switchClientCmd("enable")),
	)
}

// clientFlags are those for settings that can be changed later.
func clientFlags(f *pflag.FlagSet) {
	f.String("name", "", "What people read on the consent page (default: the id)")
	f.StringArray("redirect", nil, "A redirect URI, compared exactly (repeatable); that of a gate is https://<site>/oidc/callback, that of djangito https://<site>/oidc/callback_handler/")
	f.StringArray("post-logout", nil, "Where people may return to after signing out (repeatable; default for a gate and djangito: https://<site>/)")
	f.StringSlice("scope", nil, "A scope that the client may ask for (repeatable; default: all)")
	f.String("sync", "", "Of which users the client is told as they change: all, granted (those who signed in there) or off (default: all for a gate and with a format, else off)")
	f.StringSlice("fields", nil, "What the client is told of users and what they refer to, as in email,company.name (repeatable; default: all but private fields)")
	f.String("sync-url", "", "Where it is told (default for a gate: https://<site>/oidc/sync)")
	f.StringSlice("allow-group", nil, "Let only members of this group sign in there (repeatable; default: everybody)")
	f.String("id-token-signed-response-alg", "", "What signs its ID tokens: RS256, ES256 or EdDSA (default RS256)")
	f.String("backchannel-logout", "", "Where the client is told that somebody signed out (default for a gate: https://<site>/oidc/backchannel-logout)")
	f.String("format", "", "djangito for a Django project with the package of that name")
	f.Bool("admin-flags", false, "Tell a client of format djangito who is staff and who is a superuser")
	f.StringSlice("grant-type", nil, "What the client may buy tokens with (repeatable): authorization_code, refresh_token, client_credentials, "+store.GrantDevice+" (default: authorization_code, refresh_token)")
	f.Bool("require-par", false, "Take only authorization requests that the client pushed (PAR)")
	f.StringSlice("resource", nil, "An API for which the client may ask for access tokens, as in https://api.example.com (repeatable)")
	f.String("access-token-format", "", "opaque, or jwt for APIs that read access tokens by themselves (default opaque)")
	f.String("access-token-lifetime", "", "How long its access tokens live, as in 5m (default: as the server says)")
	f.String("refresh-token-lifetime", "", "How long it can go without refreshing, as in 720h (default: as the server says)")
	f.String("frontchannel-logout", "", "A page of the client that is loaded in the person's browser as they sign out")
	f.Bool("skip-consent", false, "Do not ask people; for clients of your own")
	f.Bool("allow-no-pkce", false, "Let the client leave PKCE out; for old software")
}

func clientPath(id string, more ...string) string {
	return apiPath(append([]string{"clients", id}, more...)...)
}

func createClientCmd(s *session, args []string) error {
	settings, err := clientSettings(s.cmd.Flags())
	if err != nil {
		return err
	}
	if len(settings.PostLogoutRedirectURIs) == 0 {
		for _, uri := range settings.RedirectURIs {
			if site, ok := callbackSite(uri, settings.Format); ok {
				settings.PostLogoutRedirectURIs = append(settings.PostLogoutRedirectURIs, site+"/")
			}
		}
	}
	var c clientView
	err = s.call(http.MethodPost, "/auth/clients", store.Client{ID: args[0], ClientSettings: settings}, &c)
	if err != nil {
		return err
	}
	return s.printClient(&c)
}

// clientSettings are what the flags of client create or set say.
func clientSettings(f *pflag.FlagSet) (c store.ClientSettings, err error) {
	c.Name, _ = f.GetString("name")
	c.RedirectURIs, _ = f.GetStringArray("redirect")
	c.PostLogoutRedirectURIs, _ = f.GetStringArray("post-logout")
	c.Scopes, _ = f.GetStringSlice("scope")
	c.Public, _ = f.GetBool("public")
	c.SkipConsent, _ = f.GetBool("skip-consent")
	c.AllowNoPKCE, _ = f.GetBool("allow-no-pkce")
	sync, _ := f.GetString("sync")
	c.Sync = store.SyncMode(sync)
	c.SyncURL, _ = f.GetString("sync-url")
	c.BackchannelLogoutURI, _ = f.GetString("backchannel-logout")
	c.FrontchannelLogoutURI, _ = f.GetString("frontchannel-logout")
	c.Fields, _ = f.GetStringSlice("fields")
	c.AllowGroups, _ = f.GetStringSlice("allow-group")
	c.IDTokenAlg, _ = f.GetString("id-token-signed-response-alg")
	format, _ := f.GetString("format")
	c.Format = store.ClientFormat(format)
	c.AdminFlags, _ = f.GetBool("admin-flags")
	c.GrantTypes, _ = f.GetStringSlice("grant-type")
	c.RequirePAR, _ = f.GetBool("require-par")
	c.Resources, _ = f.GetStringSlice("resource")
	accessFormat, _ := f.GetString("access-token-format")
	c.AccessTokenFormat = store.AccessTokenFormat(accessFormat)
	for name, target := range map[string]*store.Duration{
		"access-token-lifetime": &c.AccessTokenLifetime, "refresh-token-lifetime": &c.RefreshTokenLifetime,
	} {
		text, _ := f.GetString(name)
		if text == "" {
			continue
		}
		d, err := caddy.ParseDuration(text)
		if err != nil || d < 0 {
			return c, fmt.Errorf("--%s %s: write a duration such as 5m, 24h or 30d", name, text)
		}
		*target = store.Duration(d)
	}
	return c, nil
}

// callbackSite is the origin of a gate's callback at the default prefix, or of
// that of a client of another format where it usually is.
func callbackSite(redirect string, format store.ClientFormat) (string, bool) {
	callback := "/oidc/callback"
	if format == store.FormatDjangito {
		callback = "/oidc/callback_handler/"
	}
	site, ok := strings.CutSuffix(redirect, callback)
	if u, err := url.Parse(site); !ok || err != nil || u.Host == "" || u.Path != "" {
		return "", false
	}
	return site, true
}

func showClientCmd(s *session, args []string) error {
	var c clientView
	if err := s.call(http.MethodGet, clientPath(args[0]), nil, &c); err != nil {
		return err
	}
	return s.printClient(&c)
}

func rotateSecretCmd(s *session, args []string) error {
	overlap, _ := s.cmd.Flags().GetString("overlap")
	if overlap == "0" {
		overlap = "0s"
	}
	var c clientView
	if err := s.call(http.MethodPost, clientPath(args[0], "rotate-secret"), map[string]string{"overlap": overlap}, &c); err != nil {
		return err
	}
	return s.printClient(&c)
}

func deleteClientCmd(s *session, args []string) error {
	if err := s.confirm(fmt.Sprintf("Delete client %s and every token it has?", args[0])); err != nil {
		return err
	}
	if err := s.call(http.MethodDelete, clientPath(args[0]), nil, nil); err != nil {
		return err
	}
	return s.done("deleted client " + args[0])
}

func listClientsCmd(s *session, _ []string) error {
	all := []*clientView{}
	next, err := s.pages("/auth/clients", func(path string) (string, int, error) {
		var page clientPage
		if err := s.call(http.MethodGet, path, nil, &page); err != nil {
			return "", 0, err
		}
		all = append(all, page.Clients...)
		return page.Next, len(page.Clients), nil
	})
	if err != nil {
		return err
	}
	return s.printList("clients", all, next, func(w io.Writer) {
		row(w, "ID", "NAME", "SOURCE", "KIND", "CONSENT", "REDIRECT URIS")
		for _, c := range all {
			row(w, c.ID, c.Name, c.Source, c.kind(), c.consent(), strings.Join(c.RedirectURIs, " "))
		}
	})
}

func (c *clientView) kind() string {
	if c.Public {
		return "public"
	}
	return "confidential"
}

func (c *clientView) consent() string {
	if c.SkipConsent {
		return "skipped"
	}
	return "asked"
}

func (s *session) printClient(c *clientView) error {
	err := s.print(c, func(w io.Writer) {
		row(w, "client id", c.ID)
		if c.Secret != "" {
			row(w, "client secret", c.Secret)
		}
		if c.Issuer != "" {
			row(w, "issuer", c.Issuer)
		}
		row(w, "name", c.Name)
		row(w, "source", c.Source)
		row(w, "kind", c.kind())
		if c.SelfRegistered {
			row(w, "registered", "by itself")
		}
		if c.Disabled {
			row(w, "state", "disabled")
		}
		row(w, "consent", c.consent())
		if c.AllowNoPKCE {
			row(w, "PKCE", "may be left out")
		}
		if c.RequirePAR {
			row(w, "requests", "only pushed ones")
		}
		if len(c.Scopes) > 0 {
			row(w, "scopes", strings.Join(c.Scopes, " "))
		}
		if len(c.AllowGroups) > 0 {
			row(w, "only for groups", strings.Join(c.AllowGroups, " "))
		}
		if c.IDTokenAlg != "" {
			row(w, "ID token signed by", c.IDTokenAlg)
		}
		if c.Format != "" {
			row(w, "format", string(c.Format))
		}
		if len(c.GrantTypes) > 0 {
			row(w, "grant types", strings.Join(c.GrantTypes, " "))
		}
		if len(c.Resources) > 0 {
			row(w, "resources", strings.Join(c.Resources, " "))
		}
		if c.AccessTokenFormat != "" {
			row(w, "access tokens", string(c.AccessTokenFormat))
		}
		if c.AccessTokenLifetime != 0 {
			row(w, "access tokens live", c.AccessTokenLifetime.Text())
		}
		if c.RefreshTokenLifetime != 0 {
			row(w, "refresh tokens live", c.RefreshTokenLifetime.Text())
		}
		row(w, "redirect URIs", strings.Join(c.RedirectURIs, " "))
		row(w, "told of changes", c.SyncTarget)
		row(w, "told of logouts", c.LogoutTarget)
		if c.FrontchannelLogoutURI != "" {
			row(w, "loaded on logout", c.FrontchannelLogoutURI)
		}
		if c.Sync != "" {
			row(w, "told of users", string(c.Sync))
		}
		if len(c.Fields) > 0 {
			row(w, "told of fields", strings.Join(c.Fields, " "))
		}
		row(w, "after logout", strings.Join(c.PostLogoutRedirectURIs, " "))
		for i, end := range c.SecretsExpire {
			text := "lasts"
			if !end.IsZero() {
				text = "until " + when(end)
			}
			row(w, "secret "+strconv.Itoa(i+1), text)
		}
	})
	if err != nil || s.json || c.Secret == "" {
		return err
	}
	fmt.Fprint(s.out, "\nThe secret is shown this once; only its holder can use it.\n")
	fmt.Fprint(s.out, snippet(c))
	return nil
}

// snippet is a site for the Caddyfile of the gate's machine, if the client is a
// gate, or the settings of a Django project.
func snippet(c *clientView) string {
	issuer := cmp.Or(c.Issuer, "https://auth.example.com")
	if c.Format == store.FormatDjangito {
		return fmt.Sprintf(`Put this into the settings.py of the Django project:

DJANGITO_SERVER_URL = '%s'
DJANGITO_CLIENT_ID = '%s'
DJANGITO_CLIENT_SECRET = '%s'
`, issuer, c.ID, c.Secret)
	}
	for _, uri := range c.RedirectURIs {
		if site, ok := registration.GateSite(uri); ok {
			return "Put this into the Caddyfile where the gate is to stand:\n\n" + registration.GateBlock(site, issuer, c.ID, c.Secret)
		}
	}
	return ""
}
