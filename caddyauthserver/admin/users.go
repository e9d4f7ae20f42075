package admin

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// pageSize is how many rows a list shows.
const pageSize = 50

// usersPage lists users. It posts user (IDs), op, group, and the query it was shown
// for.
type usersPage struct {
	frame
	Query     usersQuery
	Relations []field // by which to filter
	Statuses  []option
	Rows      []userRow
	// Columns are the relations that are shown.
	Columns []lang.Text
	NextURL string
	// CSVURL and JSONURL lead to what is asked for as a file.
	CSVURL, JSONURL string
	Notice          lang.Text
	Trouble         []lang.Text
}

// usersQuery is what is asked for.
type usersQuery struct {
	Search, Group, Status string
	// Encoded is the query of the page, without the place in it.
	Encoded string
}

type option struct {
	Value    string
	Text     lang.Text
	Selected bool
}

type userRow struct {
	*store.User
	URL  string
	May  bool     // be changed by who looks
	Refs []string // labels, by column
}

// statusTexts name the kinds of users by which to filter.
var statusTexts = map[store.UserStatus]lang.Text{
	store.StatusActive: lang.T("Active"), store.StatusDisabled: lang.T("Disabled"),
	store.StatusStaff: lang.T("Staff"), store.StatusSuperuser: lang.T("Superusers"),
}

// query reads what is asked for. What names no object is a problem of its field.
func (a *Admin) query(tx store.ReadTx, values url.Values) (q store.UserQuery, relations []field, err error) {
	q = store.UserQuery{
		Prefix: short(values.Get("q")), Group: values.Get("group"), Status: store.UserStatus(values.Get("status")),
		Limit: pageSize,
	}
	if !slices.Contains(store.UserStatuses, q.Status) {
		q.Status = store.StatusAny
	}
	relations, q.Where, err = a.filters(tx, store.UserType, values)
	return q, relations, err
}

// short keeps what people search for to what can be found.
func short(s string) string { return s[:min(len(s), 300)] }

func (a *Admin) listUsers(_ http.ResponseWriter, r *http.Request, v *visit) error {
	return a.usersPage(r, v, http.StatusOK, r.URL.Query(), nil)
}

func (a *Admin) usersPage(r *http.Request, v *visit, status int, values url.Values, trouble []lang.Text) error {
	page := usersPage{frame: v.frame(), Notice: notice(values), Trouble: trouble}
	values = withoutPlace(values)
	page.Query = usersQuery{values.Get("q"), values.Get("group"), values.Get("status"), values.Encode()}
	page.CSVURL, page.JSONURL = a.path("users/export")+"?"+with(values, "format", "csv"), a.path("users/export")+"?"+with(values, "format", "json")
	err := a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		var q store.UserQuery
		if q, page.Relations, err = a.query(tx, values); err != nil {
			return err
		}
		q.After = r.URL.Query().Get("after")
		found, err := tx.SearchUsers(q)
		if err != nil {
			return err
		}
		if found.Next != "" {
			page.NextURL = a.path("users") + "?" + with(values, "after", found.Next)
		}
		page.Rows, err = a.userRows(tx, v, found.Users)
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range page.Relations {
		page.Columns = append(page.Columns, f.Label)
	}
	page.Statuses = []option{{"", lang.T("All"), page.Query.Status == ""}}
	for _, s := range store.UserStatuses {
		page.Statuses = append(page.Statuses, option{string(s), statusTexts[s], page.Query.Status == string(s)})
	}
	return v.show(status, "users", lang.T("Users"), "users", page)
}

// with is a query with one more parameter. Whole addresses are made of it here: in the
// middle of one a template takes a query for text of its own, and escapes it.
func with(values url.Values, name, value string) string {
	more := maps.Clone(values)
	more.Set(name, value)
	return more.Encode()
}

// withoutPlace is the query without where in the list one is, and what was done.
func withoutPlace(values url.Values) url.Values {
	out := url.Values{}
	for name, v := range values {
		known := name == "q" || name == "group" || name == "status" || strings.HasPrefix(name, filterParam)
		if known && v[0] != "" {
			out[name] = v[:1]
		}
	}
	return out
}

func (a *Admin) userRows(tx store.ReadTx, v *visit, users []*store.User) ([]userRow, error) {
	labels := map[store.Ref]string{}
	var rows []userRow
	for _, u := range users {
		row := userRow{User: u, URL: a.userPath(u.ID), May: manage.May(v.User, u)}
		values := a.Schema.Read(store.UserType, u.Fields)
		for _, d := range a.Schema.Fields(store.UserType) {
			if d.Type != store.Relation {
				continue
			}
			label := ""
			if ref, ok := values[d.Name].(store.Ref); ok {
				if label, ok = labels[ref]; !ok {
					o, err := tx.Object(ref)
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						return nil, err
					}
					if err == nil {
						label = manage.Label(a.Schema, o)
					}
					labels[ref] = label
				}
			}
			row.Refs = append(row.Refs, label)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (a *Admin) userPath(id int64) string { return a.path("users/" + strconv.FormatInt(id, 10)) }

// doToUsers does one thing to all that were ticked. Some may be refused while others
// are done; the page says which and why.
func (a *Admin) doToUsers(w http.ResponseWriter, r *http.Request, v *visit) error {
	back, err := url.ParseQuery(v.form.Get("query"))
	if err != nil {
		back = url.Values{}
	}
	op, group := manage.Operation(v.form.Get("op")), strings.TrimSpace(v.form.Get("group"))
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	if op == manage.Delete && v.form.Get("sure") == "" {
		return a.usersPage(r, v, http.StatusUnprocessableEntity, back, []lang.Text{lang.T("Nobody was deleted. Tick “Yes, delete for good” to do so.")})
	}
	var trouble []lang.Text
	done := 0
	for _, text := range v.form["user"] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			continue
		}
		err = a.manage.Do(r.Context(), v.actor(), manage.ByID(id), op, group)
		if err == nil || errors.Is(err, store.ErrNotFound) {
			done++
			continue
		}
		why, ok := reason(err)
		if !ok {
			return err
		}
		trouble = append(trouble, lang.T("%s: %s", a.nameOf(r, id), why))
	}
	a.Logger.Info("users changed together", "by", v.User.ID, "operation", string(op), "done", done, "refused", len(trouble))
	if len(trouble) > 0 {
		return a.usersPage(r, v, http.StatusUnprocessableEntity, back, trouble)
	}
	query := withoutPlace(back)
	query.Set("done", "many")
	if len(v.form["user"]) == 0 {
		query.Set("done", "none")
	}
	a.goTo(w, "users", query)
	return nil
}

// reason is why something was refused, if it is one that a person can be told.
func reason(err error) (lang.Text, bool) {
	switch {
	case errors.Is(err, manage.ErrNotAllowed):
		return lang.T("You may not change this account."), true
	case errors.Is(err, manage.ErrSelf):
		return lang.T("You cannot do that to your own account."), true
	case errors.Is(err, manage.ErrNoOperation):
		return lang.T("Choose what to do."), true
	}
	if invalid, ok := errors.AsType[*store.InvalidError](err); ok {
		return lang.Of(invalid.Problems[0].Err()), true
	}
	return lang.Text{}, false
}

// nameOf is what to call a user in a message.
func (a *Admin) nameOf(r *http.Request, id int64) string {
	name := strconv.FormatInt(id, 10)
	_ = a.Store.View(r.Context(), func(tx store.ReadTx) error { // the number does as well
		u, err := tx.User(id)
		if err == nil {
			name = u.Username
		}
		return err
	})
	return name
}

// notice says what was done, by the name that a redirect left in the query.
func notice(values url.Values) lang.Text {
	return map[string]lang.Text{
		"saved":    lang.T("Saved."),
		"created":  lang.T("Created."),
		"deleted":  lang.T("Deleted."),
		"many":     lang.T("Done for all that were ticked."),
		"nothing":  lang.T("Nothing was ticked, so nothing was done."),
		"none":     lang.T("Nobody was ticked, so nothing was done."),
		"password": lang.T("The password is set, and the person signed out everywhere."),
		"mailed":   lang.T("The link was sent by mail."),
		"logged":   lang.T("The link is in the log of this server, which sends no mail yet."),
		"signout":  lang.T("Signed out everywhere."),
		"ended":    lang.T("That session is over."),
		"taken":    lang.T("That app has no access any more."),
		"factors":  lang.T("All second factors were taken away."),
	}[values.Get("done")]
}
