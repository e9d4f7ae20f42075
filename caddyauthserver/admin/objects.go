package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// objectsPage lists objects of a type. It posts object (IDs), sure, and the query it was
// shown for.
type objectsPage struct {
	frame
	Title           lang.Text
	Search, NewURL  string
	Filters         []field
	Action, NextURL string
	// CSVURL and JSONURL lead to what is asked for as a file.
	CSVURL, JSONURL string
	Columns         []lang.Text
	Rows            []objectRow
	// Query is that of the page, without the place in it.
	Query   string
	Notice  lang.Text
	Trouble []lang.Text
}

type objectRow struct {
	ID         int64
	Label, URL string
	Values     []string
}

// objectType is the one in the path, if the schema declares it.
func (a *Admin) objectType(r *http.Request) (string, error) {
	typ := r.PathValue("type")
	if a.Schema.Object(typ) == nil {
		return "", store.ErrNotFound
	}
	return typ, nil
}

// objectQuery reads which objects of a type are asked for.
func (a *Admin) objectQuery(tx store.ReadTx, typ string, values url.Values) (q store.ObjectQuery, filters []field, err error) {
	q = store.ObjectQuery{Type: typ, Prefix: short(values.Get("q")), Schema: a.Schema, Limit: pageSize}
	filters, q.Where, err = a.filters(tx, typ, values)
	return q, filters, err
}

func (a *Admin) listObjects(_ http.ResponseWriter, r *http.Request, v *visit) error {
	typ, err := a.objectType(r)
	if err != nil {
		return err
	}
	return a.objectsPage(r, v, typ, http.StatusOK, r.URL.Query(), nil)
}

func (a *Admin) objectsPage(r *http.Request, v *visit, typ string, status int, values url.Values, trouble []lang.Text) error {
	list, done := a.path("objects/"+typ), notice(values)
	values = withoutPlace(values)
	page := objectsPage{frame: v.frame(), Title: lang.Text{Key: typeLabel(typ)}, Search: values.Get("q"), NewURL: list + "/new", Action: list,
		CSVURL: list + "/export?" + with(values, "format", "csv"), JSONURL: list + "/export?" + with(values, "format", "json"),
		Query: values.Encode(), Notice: done, Trouble: trouble}
	fields := a.Schema.Fields(typ)
	for _, d := range fields {
		page.Columns = append(page.Columns, lang.Text{Key: typeLabel(d.Name)})
	}
	err := a.Store.View(r.Context(), func(tx store.ReadTx) error {
		q, filters, err := a.objectQuery(tx, typ, values)
		if err != nil {
			return err
		}
		q.After = r.URL.Query().Get("after")
		found, err := tx.SearchObjects(q)
		if err != nil {
			return err
		}
		page.Filters = filters
		page.Rows = nil
		for _, o := range found.Objects {
			row := objectRow{ID: o.ID, Label: manage.Label(a.Schema, o), URL: a.objectPath(store.Ref{Type: typ, ID: o.ID})}
			values := a.Schema.Read(typ, o.Fields)
			for _, d := range fields {
				text, err := a.valueText(tx, values, d.Name)
				if err != nil {
					return err
				}
				row.Values = append(row.Values, text)
			}
			page.Rows = append(page.Rows, row)
		}
		if found.Next != "" {
			page.NextURL = list + "?" + with(values, "after", found.Next)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.show(status, "objects", page.Title, "objects/"+typ, page)
}

// deleteObjects deletes all that were ticked. What others refer to stays, while the rest
// goes; the page says which, and who does.
func (a *Admin) deleteObjects(w http.ResponseWriter, r *http.Request, v *visit) error {
	typ, err := a.objectType(r)
	if err != nil {
		return err
	}
	back, err := url.ParseQuery(v.form.Get("query"))
	if err != nil {
		back = url.Values{}
	}
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	if v.form.Get("sure") == "" {
		return a.objectsPage(r, v, typ, http.StatusUnprocessableEntity, back, []lang.Text{lang.T("Nothing was deleted. Tick “Yes, delete for good” to do so.")})
	}
	var refs []store.Ref
	for _, text := range v.form["object"] {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil {
			refs = append(refs, store.Ref{Type: typ, ID: id})
		}
	}
	gone, needed, err := a.manage.DeleteObjects(r.Context(), v.actor(), refs)
	a.Logger.Info("objects deleted together", "type", typ, "by", v.User.ID, "done", gone, "refused", len(needed))
	if err != nil {
		return err
	}
	if len(needed) > 0 {
		var trouble []lang.Text
		for _, n := range needed {
			text := lang.T("%s was not deleted, since these refer to it: %s", n.Name, strings.Join(n.By, ", "))
			if n.More {
				text = lang.T("%s was not deleted, since others refer to it, of whom these are the first: %s", n.Name, strings.Join(n.By, ", "))
			}
			trouble = append(trouble, text)
		}
		return a.objectsPage(r, v, typ, http.StatusUnprocessableEntity, back, trouble)
	}
	done := "many"
	if len(refs) == 0 {
		done = "nothing"
	}
	query := withoutPlace(back)
	query.Set("done", done)
	a.goTo(w, "objects/"+typ, query)
	return nil
}

// valueText is a value as a list shows it: of a relation what it points to.
func (a *Admin) valueText(tx store.ReadTx, values store.Fields, name string) (string, error) {
	ref, ok := values[name].(store.Ref)
	if !ok {
		return values.Text(name), nil
	}
	o, err := tx.Object(ref)
	if errors.Is(err, store.ErrNotFound) {
		return ref.String(), nil
	}
	if err != nil {
		return "", err
	}
	return manage.Label(a.Schema, o), nil
}
