package admin

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// preset is what a well-known app needs, as its own documentation says.
type preset struct {
	ID, Name string
	// Redirects and LoggedOut are paths below the app's address; an absolute URI
	// stands as it is.
	Redirects, LoggedOut []string
	Scopes               []string
	// NoPKCE is for apps that do not use PKCE.
	NoPKCE bool
	// Own apps need no consent: gates.
	Own bool
	// Where the settings of the app go, and the Settings, as the app calls them, with
	// {issuer}, {id}, {secret}, {redirect} and the names of endpoints in braces.
	Where    lang.Text
	Settings string
}

// Where settings go.
var (
	intoEnvironment = lang.T("Put this into its environment:")
	runThere        = lang.T("Run this where the app runs:")
)

var presets = []preset{
	{ID: "gate", Name: "Caddy (auth_client)", Redirects: []string{"/oidc/callback"}, LoggedOut: []string{"/"}, Own: true},
	{ID: "gitea", Name: "Gitea, Forgejo", Redirects: []string{"/user/oauth2/sso/callback"}, NoPKCE: true, Where: runThere,
		Settings: `gitea admin auth add-oauth --name sso --provider openidConnect \
  --key '{id}' --secret '{secret}' \
  --auto-discover-url '{issuer}/.well-known/openid-configuration' \
  --scopes openid --scopes profile --scopes email --scopes groups \
  --group-claim-name groups`},
	{ID: "gitlab", Name: "GitLab", Redirects: []string{"/users/auth/openid_connect/callback"}, Where: lang.T("Put this into the file %s:", "/etc/gitlab/gitlab.rb"),
		Settings: `gitlab_rails['omniauth_allow_single_sign_on'] = ['openid_connect']
gitlab_rails['omniauth_block_auto_created_users'] = false
gitlab_rails['omniauth_providers'] = [
  {
    name: "openid_connect",
    label: "Single sign-on",
    args: {
      name: "openid_connect",
      scope: ["openid", "profile", "email"],
      response_type: "code",
      issuer: "{issuer}",
      discovery: true,
      client_auth_method: "basic",
      uid_field: "sub",
      pkce: true,
      client_options: {
        identifier: "{id}",
        secret: "{secret}",
        redirect_uri: "{redirect}"
      }
    }
  }
]`},
	{ID: "grafana", Name: "Grafana", Redirects: []string{"/login/generic_oauth"}, LoggedOut: []string{"/login"}, Where: lang.T("Put this into the file %s:", "grafana.ini"),
		Settings: `[auth.generic_oauth]
enabled = true
name = Single sign-on
allow_sign_up = true
client_id = {id}
client_secret = {secret}
scopes = openid profile email groups
auth_url = {authorize}
token_url = {token}
api_url = {userinfo}
use_pkce = true
login_attribute_path = preferred_username
groups_attribute_path = groups`},
	{ID: "immich", Name: "Immich", Redirects: []string{"/auth/login", "/user-settings", "/api/oauth/mobile-redirect"},
		Where: lang.T("Set this in the app, under %s:", "Administration, Settings, OAuth Authentication"),
		Settings: `Issuer URL: {issuer}
Client ID: {id}
Client Secret: {secret}
Scope: openid email profile
Mobile Redirect URI Override: {redirect-3}`},
	{ID: "jellyfin", Name: "Jellyfin (SSO plugin)", Redirects: []string{"/sso/OID/redirect/sso", "/sso/OID/r/sso"},
		Where: lang.T("Set this in the app, under %s:", "Dashboard, Plugins, SSO-Auth"),
		Settings: `Name of OpenID Provider: sso
OpenID Endpoint: {issuer}
OpenID Client ID: {id}
OpenID Client Secret: {secret}
Enabled: yes
Role Claim: groups
Request Additional Scopes: groups
Set default username claim: preferred_username`},
	{ID: "miniflux", Name: "Miniflux", Redirects: []string{"/oauth2/oidc/callback"}, Where: intoEnvironment,
		Settings: `OAUTH2_PROVIDER=oidc
OAUTH2_CLIENT_ID={id}
OAUTH2_CLIENT_SECRET={secret}
OAUTH2_REDIRECT_URL={redirect}
OAUTH2_OIDC_DISCOVERY_ENDPOINT={issuer}
OAUTH2_USER_CREATION=1`},
	{ID: "nextcloud", Name: "Nextcloud (user_oidc)", Redirects: []string{"/apps/user_oidc/code", "/index.php/apps/user_oidc/code"}, LoggedOut: []string{"/"}, Where: runThere,
		Settings: `occ user_oidc:provider sso \
  --clientid='{id}' --clientsecret='{secret}' \
  --discoveryuri='{issuer}/.well-known/openid-configuration' \
  --scope='openid profile email groups' \
  --mapping-uid=preferred_username --unique-uid=0`},
	{ID: "outline", Name: "Outline", Redirects: []string{"/auth/oidc.callback"}, NoPKCE: true, Scopes: []string{"openid", "offline_access", "profile", "email"}, Where: intoEnvironment,
		Settings: `OIDC_CLIENT_ID={id}
OIDC_CLIENT_SECRET={secret}
OIDC_AUTH_URI={authorize}
OIDC_TOKEN_URI={token}
OIDC_USERINFO_URI={userinfo}
OIDC_LOGOUT_URI={logout}
OIDC_USERNAME_CLAIM=preferred_username
OIDC_DISPLAY_NAME=Single sign-on
OIDC_SCOPES=openid offline_access profile email`},
	{ID: "paperless", Name: "Paperless-ngx", Redirects: []string{"/accounts/oidc/sso/login/callback/"}, Where: intoEnvironment,
		Settings: `PAPERLESS_APPS=allauth.socialaccount.providers.openid_connect
PAPERLESS_SOCIALACCOUNT_PROVIDERS={"openid_connect":{"SCOPE":["openid","profile","email"],"OAUTH_PKCE_ENABLED":true,"APPS":[{"provider_id":"sso","name":"Single sign-on","client_id":"{id}","secret":"{secret}","settings":{"server_url":"{issuer}"}}]}}`},
	{ID: "portainer", Name: "Portainer", Redirects: []string{"", "/"}, NoPKCE: true, Where: lang.T("Set this in the app, under %s:", "Settings, Authentication, OAuth, Custom"),
		Settings: `Client ID: {id}
Client secret: {secret}
Authorization URL: {authorize}
Access token URL: {token}
Resource URL: {userinfo}
Redirect URL: {redirect}
Logout URL: {logout}
User identifier: preferred_username
Scopes: openid profile email groups`},
	{ID: "proxmox", Name: "Proxmox VE", Redirects: []string{"", "/"}, Where: runThere,
		Settings: `pveum realm add sso --type openid --issuer-url '{issuer}' \
  --client-id '{id}' --client-key '{secret}' \
  --username-claim username --autocreate 1`},
	{ID: "vault", Name: "HashiCorp Vault, OpenBao", Redirects: []string{"/ui/vault/auth/oidc/oidc/callback", "http://localhost:8250/oidc/callback"}, Where: runThere,
		Settings: `vault auth enable oidc
vault write auth/oidc/config oidc_discovery_url='{issuer}' \
  oidc_client_id='{id}' oidc_client_secret='{secret}' default_role=default
vault write auth/oidc/role/default user_claim=sub groups_claim=groups \
  oidc_scopes=profile,email,groups token_policies=default \
  allowed_redirect_uris='{redirect}' \
  allowed_redirect_uris='{redirect-2}'`},
	{ID: "wikijs", Name: "Wiki.js", NoPKCE: true, Where: lang.T("Set this in the app, under %s; it shows there the Callback URL, which is to stand here as redirect URI:", "Administration, Authentication, Add Strategy, Generic OpenID Connect / OAuth2"),
		Settings: `Client ID: {id}
Client Secret: {secret}
Authorization Endpoint URL: {authorize}
Token Endpoint URL: {token}
User Info Endpoint URL: {userinfo}
Issuer: {issuer}
Email Claim: email
Display Name Claim: name
Groups Claim: groups
Logout URL: {logout}`},
}

// settings are those of the app for a client that was just made.
func (p *preset) settings(c *store.Client, o *Operations, secret string) string {
	pairs := []string{"{issuer}", o.Issuer, "{id}", c.ID, "{secret}", secret}
	for i, uri := range c.RedirectURIs {
		if i == 0 {
			pairs = append(pairs, "{redirect}", uri)
		}
		pairs = append(pairs, "{redirect-"+strconv.Itoa(i+1)+"}", uri)
	}
	for _, name := range []string{"authorize", "token", "userinfo", "logout"} {
		pairs = append(pairs, "{"+name+"}", o.Endpoint(name))
	}
	return strings.NewReplacer(pairs...).Replace(p.Settings)
}

// defaultPresetScopes are for all of them that name no others.
var defaultPresetScopes = []string{"openid", "profile", "email", "groups"}

// presetOf finds one, nil if there is none.
func presetOf(id string) *preset {
	for i := range presets {
		if presets[i].ID == id {
			return &presets[i]
		}
	}
	return nil
}

// fill is the client of the app at that address, an origin or below one.
func (p *preset) fill(address string) store.Client {
	address = strings.TrimRight(strings.TrimSpace(address), "/")
	if address != "" && !strings.Contains(address, "://") {
		address = "https://" + address
	}
	c := store.Client{ClientSettings: store.ClientSettings{
		Name: p.Name, Scopes: p.Scopes, AllowNoPKCE: p.NoPKCE, SkipConsent: p.Own,
	}}
	if len(c.Scopes) == 0 && !p.Own {
		c.Scopes = defaultPresetScopes
	}
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		c.ID, _, _ = strings.Cut(u.Hostname(), ".")
		if store.CheckClientID(c.ID) != nil {
			c.ID = ""
		}
		if p.Own {
			c.Name = u.Hostname()
		}
	}
	below := func(paths []string) (uris []string) {
		for _, path := range paths {
			switch {
			case strings.Contains(path, "://"):
				uris = append(uris, path)
			case address != "":
				uris = append(uris, address+path)
			}
		}
		return uris
	}
	c.RedirectURIs, c.PostLogoutRedirectURIs = below(p.Redirects), below(p.LoggedOut)
	return c
}
