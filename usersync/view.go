package usersync

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/caddyito/caddyito/store"
)

// View is what one client is told of users and objects.
type View struct {
	schema *store.Schema
	// visitedAt is the client whose visitors are the users it is told of; "" for
	// all users.
	visitedAt string
	// limited: there is a list of fields, so that of the object types only those
	// count that it leads to.
	limited bool
	fields  map[string]map[string]bool // by type
	id      func() string              // once: who is told of one user needs none
}

// always are the fields of a user that no list leaves out: without a name nobody
// can sign in, and without the other whoever is disabled would stay.
var always = []string{"username", "is_active"}

// listable are the fields that every user has and that a client may be told.
var listable = append([]string{"email", "email_verified", "first_name", "last_name", "groups", "date_joined", "last_login"}, always...)

// unsent are fields of a user that never leave the server, and are dropped by
// who receives them.
var unsent = []string{"is_staff", "is_superuser"}

// Withheld says whether a field of a user never leaves the server.
func Withheld(name string) bool { return slices.Contains(unsent, name) }

// NewView is the view of a client by what it is registered with. Names in its
// list that the schema does not declare (any more) add nothing.
func NewView(schema *store.Schema, clientID string, mode store.SyncMode, list []string) *View {
	v := &View{schema: schema, limited: len(list) > 0, fields: map[string]map[string]bool{}}
	if mode == store.SyncGranted {
		v.visitedAt = clientID
	}
	if v.limited {
		for _, name := range always {
			v.add(store.UserType, name)
		}
		for _, path := range list {
			_ = v.addPath(path) // CheckFields said what is wrong, when it could be mended
		}
	} else {
		for _, name := range listable {
			v.add(store.UserType, name)
		}
		seen := map[string]bool{}
		v.addAll(store.UserType, seen)
		for _, t := range schema.Objects {
			v.addAll(t.Name, seen)
		}
	}
	v.id = sync.OnceValue(v.fingerprint)
	return v
}

// CheckFields says what is wrong with a list of what a client is told:
// "email", "company" (with all that it has and refers to), "company.name".
func CheckFields(schema *store.Schema, list []string) error {
	v := &View{schema: schema, fields: map[string]map[string]bool{}}
	for _, path := range list {
		if err := v.addPath(path); err != nil {
			return err
		}
	}
	return nil
}

func (v *View) add(typ, name string) {
	if v.fields[typ] == nil {
		v.fields[typ] = map[string]bool{}
	}
	if name != "" {
		v.fields[typ][name] = true
	}
}

// addAll adds all fields of a type that are not private, and what they refer to.
// seen are the types that were added so.
func (v *View) addAll(typ string, seen map[string]bool) {
	if seen[typ] {
		return
	}
	seen[typ] = true
	v.add(typ, "")
	for _, f := range v.schema.Fields(typ) {
		if f.Private {
			continue
		}
		v.add(typ, f.Name)
		if f.Type == store.Relation {
			v.addAll(f.Target, seen)
		}
	}
}

func (v *View) addPath(path string) error {
	typ := store.UserType
	names := strings.Split(path, ".")
	for i, name := range names {
		last := i == len(names)-1
		if typ == store.UserType && slices.Contains(listable, name) && last || name == "id" && last {
			if name != "id" { // which a record always has
				v.add(typ, name)
			}
			return nil
		}
		at := slices.IndexFunc(v.schema.Fields(typ), func(f store.Field) bool { return f.Name == name })
		if at < 0 {
			return store.Mistakef("fields: %s: a %s has no field %q that a client can be told; there are %s", path, typ, name, strings.Join(v.known(typ), ", "))
		}
		f := v.schema.Fields(typ)[at]
		switch {
		case f.Private:
			return store.Mistakef("fields: %s: %s.%s is private, which no client is told", path, typ, name)
		case f.Type != store.Relation && !last:
			return store.Mistakef("fields: %s: %s.%s is no relation, so that nothing lies below it", path, typ, name)
		}
		v.add(typ, name)
		if f.Type != store.Relation {
			return nil
		}
		typ = f.Target
		if last {
			v.addAll(typ, map[string]bool{})
		} else {
			v.add(typ, "")
		}
	}
	return nil
}

func (v *View) known(typ string) []string {
	var names []string
	if typ == store.UserType {
		names = slices.Clone(listable)
	}
	for _, f := range v.schema.Fields(typ) {
		if !f.Private {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}

// ID tells views apart: one that shows something else, or in another form, has
// another. A mirror remembers it, and who comes with another fills it anew.
func (v *View) ID() string { return v.id() }

func (v *View) fingerprint() string {
	type shown struct {
		Type     string
		BuiltIn  []string
		Declared []store.Field
	}
	var all []shown
	for _, typ := range slices.Sorted(maps.Keys(v.fields)) {
		s := shown{Type: typ}
		for _, name := range slices.Sorted(maps.Keys(v.fields[typ])) {
			fields := v.schema.Fields(typ)
			at := slices.IndexFunc(fields, func(f store.Field) bool { return f.Name == name })
			if at < 0 {
				s.BuiltIn = append(s.BuiltIn, name)
				continue
			}
			f := fields[at]
			f.Required, f.Unique = false, false // which changes no value
			s.Declared = append(s.Declared, f)
		}
		all = append(all, s)
	}
	text, _ := json.Marshal([]any{v.visitedAt != "", v.limited, all}) // of these types it cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// User are the fields of a user that the client is told.
func (v *View) User(u *store.User) store.Fields {
	read := *u
	read.Fields = v.schema.Read(store.UserType, u.Fields)
	return v.filter(store.UserType, read.Record().Fields)
}

// Object are the fields of an object that the client is told.
func (v *View) Object(o *store.Object) store.Fields {
	return v.filter(o.Type, v.schema.Read(o.Type, o.Fields))
}

func (v *View) filter(typ string, values store.Fields) store.Fields {
	for name := range values {
		if !v.fields[typ][name] {
			delete(values, name)
		}
	}
	return values
}

// whole: the client is told of every row of the feed.
func (v *View) whole() bool { return v.visitedAt == "" && !v.limited }

// tells says whether the client is told of a row of the feed.
func (v *View) tells(tx store.VisitReader, row store.Change) (bool, error) {
	if row.Type != store.UserType {
		return !v.limited || v.fields[row.Type] != nil, nil
	}
	if v.visitedAt == "" {
		return true, nil
	}
	return tx.Visited(v.visitedAt, row.ID)
}

// digest is of what a client should hold that has been told everything. Of a
// view that is not whole it reads the feed from end to end.
func (v *View) digest(tx Reader, feed store.Feed) (store.Digest, error) {
	if v.whole() {
		return feed.Digest, nil
	}
	var d store.Digest
	for after, more := uint64(0), true; more; {
		rows, err := tx.Changes(after, digestPage)
		if err != nil {
			return d, fmt.Errorf("reading the feed: %w", err)
		}
		for _, row := range rows {
			after = row.Seq
			told, err := v.tells(tx, row)
			if err != nil {
				return d, fmt.Errorf("reading who visited %s: %w", v.visitedAt, err)
			}
			if told {
				d.Add(row.Type, strconv.FormatInt(row.ID, 10), row.Seq, row.Deleted)
			}
		}
		more = len(rows) == digestPage
	}
	return d, nil
}

const digestPage = 1000
