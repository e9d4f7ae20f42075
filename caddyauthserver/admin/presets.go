package admin

import (
	"net/url"
	"strings"

	"github.com/caddyito/caddyito/store"
)

// preset is what a well-known app needs.
type preset struct {
	ID, Name string
	// Redirects and LoggedOut are paths below the app's address; an absolute URI
	// stands as it is.
	Redirects, LoggedOut []string
	Scopes               []string
	// NoPKCE is for apps that do not use PKCE, or only if told to.
	NoPKCE bool
	// Own apps need no consent: gates.
	Own bool
	// Hint are settings of the app, as it calls them.
	Hint string
}

var presets = []preset{
	{ID: "gate", Name: "Caddy (auth_client)", Redirects: []string{"/oidc/callback"}, LoggedOut: []string{"/"}, Own: true},
	{ID: "gitea", Name: "Gitea, Forgejo", Redirects: []string{"/user/oauth2/sso/callback"}, NoPKCE: true,
		Hint: "Authentication Name: sso. OAuth2 Provider: OpenID Connect. Claim name providing group names: groups."},
	{ID: "gitlab", Name: "GitLab", Redirects: []string{"/users/auth/openid_connect/callback"},
		Hint: "omniauth_providers: name openid_connect, discovery true, pkce true, uid_field sub."},
	{ID: "grafana", Name: "Grafana", Redirects: []string{"/login/generic_oauth"}, LoggedOut: []string{"/login"},
		Hint: "[auth.generic_oauth] use_pkce = true, scopes = openid profile email groups, login_attribute_path = preferred_username."},
	{ID: "immich", Name: "Immich", Redirects: []string{"/auth/login", "/user-settings", "/api/oauth/mobile-redirect"},
		Hint: "Mobile Redirect URI Override: on, the address of this app with /api/oauth/mobile-redirect."},
	{ID: "jellyfin", Name: "Jellyfin (SSO plugin)", Redirects: []string{"/sso/OID/redirect/sso", "/sso/OID/r/sso"},
		Hint: "Name of OpenID Provider: sso. Role Claim: groups."},
	{ID: "miniflux", Name: "Miniflux", Redirects: []string{"/oauth2/oidc/callback"}, NoPKCE: true,
		Hint: "OAUTH2_PROVIDER=oidc, OAUTH2_REDIRECT_URL as below."},
	{ID: "nextcloud", Name: "Nextcloud (user_oidc)", Redirects: []string{"/apps/user_oidc/code", "/index.php/apps/user_oidc/code"}, LoggedOut: []string{"/"}, NoPKCE: true,
		Hint: "Scope: openid profile email groups. User ID mapping: preferred_username."},
	{ID: "outline", Name: "Outline", Redirects: []string{"/auth/oidc.callback"}, NoPKCE: true,
		Hint: "OIDC_USERNAME_CLAIM=preferred_username, OIDC_SCOPES=openid profile email."},
	{ID: "paperless", Name: "Paperless-ngx", Redirects: []string{"/accounts/oidc/sso/login/callback/"}, NoPKCE: true,
		Hint: "PAPERLESS_SOCIALACCOUNT_PROVIDERS: openid_connect with provider_id sso."},
	{ID: "portainer", Name: "Portainer", Redirects: []string{"", "/"}, NoPKCE: true,
		Hint: "OAuth, Custom. User identifier: preferred_username. Scopes: openid profile email groups."},
	{ID: "proxmox", Name: "Proxmox VE", Redirects: []string{"", "/"}, NoPKCE: true,
		Hint: "Realms, Add, OpenID Connect Server. Username Claim: username. Scopes: profile email."},
	{ID: "vault", Name: "HashiCorp Vault, OpenBao", Redirects: []string{"/ui/vault/auth/oidc/oidc/callback", "http://localhost:8250/oidc/callback"}, NoPKCE: true,
		Hint: "auth/oidc/role: user_claim=sub, groups_claim=groups, oidc_scopes=profile,email,groups."},
	{ID: "wikijs", Name: "Wiki.js", NoPKCE: true,
		Hint: "Wiki.js shows the Callback URL when the strategy Generic OpenID Connect is made; copy it to here."},
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
