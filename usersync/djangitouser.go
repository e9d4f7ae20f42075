package usersync

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/caddyito/caddyito/store"
)

// DjangitoUser is a user as the Python package djangito reads one, in the profile
// and in a push: flat, with what they refer to nested one deep.
//
// Whatever is an object in it, the package takes for a foreign key, and it stores
// the first of them alone, so that they come last and in the order of the schema,
// and what is nested has no relation of its own. It writes every other member to
// the field of that name of its model, "id" to server_id, and a model that lacks
// one cannot be made: so there are those that a model of Django has and those of
// the schema, and a choice is its index. Without adminFlags it is told that nobody
// is staff or superuser.
func DjangitoUser(tx store.ObjectReader, v *View, u *store.User, adminFlags bool) ([]byte, error) {
	values := v.User(u)
	values["is_staff"] = adminFlags && u.IsStaff
	values["is_superuser"] = adminFlags && u.IsSuperuser
	m := v.djangitoFrame(u.ID, values)
	for _, name := range []string{"last_login", "date_joined"} {
		if v.fields[store.UserType][name] {
			m = append(m, member{name, values[name]}) // null before the first login
		}
	}
	var nested ordered
	for _, f := range v.schema.Fields(store.UserType) {
		if !v.fields[store.UserType][f.Name] || slices.Contains(djangitoOwn, f.Name) {
			continue
		}
		if f.Type != store.Relation {
			m = append(m, member{f.Name, djangitoValue(&f, values[f.Name])})
			continue
		}
		o, err := v.djangitoObject(tx, values[f.Name])
		if err != nil {
			return nil, err
		}
		nested = append(nested, member{f.Name, o})
	}
	return json.Marshal(append(m, nested...))
}

// djangitoGone is what that package is told of a user who was deleted, since it
// cannot be told that: somebody disabled without a name. Theirs may be given to
// somebody else; the one they get, nobody can have.
func djangitoGone(v *View, id int64) ([]byte, error) {
	return json.Marshal(v.djangitoFrame(id, store.Fields{
		"username":  "deleted:" + strconv.FormatInt(id, 10),
		"is_active": false, "is_staff": false, "is_superuser": false,
	}))
}

// djangitoFrame are the members that every user has.
func (v *View) djangitoFrame(id int64, values store.Fields) ordered {
	m := ordered{{"id", id}}
	for _, name := range []string{"username", "first_name", "last_name", "email"} {
		if v.fields[store.UserType][name] {
			m = append(m, member{name, values.Text(name)})
		}
	}
	for _, name := range []string{"is_active", "is_staff", "is_superuser"} {
		m = append(m, member{name, values[name] == true})
	}
	return m
}

// djangitoObject is what a relation leads to; nil if to nothing.
func (v *View) djangitoObject(tx store.ObjectReader, relation any) (any, error) {
	ref, ok := relation.(store.Ref)
	if !ok {
		return nil, nil
	}
	o, err := tx.Object(ref)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil // removed by force
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	m, values := ordered{{"id", o.ID}}, v.Object(o)
	for _, f := range v.schema.Fields(o.Type) {
		if v.fields[o.Type][f.Name] && f.Type != store.Relation && !slices.Contains(djangitoOwn, f.Name) {
			m = append(m, member{f.Name, djangitoValue(&f, values[f.Name])})
		}
	}
	return m, nil
}

// djangitoOwn are names that mean something else to the package, to Django's
// models, or among the claims of a JWT, and so cannot be those of fields.
var djangitoOwn = []string{"server_id", "pk", "iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

// djangitoValue is a value as Django's models take it: text that is not there is
// empty, other things are null.
func djangitoValue(f *store.Field, value any) any {
	switch f.Type {
	case store.Text, store.Email, store.URL:
		if value == nil {
			return ""
		}
	case store.Choice:
		text, _ := value.(string)
		if i := slices.Index(f.Choices, text); i >= 0 {
			return i
		}
		return nil
	}
	return value
}

// ordered is an object of JSON with its members in this order.
type ordered []member

type member struct {
	name  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (m ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, e := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(e.value)
		if err != nil {
			return nil, err
		}
		b.Write(append(appendText(nil, e.name), ':'))
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
