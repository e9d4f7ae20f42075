package provider

import (
	"net/http"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/store"
)

// home tells people who come to the server itself who they are.
func (p *Provider) home(w http.ResponseWriter, r *http.Request) {
	in, ok := p.ownSession(w, r)
	if !ok {
		return
	}
	due, err := p.dueOf(r, in, nil)
	if err != nil {
		p.unavailable(w, r, "reading factors", err)
		return
	}
	page := pages.Home{
		UserName: in.user.Name(), Email: in.user.Email,
		AppsURL: p.path("account/apps"), SessionsURL: p.path("account/sessions"), AccountsURL: p.path("accounts"),
		ProfileURL: p.path("account/profile"), LanguageURL: p.path("language"), DataURL: p.path("account/data"),
		PasswordURL: p.path("password"), SecurityURL: p.path("account/security"), LogoutAction: p.path("logout"), CSRF: p.csrfToken(w, r, logoutPurpose(in)),
	}
	if in.user.IsStaff || in.user.IsSuperuser {
		page.AdminURL = p.path("admin")
	}
	switch due { // no app lets them in before
	case factorToGive:
		page.GiveFactorURL = p.path("second-factor")
	case factorToSetUp:
		page.SetUpFactorURL = p.path("account/security")
	default:
		page.OpenApps = p.openTo(in.user)
	}
	p.pages.Home(w, http.StatusOK, page)
}

// openTo are the apps that a person can go to from here: those whose address the
// config says, which is no client's own word.
func (p *Provider) openTo(u *store.User) (apps []pages.OpenApp) {
	if p.StaticClients == nil {
		return nil
	}
	for _, c := range p.StaticClients() {
		if c.HomeURL != "" && !c.Disabled && c.Admits(u) {
			apps = append(apps, pages.OpenApp{Name: c.Name, URL: c.HomeURL})
		}
	}
	return apps
}
