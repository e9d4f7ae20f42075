package manage

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/store"
)

// Label is what to call an object: its first text.
func Label(s *store.Schema, o *store.Object) string {
	for _, f := range s.Fields(o.Type) {
		if text := o.Fields.Text(f.Name); f.Type == store.Text && text != "" {
			return text
		}
	}
	return o.Type + " " + strconv.FormatInt(o.ID, 10)
}

// ReferrerName is what to call a user or an object that refers to another.
func ReferrerName(tx store.ReadTx, s *store.Schema, r store.Referrer) (string, error) {
	if r.Type == store.UserType {
		u, err := tx.User(r.ID)
		if err != nil {
			return "", err
		}
		return u.Username, nil
	}
	o, err := tx.Object(store.Ref{Type: r.Type, ID: r.ID})
	if err != nil {
		return "", err
	}
	return Label(s, o), nil
}

// Choice is how to write an object so that ResolveRef finds it: "Acme (7)".
func Choice(s *store.Schema, o *store.Object) string {
	return fmt.Sprintf("%s (%d)", Label(s, o), o.ID)
}

var endsWithID = regexp.MustCompile(`^(?:.*\()?([0-9]{1,18})\)?$`)

// maxChoices is how many objects are named where a name is that of several.
const maxChoices = 5

// ResolveRef finds the object that a person means by its ID, as Choice writes it, or
// by its name or how that begins. An error says, in words that follow the name of
// the field, that there is none or which there are.
func ResolveRef(tx store.ReadTx, s *store.Schema, typ, text string) (store.Ref, error) {
	text = strings.TrimSpace(text)
	if m := endsWithID.FindStringSubmatch(text); m != nil {
		id, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return store.Ref{}, err
		}
		ref := store.Ref{Type: typ, ID: id}
		if _, err := tx.Object(ref); !errors.Is(err, store.ErrNotFound) {
			return ref, err
		}
		if strings.Trim(text, "0123456789") == "" {
			return store.Ref{}, store.Mistakef("there is no %s %s", typ, m[1])
		}
	}
	page, err := tx.SearchObjects(store.ObjectQuery{Type: typ, Prefix: text, Limit: 50})
	if err != nil {
		return store.Ref{}, err
	}
	var exact []*store.Object
	for _, o := range page.Objects {
		if store.CanonicalName(Label(s, o)) == store.CanonicalName(text) {
			exact = append(exact, o)
		}
	}
	found := page.Objects
	if len(exact) > 0 {
		found = exact
	}
	switch {
	case len(found) == 0:
		return store.Ref{}, store.Mistakef("there is no %s %q", typ, text)
	case len(found) == 1 && (len(exact) == 1 || page.Next == ""):
		return store.Ref{Type: typ, ID: found[0].ID}, nil
	}
	var names []string
	for _, o := range found[:min(len(found), maxChoices)] {
		names = append(names, Choice(s, o))
	}
	return store.Ref{}, store.Mistakef("there are several: %s", strings.Join(names, ", "))
}
