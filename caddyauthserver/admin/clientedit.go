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

// clientForm is the form of a client, new or not.
type clientForm struct {
	frame
	New     bool
	Action  string
	BackURL string
	Presets []preset
	Preset  string
	Address string
	Client  store.Client
	// What stands in the fields that take several values.
	Redirects, LoggedOut, Scopes, Groups string
	Syncs                                []store.SyncMode
	// Problems are by the name of the field, what concerns all under "".
	Problems map[string]string
}

func (f *clientForm) fill(c store.Client) {
	f.Client = c
	f.Redirects, f.LoggedOut = strings.Join(c.RedirectURIs, "\n"), strings.Join(c.PostLogoutRedirectURIs, "\n")
	f.Scopes, f.Groups = strings.Join(c.Scopes, " "), strings.Join(c.AllowGroups, ", ")
	f.Syncs = []store.SyncMode{store.SyncAll, store.SyncGranted, store.SyncOff}
}

func (v *visit) showClientForm(status int, f *clientForm) error {
	title := lang.T("New app")
	if !f.New {
		title = lang.Text{Key: f.Client.ID}
	}
	return v.show(status, "clientform", title, "clients", f)
}

// newClient shows the form, filled in for a well-known app that was chosen.
func (a *Admin) newClient(_ http.ResponseWriter, r *http.Request, v *visit) error {
	q := r.URL.Query()
	f := &clientForm{frame: v.frame(), New: true, Action: a.path("clients/new"), BackURL: a.path("clients"), Presets: presets,
		Preset: q.Get("preset"), Address: shortened(q.Get("address"), 500)}
	if p := presetOf(f.Preset); p != nil {
		f.fill(p.fill(f.Address))
	} else {
		f.Preset = ""
		f.fill(store.Client{})
	}
	return v.showClientForm(http.StatusOK, f)
}

func shortened(s string, limit int) string {
	if len(s) > limit {
		return ""
	}
	return s
}

// lines and words are the values of a field that takes several.
func lines(s string) (list []string) {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

func words(s string) []string { return strings.Fields(s) }

func commas(s string) (list []string) {
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); name != "" {
			list = append(list, name)
		}
	}
	return list
}

// apply sets what the form has, and leaves the rest as it is.
func applyClient(s *store.ClientSettings, form url.Values) {
	s.Name = strings.TrimSpace(form.Get("name"))
	s.RedirectURIs, s.PostLogoutRedirectURIs = lines(form.Get("redirect_uris")), lines(form.Get("post_logout_redirect_uris"))
	s.Scopes, s.AllowGroups = words(form.Get("scopes")), commas(form.Get("allow_groups"))
	s.SkipConsent, s.AllowNoPKCE = form.Get("skip_consent") != "", form.Get("allow_no_pkce") != ""
	s.Sync = store.SyncMode(form.Get("sync"))
	s.SyncURL, s.BackchannelLogoutURI = strings.TrimSpace(form.Get("sync_url")), strings.TrimSpace(form.Get("backchannel_logout_uri"))
}

func (a *Admin) createClient(_ http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	c := store.Client{ID: strings.TrimSpace(v.form.Get("id"))}
	applyClient(&c.ClientSettings, v.form)
	c.Public = v.form.Get("public") != ""
	made, secret, err := a.clients().Create(r.Context(), v.actor(), &c)
	if problems := clientProblems(err); problems != nil {
		f := &clientForm{frame: v.frame(), New: true, Action: a.path("clients/new"), BackURL: a.path("clients"), Presets: presets, Preset: v.form.Get("preset"), Problems: problems}
		f.fill(c)
		return v.showClientForm(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return v.refused(err)
	}
	hint := ""
	if p := presetOf(v.form.Get("preset")); p != nil {
		hint = p.Hint
	}
	return v.showClient(clientRow{*made, labelOf(made), false}, secret, false, hint)
}

// clientProblems are what is wrong with a form by field, nil if err is not that.
func clientProblems(err error) map[string]string {
	if errors.Is(err, errConfigured) {
		return map[string]string{"id": "another app of the config has it already"}
	}
	if conflict, ok := errors.AsType[*store.ConflictError](err); ok {
		return map[string]string{conflict.Field: "another app has it already"}
	}
	invalid, ok := errors.AsType[*store.InvalidError](err)
	if !ok {
		return nil
	}
	problems := map[string]string{}
	for _, p := range invalid.Problems {
		field := p.Field
		switch field {
		case "id", "name", "redirect_uris", "post_logout_redirect_uris", "scopes", "allow_groups", "sync", "sync_url", "backchannel_logout_uri", "allow_no_pkce":
		default:
			field, p.Message = "", field+" "+p.Message
		}
		if problems[field] == "" {
			problems[field] = p.Message
		}
	}
	return problems
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
	f := a.editForm(v, row.ID)
	f.fill(row.Client)
	return v.showClientForm(http.StatusOK, f)
}

func (a *Admin) editForm(v *visit, id string) *clientForm {
	at := a.path("clients/" + url.PathEscape(id))
	return &clientForm{frame: v.frame(), Action: at + "/edit", BackURL: at}
}

func (a *Admin) changeClient(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	id := r.PathValue("id")
	tried := store.Client{ID: id}
	err := a.clients().Change(r.Context(), v.actor(), id, func(s *store.ClientSettings) error {
		applyClient(s, v.form)
		tried.ClientSettings = *s
		return nil
	})
	if problems := clientProblems(err); problems != nil && !errors.Is(err, errConfigured) {
		f := a.editForm(v, id)
		f.fill(tried)
		f.Problems = problems
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
		return v.showClient(clientRow{*c, labelOf(c), false}, secret, overlap > 0, "")
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
