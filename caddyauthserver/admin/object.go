package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

func (a *Admin) objectRef(r *http.Request) (store.Ref, error) {
	typ, err := a.objectType(r)
	if err != nil {
		return store.Ref{}, err
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return store.Ref{}, store.ErrNotFound
	}
	return store.Ref{Type: typ, ID: id}, nil
}

func (a *Admin) objectPath(ref store.Ref) string {
	return a.path("objects/" + ref.Type + "/" + strconv.FormatInt(ref.ID, 10))
}

func (a *Admin) newObjectPage(r *http.Request, v *visit) (page formPage, typ string, err error) {
	if typ, err = a.objectType(r); err != nil {
		return page, typ, err
	}
	list := a.path("objects/" + typ)
	page = formPage{frame: v.frame(), Title: lang.T("New entry: %s", typeLabel(typ)), Action: list + "/new", Back: list, Button: lang.T("Create")}
	err = a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		page.Fields, err = a.schemaFields(tx, typ, a.Schema.Read(typ, nil))
		return err
	})
	return page, typ, err
}

func (a *Admin) newObject(_ http.ResponseWriter, r *http.Request, v *visit) error {
	page, typ, err := a.newObjectPage(r, v)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "form", page.Title, "objects/"+typ, page)
}

func (a *Admin) createObject(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, typ, err := a.newObjectPage(r, v)
	if err != nil {
		return err
	}
	return a.saveObject(w, r, v, page, typ, func(values [][2]string) error {
		o := &store.Object{Type: typ}
		if err := a.setAll(typ, o, values); err != nil {
			return err
		}
		o, err := a.manage.CreateObject(r.Context(), v.actor(), o)
		if err == nil {
			a.Logger.Info("object created", "type", typ, "id", o.ID, "by", v.User.ID)
		}
		return err
	})
}

// saveObject has a form saved, and shows it again with what is wrong.
func (a *Admin) saveObject(w http.ResponseWriter, r *http.Request, v *visit, page formPage, typ string, save func([][2]string) error) error {
	values, wrong, err := a.formValues(r, typ, page.Fields, v.form)
	if err != nil {
		return err
	}
	if len(wrong) == 0 {
		if err := save(values); err != nil && !wrong.add(err) {
			return err
		}
	}
	if len(wrong) > 0 {
		page.wrongForm(v.form, wrong)
		return v.show(http.StatusUnprocessableEntity, "form", lang.T("Error: %s", page.Title), "objects/"+typ, page)
	}
	a.goTo(w, "objects/"+typ, url.Values{"done": {"saved"}})
	return nil
}

func (a *Admin) editObjectPage(r *http.Request, v *visit) (page formPage, ref store.Ref, err error) {
	if ref, err = a.objectRef(r); err != nil {
		return page, ref, err
	}
	err = a.Store.View(r.Context(), func(tx store.ReadTx) error {
		o, err := tx.Object(ref)
		if err != nil {
			return err
		}
		page = formPage{frame: v.frame(), Title: lang.T("Edit %s", manage.Label(a.Schema, o)), Action: a.objectPath(ref), Back: a.path("objects/" + ref.Type),
			Button: lang.T("Save"), DeleteURL: a.objectPath(ref) + "/delete", HistoryURL: a.objectPath(ref) + "/history"}
		if page.Fields, err = a.schemaFields(tx, ref.Type, a.Schema.Read(ref.Type, o.Fields)); err != nil {
			return err
		}
		page.Seen = seenOf(page.Fields)
		page.Recent, _, err = a.objectHistory(tx, v, o, store.AuditCursor{}, recentRecords)
		return err
	})
	return page, ref, err
}

func (a *Admin) editObject(_ http.ResponseWriter, r *http.Request, v *visit) error {
	page, ref, err := a.editObjectPage(r, v)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "form", page.Title, "objects/"+ref.Type, page)
}

func (a *Admin) changeObject(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, ref, err := a.editObjectPage(r, v)
	if err != nil {
		return err
	}
	if page.overtaken(v.form) {
		page.sayOvertaken()
		return v.show(http.StatusConflict, "form", lang.T("Error: %s", page.Title), "objects/"+ref.Type, page)
	}
	return a.saveObject(w, r, v, page, ref.Type, func(values [][2]string) error {
		_, err := a.manage.ChangeObject(r.Context(), v.actor(), ref, func(o *store.Object) error { return a.setAll(ref.Type, o, values) })
		if err == nil {
			a.Logger.Info("object changed", "type", ref.Type, "id", ref.ID, "by", v.User.ID)
		}
		return err
	})
}

// maxReferrers is how many are named that refer to what is to be deleted.
const maxReferrers = 20

func (a *Admin) askDeleteObject(_ http.ResponseWriter, r *http.Request, v *visit) error {
	return a.confirmDeleteObject(r, v, http.StatusOK)
}

// confirmDeleteObject asks, or says who is in the way.
func (a *Admin) confirmDeleteObject(r *http.Request, v *visit, status int) error {
	ref, err := a.objectRef(r)
	if err != nil {
		return err
	}
	page := confirmPage{frame: v.frame(), Action: a.objectPath(ref) + "/delete", Back: a.objectPath(ref), Text: lang.T("This cannot be undone.")}
	err = a.Store.View(r.Context(), func(tx store.ReadTx) error {
		o, err := tx.Object(ref)
		if err != nil {
			return err
		}
		page.Title = lang.T("Delete %s?", manage.Label(a.Schema, o))
		by, err := tx.Referrers(ref, maxReferrers+1)
		if err != nil {
			return err
		}
		page.Referrers, err = a.referrers(tx, by)
		return err
	})
	if err != nil {
		return err
	}
	if len(page.Referrers) > 0 {
		page.Alert = lang.T("This cannot be deleted while others refer to it. Change or delete those first:")
		if len(page.Referrers) > maxReferrers {
			page.Referrers = page.Referrers[:maxReferrers]
			page.Alert = lang.T("This cannot be deleted while others refer to it, of whom these are the first:")
		}
	}
	return v.show(status, "confirm", page.Title, "objects/"+ref.Type, page)
}

func (a *Admin) referrers(tx store.ReadTx, by []store.Referrer) ([]fact, error) {
	var list []fact
	for _, b := range by {
		name, err := manage.ReferrerName(tx, a.Schema, b)
		if err != nil {
			return nil, err
		}
		link := a.userPath(b.ID)
		if b.Type != store.UserType {
			link = a.objectPath(store.Ref{Type: b.Type, ID: b.ID})
		}
		list = append(list, fact{Label: lang.Text{Key: typeLabel(b.Field)}, Value: name, URL: link})
	}
	return list, nil
}

func (a *Admin) deleteObject(w http.ResponseWriter, r *http.Request, v *visit) error {
	ref, err := a.objectRef(r)
	if err != nil {
		return err
	}
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	err = a.manage.DeleteObject(r.Context(), v.actor(), ref)
	if _, ok := errors.AsType[*store.ReferencedError](err); ok {
		return a.confirmDeleteObject(r, v, http.StatusConflict)
	}
	if err != nil {
		return err
	}
	a.Logger.Info("object deleted", "type", ref.Type, "id", ref.ID, "by", v.User.ID)
	a.goTo(w, "objects/"+ref.Type, url.Values{"done": {"deleted"}})
	return nil
}
