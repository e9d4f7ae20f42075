package provider

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/mileusna/useragent"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// accountPage answers a page of somebody's own account: it shows it, or, where its
// form was posted, does what was asked and then shows it anew. With an error, show
// has answered nothing.
func (p *Provider) accountPage(path string, show func(w http.ResponseWriter, r *http.Request, in *signedIn, csrf string) error,
	do func(store.WriteTx, *http.Request, *signedIn, url.Values) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in, err := p.currentSession(r)
		if err != nil {
			p.unavailable(w, r, "reading session", err)
			return
		}
		if in == nil {
			seeOther(w, p.url("login"))
			return
		}
		purpose := path + "\x00" + string(in.session.Hash[:])
		if r.Method == http.MethodPost {
			form, err := readForm(w, r)
			if err != nil {
				p.badForm(w, r, err)
				return
			}
			if p.csrfValid(r, form, purpose) {
				err := p.Store.Update(r.Context(), func(tx store.WriteTx) error { return do(tx, r, in, form) })
				if err != nil && !errors.Is(err, store.ErrNotFound) { // it was done meanwhile
					p.unavailable(w, r, "changing account", err)
					return
				}
			}
			seeOther(w, p.url(path))
			return
		}
		if err := show(w, r, in, p.csrfToken(w, r, purpose)); err != nil {
			p.unavailable(w, r, "reading account", err)
		}
	}
}

// showApps lists what the person lets have something.
func (p *Provider) showApps(w http.ResponseWriter, r *http.Request, in *signedIn, csrf string) error {
	page := pages.Apps{Action: p.path("account/apps"), CSRF: csrf, HomeURL: p.Prefix}
	err := p.Store.View(r.Context(), func(tx store.ReadTx) error {
		page.Apps = nil
		list, err := store.AccessOf(tx, in.user.ID, p.now())
		if err != nil {
			return err
		}
		for _, a := range list {
			c, err := p.clientIn(tx, a.ClientID)
			if err != nil && !errors.Is(err, errUnknownClient) {
				return err
			}
			app := pages.App{ID: a.ClientID, Name: a.ClientID, Since: a.Since, Away: a.Offline}
			if err == nil {
				app.Name = c.displayName()
			}
			app.Scopes = pageScopes(a.Scopes)
			page.Apps = append(page.Apps, app)
		}
		return nil
	})
	if err == nil {
		p.pages.Apps(w, http.StatusOK, page)
	}
	return err
}

// removeApp takes back what the person gave a client.
func (p *Provider) removeApp(tx store.WriteTx, r *http.Request, in *signedIn, form url.Values) error {
	id := form.Get("client")
	if err := store.EndAccess(tx, in.user.ID, id, p.now()); err != nil {
		return err
	}
	p.Logger.Info("access taken back", "user_id", in.user.ID, "client_id", printable(id, 100))
	return store.Audit(tx, p.byUser(r, in.user), store.ActionConsentRevoke, store.AuditParty{Type: store.ClientParty, ID: id})
}

// showSessions lists where the person is signed in.
func (p *Provider) showSessions(w http.ResponseWriter, r *http.Request, in *signedIn, csrf string) error {
	page := pages.Sessions{Action: p.path("account/sessions"), CSRF: csrf, HomeURL: p.Prefix}
	err := p.Store.View(r.Context(), func(tx store.ReadTx) error {
		page.Sessions = nil
		list, err := tx.SessionsOf(store.ServerRealm, in.session.Subject)
		if err != nil {
			return err
		}
		for _, s := range list {
			if !s.Live(p.now()) {
				continue
			}
			page.Sessions = append(page.Sessions, pages.Session{
				ID: s.Name(), Browser: browserName(s.UserAgent), IP: s.IP, Since: s.AuthTime, Seen: s.LastSeen, Here: s.Hash == in.session.Hash,
			})
		}
		return nil
	})
	if err == nil {
		p.pages.Sessions(w, http.StatusOK, page)
	}
	return err
}

// endNamed ends a session of the person, or all but this one.
func (p *Provider) endNamed(tx store.WriteTx, r *http.Request, in *signedIn, form url.Values) error {
	list, err := tx.SessionsOf(store.ServerRealm, in.session.Subject)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Hash == in.session.Hash || form.Get("others") == "" && s.Name() != form.Get("session") {
			continue
		}
		if err := endSession(tx, s, p.now()); err != nil {
			return err
		}
		if err := store.Audit(tx, p.byUser(r, in.user), store.ActionSessionEnd, store.UserParty(in.user),
			store.AuditChange{Field: "session", Old: s.Name()}, store.AuditChange{Field: "browser", Old: s.UserAgent}); err != nil {
			return err
		}
		p.Logger.Info("session ended from another", "user_id", in.user.ID)
	}
	return nil
}

// browserName is what to call a browser: "Firefox on Linux".
func browserName(header string) lang.Text {
	ua := useragent.Parse(header)
	if ua.Name == "" {
		return lang.T("Unknown browser")
	}
	if ua.OS == "" {
		return lang.Text{Key: ua.Name}
	}
	return lang.T("%s on %s", ua.Name, strings.TrimSpace(ua.OS))
}
