package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// groupsPage lists groups.
type groupsPage struct {
	frame
	Rows    []groupRow
	May     bool // be renamed and removed by who looks
	NextURL string
	Notice  lang.Text
}

type groupRow struct {
	store.Group
	MembersURL, EditURL string
}

func (a *Admin) listGroups(_ http.ResponseWriter, r *http.Request, v *visit) error {
	page := groupsPage{frame: v.frame(), May: v.User.IsSuperuser, Notice: notice(r.URL.Query())}
	err := a.Store.View(r.Context(), func(tx store.ReadTx) error {
		groups, err := tx.Groups(r.URL.Query().Get("after"), pageSize+1)
		if err != nil {
			return err
		}
		page.Rows = nil
		for i, g := range groups {
			if i == pageSize {
				page.NextURL = a.path("groups") + "?" + url.Values{"after": {groups[i-1].Name}}.Encode()
				break
			}
			page.Rows = append(page.Rows, groupRow{g,
				a.path("users") + "?" + url.Values{"group": {g.Name}}.Encode(), a.path("groups/edit") + "?" + url.Values{"name": {g.Name}}.Encode()})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "groups", lang.T("Groups"), "groups", page)
}

// groupPage renames or removes a group. It posts name, new_name and action.
type groupPage struct {
	frame
	Name, NewName, Action string
	Problem               lang.Text
}

func (a *Admin) editGroup(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	name := r.URL.Query().Get("name")
	if name == "" { // who signed in to post comes back without it
		a.goTo(w, "groups", nil)
		return nil
	}
	return v.show(http.StatusOK, "group", lang.T("Group %s", name), "groups", groupPage{frame: v.frame(), Name: name, NewName: name, Action: a.path("groups/edit")})
}

// changeGroup moves the members in the background: there may be many.
func (a *Admin) changeGroup(w http.ResponseWriter, r *http.Request, v *visit) error {
	name, to := v.form.Get("name"), strings.TrimSpace(v.form.Get("new_name"))
	page := groupPage{frame: v.frame(), Name: name, NewName: to, Action: a.path("groups/edit")}
	title := lang.T("Rename group %s to %s", name, to)
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	switch v.form.Get("action") {
	case "remove":
		if to, title = "", lang.T("Remove group %s", name); v.form.Get("sure") == "" {
			page.Problem = lang.T("The group was not removed. Tick “Yes, remove it” to do so.")
		}
	case "rename":
		if err := store.CheckGroup(to); err != nil {
			page.Problem = lang.Of(err)
		}
	default:
		page.Problem = lang.T("Choose what to do.")
	}
	if !page.Problem.IsZero() {
		return v.show(http.StatusUnprocessableEntity, "group", lang.T("Error: %s", lang.T("Group %s", name)), "groups", page)
	}
	actor := v.actor()
	id, err := a.jobs.start(v.User.ID, title, a.path("groups"), "groups", func(ctx context.Context, j *job) error {
		err := a.manage.RenameGroup(ctx, actor, name, to, j.progress)
		if why, ok := reason(err); ok && err != nil {
			j.trouble(why)
			return nil
		}
		return err
	})
	if errors.Is(err, errTooManyJobs) {
		page.Problem = lang.T("Too much is being done already. Please wait until some of it is finished.")
		return v.show(http.StatusServiceUnavailable, "group", title, "groups", page)
	}
	if err != nil {
		return err
	}
	a.Logger.Info("group changed", "group", name, "to", to, "by", v.User.ID)
	a.goTo(w, "jobs/"+id, nil)
	return nil
}
