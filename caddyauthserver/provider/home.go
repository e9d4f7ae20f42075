package provider

import (
	"net/http"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
)

// home tells people who come to the server itself who they are.
func (p *Provider) home(w http.ResponseWriter, r *http.Request) {
	in, ok := p.ownSession(w, r)
	if !ok {
		return
	}
	p.pages.Home(w, http.StatusOK, pages.Home{
		UserName: in.user.Name(), Email: in.user.Email,
		AppsURL: p.path("account/apps"), SessionsURL: p.path("account/sessions"), AccountsURL: p.path("accounts"),
		ProfileURL: p.path("account/profile"), LanguageURL: p.path("language"), DataURL: p.path("account/data"),
		PasswordURL: p.path("password"), SecurityURL: p.path("account/security"), LogoutAction: p.path("logout"), CSRF: p.csrfToken(w, r, logoutPurpose(in)),
	})
}
