package authapp

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

func (api *adminAPI) objectRoutes() {
	api.handle("GET /auth/schema", func(a *App, _ *http.Request) (any, error) { return a.Schema(), nil })
	api.handleKept("GET /auth/objects/{type}", api.listObjects)
	api.handleKept("POST /auth/objects/{type}", api.createObject)
	api.handleKept("GET /auth/objects/{type}/{id}", api.showObject)
	api.handleKept("PATCH /auth/objects/{type}/{id}", api.patchObject)
	api.handleKept("DELETE /auth/objects/{type}/{id}", api.deleteObject)
}

// objectPage is a page of objects of one type.
type objectPage struct {
	Objects []*store.Object `json:"objects"`
	Next    int64           `json:"next,omitempty"`
}

// objectType is the type named in the path, if the schema declares it.
func objectType(a *App, r *http.Request) (string, error) {
	typ := r.PathValue("type")
	return typ, a.knownType(typ)
}

// knownType refuses what is no object type of the schema.
func (a *App) knownType(typ string) error {
	if a.Schema().Object(typ) != nil {
		return nil
	}
	var known []string
	for _, t := range a.Schema().Objects {
		known = append(known, t.Name)
	}
	return refuse(http.StatusNotFound, "the schema has no object type %q; it has: %s", typ, strings.Join(known, ", "))
}

func objectRef(a *App, r *http.Request) (store.Ref, error) {
	typ, err := objectType(a, r)
	if err != nil {
		return store.Ref{}, err
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return store.Ref{}, refuse(http.StatusBadRequest, "%q is not the id of a %s, which is a number", r.PathValue("id"), typ)
	}
	return store.Ref{Type: typ, ID: id}, nil
}

func findObject(tx store.ObjectReader, ref store.Ref) (*store.Object, error) {
	o, err := tx.Object(ref)
	return o, noObject(err, ref)
}

// noObject says which one there is none of.
func noObject(err error, ref store.Ref) error {
	if errors.Is(err, store.ErrNotFound) {
		return refuse(http.StatusNotFound, "there is no %s %d", ref.Type, ref.ID)
	}
	return err
}

func (api *adminAPI) listObjects(a *App, r *http.Request) (any, error) {
	typ, err := objectType(a, r)
	if err != nil {
		return nil, err
	}
	limit, err := pageLimit(r)
	if err != nil {
		return nil, err
	}
	q, err := a.objectQuery(r, typ)
	if err != nil {
		return nil, err
	}
	if q.Prefix != "" || len(q.Where) > 0 {
		q.Limit = limit
		return a.findObjects(r, q)
	}
	after, err := pageAfterID(r)
	if err != nil {
		return nil, err
	}
	page := objectPage{}
	err = a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		page.Objects, err = tx.Objects(typ, after, limit)
		return err
	})
	if len(page.Objects) == limit {
		page.Next = page.Objects[limit-1].ID
	}
	if page.Objects == nil {
		page.Objects = []*store.Object{}
	}
	for _, o := range page.Objects {
		a.shownObject(o)
	}
	return page, err
}

func (api *adminAPI) createObject(a *App, r *http.Request) (any, error) {
	typ, err := objectType(a, r)
	if err != nil {
		return nil, err
	}
	v, err := a.readValues(r, typ)
	if err != nil {
		return nil, err
	}
	made := &store.Object{Type: typ}
	if err := v.apply(typ, made, a.Schema()); err != nil {
		return nil, err
	}
	o, err := a.manager().CreateObject(r.Context(), manage.Actor{}, made)
	return created{o}, err
}

func (api *adminAPI) showObject(a *App, r *http.Request) (any, error) {
	ref, err := objectRef(a, r)
	if err != nil {
		return nil, err
	}
	var o *store.Object
	err = a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		o, err = findObject(tx, ref)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.shownObject(o), nil
}

// shownObject has the values that the schema declares.
func (a *App) shownObject(o *store.Object) *store.Object {
	o.Fields = a.Schema().Read(o.Type, o.Fields)
	return o
}

func (api *adminAPI) patchObject(a *App, r *http.Request) (any, error) {
	ref, err := objectRef(a, r)
	if err != nil {
		return nil, err
	}
	v, err := a.readValues(r, ref.Type)
	if err != nil {
		return nil, err
	}
	o, err := a.manager().ChangeObject(r.Context(), manage.Actor{}, ref, func(o *store.Object) error { return v.apply(ref.Type, o, a.Schema()) })
	if err != nil {
		return nil, noObject(err, ref)
	}
	return a.shownObject(o), nil
}

func (api *adminAPI) deleteObject(a *App, r *http.Request) (any, error) {
	ref, err := objectRef(a, r)
	if err != nil {
		return nil, err
	}
	return nil, noObject(a.manager().DeleteObject(r.Context(), manage.Actor{}, ref), ref)
}
