package admin

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/internal/registration"
	"github.com/caddyito/caddyito/store"
)

// registrationsPage lists the tokens by which gates and other software may still
// register themselves.
type registrationsPage struct {
	frame
	// Off: nothing registers itself at this server.
	Off     bool
	Pending []*manage.PendingRegistration
	// First and Next lead to the first page and the next, "" where there is no need.
	First, Next string
}

// registrations does what is asked of tokens.
func (a *Admin) registrations() *manage.Registrations {
	return &manage.Registrations{Manager: a.clients().Manager, PlainHosts: a.Operations.PlainHosts}
}

func (a *Admin) listRegistrations(_ http.ResponseWriter, r *http.Request, v *visit) error {
	page := registrationsPage{frame: v.frame(), Off: !a.Operations.Registration}
	after := r.URL.Query().Get("after")
	if after != "" {
		page.First = a.path("registrations")
	}
	err := a.Store.View(r.Context(), func(tx store.ReadTx) error {
		list, more, err := a.registrations().List(tx, after, pageSize)
		page.Pending, page.Next = list, ""
		if more {
			page.Next = a.path("registrations") + "?" + url.Values{"after": {list[len(list)-1].ID}}.Encode()
		}
		return err
	})
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "registrations", lang.T("Registration tokens"), "clients", page)
}

// revokeRegistration ends a token that was not used.
func (a *Admin) revokeRegistration(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	if err := a.registrations().Revoke(r.Context(), v.actor(), v.form.Get("id")); err != nil {
		return v.refused(err)
	}
	a.goTo(w, "registrations", nil)
	return nil
}

// registrationForm is that of a new token.
type registrationForm struct {
	frame
	Action, BackURL string
	Fields          []field
	// More are what few gates need. It opens by itself where one of them is wrong.
	More   fieldGroup
	Open   bool
	Alerts []lang.Text
}

// lifetimes are how long a token can be used.
var lifetimes = map[string]time.Duration{"hour": time.Hour, "day": store.DefaultInvitationLifetime, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour}

func (a *Admin) registrationForm(v *visit) *registrationForm {
	// What is said of a client by its form has the same words here.
	c := map[string]field{}
	for _, f := range clientFields(&store.Client{}, false) {
		c[f.Name] = f
	}
	for _, group := range moreClientFields(&store.Client{}) {
		for _, f := range group.Fields {
			c[f.Name] = f
		}
	}
	f := &registrationForm{frame: v.frame(), Action: a.path("registrations/new"), BackURL: a.path("registrations"),
		Fields: []field{
			{Name: "name", Kind: "text", Label: lang.T("Name"), Max: 200, Hint: lang.T("What people read when they are asked for consent, and you in the list of apps. None: as it calls itself.")},
			{Name: "origins", Kind: "textarea", Label: lang.T("Its addresses"), Rows: 2, Hint: lang.T("One on each line, as in https://wiki.example.com. A gate needs one. None: anywhere, and this server tells it of nothing.")},
			{Name: "expires", Kind: "choice", Label: lang.T("The token can be used for"), Choices: choose("day",
				choice{"hour", lang.T("an hour"), false}, choice{"day", lang.T("a day"), false}, choice{"week", lang.T("a week"), false}, choice{"month", lang.T("30 days"), false})},
			c["skip_consent"],
		},
		More: fieldGroup{lang.T("What it may do"), []field{c["scopes"], c["allow_groups"], c["sync"], c["fields"]}},
	}
	unmark(f.Fields)
	unmark(f.More.Fields)
	return f
}

func (v *visit) showRegistrationForm(status int, f *registrationForm) error {
	title := lang.T("New registration token")
	if len(f.Alerts) > 0 {
		title = lang.T("Error: %s", title)
	}
	return v.show(status, "registrationform", title, "clients", f)
}

func (a *Admin) newRegistration(w http.ResponseWriter, _ *http.Request, v *visit) error {
	if !a.Operations.Registration {
		a.goTo(w, "registrations", nil) // which says so
		return nil
	}
	return v.showRegistrationForm(http.StatusOK, a.registrationForm(v))
}

// registrationMade is a token that was just made, and what to do with it.
type registrationMade struct {
	frame
	*manage.PendingRegistration
	Token string
	// Gate is the block of the Caddyfile for a gate, "" for a token that is not for one.
	Gate string
	// Endpoint is for other software.
	Endpoint string
}

// createRegistration makes a token, and shows it this once.
func (a *Admin) createRegistration(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	if !a.Operations.Registration {
		a.goTo(w, "registrations", nil)
		return nil
	}
	trimmed := func(name string) string { return strings.TrimSpace(v.form.Get(name)) }
	made, token, err := a.registrations().Create(r.Context(), v.actor(), &store.Invitation{
		Name: trimmed("name"), Origins: lines(v.form.Get("origins")), SkipConsent: v.form.Get("skip_consent") != "",
		Scopes: strings.Fields(v.form.Get("scopes")), AllowGroups: commas(v.form.Get("allow_groups")),
		Sync: store.SyncMode(v.form.Get("sync")), Fields: fieldNames(v.form.Get("fields")),
	}, lifetimes[v.form.Get("expires")])
	if wrong := (problems{}); err != nil && wrong.add(err) {
		f := a.registrationForm(v)
		f.wrongForm(v.form, wrong)
		return v.showRegistrationForm(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return v.refused(err)
	}
	page := registrationMade{frame: v.frame(), PendingRegistration: made, Token: token, Endpoint: a.Operations.Endpoint("register")}
	if len(made.Origins) > 0 {
		page.Gate = registration.EnrolBlock(made.Origins[0], a.Operations.Issuer, token)
	}
	return v.show(http.StatusOK, "registration", lang.T("New registration token"), "clients", page)
}

// wrongForm has it show what was posted, and what is wrong with that.
func (f *registrationForm) wrongForm(form url.Values, wrong problems) {
	all := append(f.Fields[:len(f.Fields):len(f.Fields)], f.More.Fields...)
	posted(f.Fields, form, wrong)
	posted(f.More.Fields, form, wrong)
	for _, more := range f.More.Fields {
		f.Open = f.Open || more.isSet()
	}
	f.Alerts = append([]lang.Text{lang.T("Please correct what is marked below.")}, wrong.general(all)...)
}
