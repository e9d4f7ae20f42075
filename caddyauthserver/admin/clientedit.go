package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

func (a *Admin) pathOfClients(after string) string {
	return a.path("clients") + "?" + url.Values{"after": {after}}.Encode()
}

func (v *visit) showClientForm(status int, f *clientForm) error {
	title := lang.T("New app")
	if !f.New {
		title = lang.Text{Key: f.ID}
	}
	if len(f.Alerts) > 0 {
		title = lang.T("Error: %s", title)
	}
	return v.show(status, "clientform", title, "clients", f)
}

// newForm is that of a new client, filled in for a well-known app that was chosen.
func (a *Admin) newForm(v *visit, presetID, address string) *clientForm {
	f := &clientForm{frame: v.frame(), New: true, Action: a.path("clients/new"), BackURL: a.path("clients"), Presets: presets, Address: address}
	var c store.Client
	if p := presetOf(presetID); p != nil {
		f.Preset, c = p.ID, p.fill(address)
	}
	f.fill(&c)
	return f
}

func (a *Admin) newClient(_ http.ResponseWriter, r *http.Request, v *visit) error {
	q := r.URL.Query()
	return v.showClientForm(http.StatusOK, a.newForm(v, q.Get("preset"), shortened(q.Get("address"), 500)))
}

func shortened(s string, limit int) string {
	if len(s) > limit {
		return ""
	}
	return s
}

func (a *Admin) createClient(_ http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	c := store.Client{ID: strings.TrimSpace(v.form.Get("id"))}
	err := applyClient(&c.ClientSettings, v.form)
	c.Public = v.form.Get("public") != ""
	var made *store.Client
	var secret string
	if err == nil {
		made, secret, err = a.clients().Create(r.Context(), v.actor(), &c)
	}
	if wrong := (problems{}); err != nil && wrong.addClient(err) {
		f := a.newForm(v, v.form.Get("preset"), "")
		f.wrongForm(v.form, wrong)
		return v.showClientForm(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return v.refused(err)
	}
	return v.showClient(clientRow{*made, labelOf(made), false}, newSecret{value: secret, preset: presetOf(v.form.Get("preset"))})
}

// addClient takes what is wrong with a client, and says whether there is anything.
func (p problems) addClient(err error) bool {
	if errors.Is(err, errConfigured) {
		p["id"] = lang.T("An app of the config has that already.")
		return true
	}
	if conflict, ok := errors.AsType[*store.ConflictError](err); ok {
		p[conflict.Field] = lang.T("Another app has that already.")
		return true
	}
	return p.add(err)
}

// refused answers what may not be done; other errors are left to be answered.
func (v *visit) refused(err error) error {
	if errors.Is(err, manage.ErrNotAllowed) || errors.Is(err, errConfigured) || errors.Is(err, manage.ErrPublic) {
		v.a.forbid(v.w, v.r)
		return nil
	}
	return err
}

func (a *Admin) editClient(_ http.ResponseWriter, r *http.Request, v *visit) error {
	row, err := a.findClient(r)
	if err != nil {
		return err
	}
	if row.Configured {
		a.goTo(v.w, "clients/"+url.PathEscape(row.ID), nil) // which says where it is changed
		return nil
	}
	return v.showClientForm(http.StatusOK, a.editForm(v, &row.Client))
}

func (a *Admin) editForm(v *visit, c *store.Client) *clientForm {
	at := a.path("clients/" + url.PathEscape(c.ID))
	f := &clientForm{frame: v.frame(), Action: at + "/edit", BackURL: at}
	f.fill(c)
	return f
}

func (a *Admin) changeClient(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	id := r.PathValue("id")
	err := a.clients().Change(r.Context(), v.actor(), id, func(s *store.ClientSettings) error { return applyClient(s, v.form) })
	if errors.Is(err, errConfigured) {
		return v.refused(err)
	}
	if wrong := (problems{}); err != nil && wrong.addClient(err) {
		row, err := a.findClient(r)
		if err != nil {
			return err
		}
		f := a.editForm(v, &row.Client)
		f.wrongForm(v.form, wrong)
		return v.showClientForm(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return v.refused(err)
	}
	a.goTo(w, "clients/"+url.PathEscape(id), nil)
	return nil
}

// overlaps are how long the old secret may go on beside a new one.
var overlaps = map[string]time.Duration{"none": 0, "hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour}

// doToClient rotates the secret, disables or enables.
func (a *Admin) doToClient(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	id := r.PathValue("id")
	switch do := v.form.Get("do"); do {
	case "rotate":
		overlap, ok := overlaps[v.form.Get("overlap")]
		if !ok {
			a.badForm(w, r, http.StatusBadRequest)
			return nil
		}
		c, secret, err := a.clients().Rotate(r.Context(), v.actor(), id, overlap)
		if err != nil {
			return v.refused(err)
		}
		return v.showClient(clientRow{*c, labelOf(c), false}, newSecret{value: secret, rotated: overlap > 0})
	case "disable", "enable":
		if err := a.clients().SetDisabled(r.Context(), v.actor(), id, do == "disable"); err != nil {
			return v.refused(err)
		}
		a.goTo(w, "clients/"+url.PathEscape(id), nil)
		return nil
	}
	a.badForm(w, r, http.StatusBadRequest)
	return nil
}

// clientDeletion asks once more.
type clientDeletion struct {
	frame
	clientRow
	BackURL string
}

func (a *Admin) askDeleteClient(w http.ResponseWriter, r *http.Request, v *visit) error {
	row, err := a.findClient(r)
	if err != nil {
		return err
	}
	at := "clients/" + url.PathEscape(row.ID)
	if row.Configured {
		a.goTo(w, at, nil)
		return nil
	}
	return v.show(http.StatusOK, "clientdelete", lang.T("Delete app"), "clients", clientDeletion{v.frame(), row, a.path(at)})
}

func (a *Admin) deleteClient(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	if err := a.clients().Delete(r.Context(), v.actor(), r.PathValue("id")); err != nil {
		return v.refused(err)
	}
	a.goTo(w, "clients", nil)
	return nil
}
