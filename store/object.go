package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Object is a record of a type that the schema declares, a company say.
type Object struct {
	Type    string `json:"type"`
	ID      int64  `json:"id"`
	Version uint64 `json:"version"`
	Fields  Fields `json:"fields,omitempty"`
}

// ObjectReader reads objects.
type ObjectReader interface {
	Object(ref Ref) (*Object, error)
	// Objects lists up to limit objects of a type with an ID greater than
	// after, by ID.
	Objects(typ string, after int64, limit int) ([]*Object, error)
	// Referrers lists up to limit records that have a relation to ref.
	Referrers(ref Ref, limit int) ([]Referrer, error)
}

// Referrer is a record and the field by which it refers to another.
type Referrer struct {
	Type  string // UserType or an object type
	ID    int64
	Field string
}

func (r Referrer) String() string { return fmt.Sprintf("%s %d (%s)", r.Type, r.ID, r.Field) }

// ObjectWriter writes objects. Callers outside tests use SaveObject and
// RemoveObject, which know the schema.
type ObjectWriter interface {
	// PutObject creates or replaces as PutUser does. IDs count per type.
	PutObject(o *Object, unique []string) error
	// DeleteObject leaves a tombstone in the feed. ErrNotFound if there is
	// none. It does not look at who refers to it; RemoveObject does.
	DeleteObject(ref Ref) error
}

// SaveObject validates o against s, checks that what it refers to exists, and
// writes it. An *InvalidError names every field that is wrong.
func SaveObject(tx interface {
	ObjectReader
	SchemaReader
	ObjectWriter
}, s *Schema, o *Object) error {
	if err := s.CheckObject(o); err != nil {
		return err
	}
	if err := checkRefs(tx, o.Type, o.Fields); err != nil {
		return err
	}
	unique, err := uniqueFields(tx, s, o.Type)
	if err != nil {
		return err
	}
	return tx.PutObject(o, unique)
}

// ReferencedError says that an object cannot be deleted because others refer
// to it.
type ReferencedError struct {
	Ref Ref
	By  []Referrer // the first of them
	// Count says how many there are; past maxReferrers they are not counted.
	Count int
}

// maxReferrers is up to where those are counted who refer to an object.
const maxReferrers = 1000

func (e *ReferencedError) Error() string {
	by := make([]string, len(e.By))
	for i, r := range e.By {
		by[i] = r.String()
	}
	text := strings.Join(by, ", ")
	switch rest := e.Count - len(e.By); {
	case e.Count > maxReferrers:
		text += fmt.Sprintf(" and more than %d others", maxReferrers-len(e.By))
	case rest == 1:
		text += " and 1 other"
	case rest > 1:
		text += fmt.Sprintf(" and %d others", rest)
	}
	return fmt.Sprintf("%s %d is referred to by %s; change or delete those first", e.Ref.Type, e.Ref.ID, text)
}

// RemoveObject deletes the object unless something refers to it, which it says
// by a *ReferencedError.
func RemoveObject(tx interface {
	ObjectReader
	ObjectWriter
}, ref Ref) error {
	by, err := tx.Referrers(ref, maxReferrers+1)
	if err != nil {
		return err
	}
	if len(by) > 0 {
		return &ReferencedError{Ref: ref, By: by[:min(5, len(by))], Count: len(by)}
	}
	return tx.DeleteObject(ref)
}

func checkRefs(tx ObjectReader, typ string, f Fields) error {
	var problems []Problem
	for _, name := range sortedNames(f) {
		ref, ok := f[name].(Ref)
		if !ok {
			continue
		}
		if _, err := tx.Object(ref); errors.Is(err, ErrNotFound) {
			problems = append(problems, ProblemOf(name, Mistakef("there is no %s %s", ref.Type, strconv.FormatInt(ref.ID, 10))))
		} else if err != nil {
			return err
		}
	}
	return invalid(typ, problems)
}
