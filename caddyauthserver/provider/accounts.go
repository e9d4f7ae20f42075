package provider

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
)

// accounts is where a person chooses, of those who are signed in in this browser, as
// whom to go on, or signs in as one more. As login, it is a step of authorize and of
// device, to which it returns; without either it leads home.
func (p *Provider) accounts(w http.ResponseWriter, r *http.Request) {
	values, ok := p.pageValues(w, r)
	if !ok {
		return
	}
	page := pages.Accounts{Action: p.path("accounts"), Continue: values.Get("continue")}
	add := url.Values{"add": {"1"}}
	add.Set("continue", page.Continue)
	way, err := p.wayOn(r, page.Continue)
	if p.refuseRequest(w, r, way.req, err) {
		return
	}
	page.ClientName, page.FormAction = way.clientName(), way.formAction()
	back := func(in *signedIn) string {
		if way.req == nil {
			return way.url
		}
		return p.url("authorize") + "?" + p.withAsked(way.req.query, asked{at: way.req.asked.at, account: in.session.SID}, p.browserSecret(w, r)).Encode()
	}
	page.AddURL = p.path("login") + "?" + add.Encode()
	all, err := p.sessions(r)
	if err != nil {
		p.unavailable(w, r, "reading sessions", err)
		return
	}
	if len(all) == 0 {
		add.Del("add")
		seeOther(w, p.urlWith("login", add))
		return
	}
	if r.Method == http.MethodPost && p.csrfValid(r, values, accountsPurpose(page.Continue)) {
		if i := slices.IndexFunc(all, func(in *signedIn) bool { return in.session.SID == values.Get("account") }); i >= 0 {
			chosen := all[i]
			p.keepSessions(w, append([]*signedIn{chosen}, slices.Delete(all, i, i+1)...))
			seeOther(w, back(chosen))
			return
		}
	}
	page.CSRF = p.csrfToken(w, r, accountsPurpose(page.Continue))
	for _, in := range all {
		page.Accounts = append(page.Accounts, pages.Account{
			ID: in.session.SID, Name: in.user.Name(), Email: in.user.Email, Username: in.user.Username, Current: in.current,
		})
	}
	p.pages.Accounts(w, http.StatusOK, page)
}

// accountsPurpose binds the form to the request: who is chosen for one app is not
// for another.
func accountsPurpose(request string) string { return "accounts\x00" + request }
