package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SchemaState is the schema by which the records of a store are kept.
type SchemaState struct {
	Schema Schema `json:"schema"`
	// Settled: every value of a field that is unique is claimed, so that no
	// second record can have it.
	Settled bool `json:"settled"`
}

// SchemaReader reads the schema that is kept.
type SchemaReader interface {
	// SchemaState returns ErrNotFound before the first was adopted.
	SchemaState() (*SchemaState, error)
}

// SchemaWriter keeps a schema. Callers outside tests use AdoptSchema.
type SchemaWriter interface {
	PutSchemaState(*SchemaState) error
}

// uniqueFields are those of a type that are unique by s, or by the schema that
// the store keeps: while a config is replaced, or where that failed, one that
// knows less of them must not give up what the other claimed.
func uniqueFields(tx SchemaReader, s *Schema, typ string) ([]string, error) {
	kept, err := tx.SchemaState()
	if errors.Is(err, ErrNotFound) {
		return s.uniqueFields(typ), nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	return union(s.uniqueFields(typ), kept.Schema.uniqueFields(typ)), nil
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// AdoptSchema makes s the schema of the store. Records stay as they are: values
// that s does not declare are kept, and what is missing is a matter of reading.
// Only where a field is to be unique that was not, every record that has a value
// is written anew, to claim it; if two have the same, that is an error which
// names them, and nothing changed.
func AdoptSchema(ctx context.Context, st Store, s *Schema) error {
	if err := s.Check(); err != nil {
		return err
	}
	var before *SchemaState
	var doubles []string
	claims := map[string][]string{}
	err := st.View(ctx, func(tx ReadTx) (err error) {
		doubles, claims = nil, map[string][]string{}
		before, err = tx.SchemaState()
		if errors.Is(err, ErrNotFound) {
			before, err = &SchemaState{Settled: true}, nil
		}
		if err != nil {
			return err
		}
		for _, typ := range s.types() {
			if claims[typ] = s.unclaimed(before, typ); len(claims[typ]) == 0 {
				continue
			}
			found, err := findDoubles(tx, s, typ, claims[typ])
			if err != nil {
				return err
			}
			doubles = append(doubles, found...)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading what the schema is about: %w", err)
	}
	if len(doubles) > 0 {
		return fmt.Errorf("schema: %s; give each a value of its own (caddy auth user set, caddy auth object set), or leave unique out", strings.Join(doubles, "; "))
	}
	if before.Settled && before.Schema.Same(s) {
		return nil
	}
	if err := keepSchema(ctx, st, s, false); err != nil {
		return err
	}
	for typ, fields := range claims {
		if len(fields) == 0 {
			continue
		}
		if err := claimValues(ctx, st, s, typ); err != nil {
			// Who has what now is as before; so shall the rules be.
			return errors.Join(fmt.Errorf("schema: making the values of %s unique: %w", typ, err), keepSchema(ctx, st, &before.Schema, false))
		}
	}
	return keepSchema(ctx, st, s, true)
}

func keepSchema(ctx context.Context, st Store, s *Schema, settled bool) error {
	err := st.Update(ctx, func(tx WriteTx) error { return tx.PutSchemaState(&SchemaState{*s, settled}) })
	if err != nil {
		return fmt.Errorf("keeping the schema: %w", err)
	}
	return nil
}

// Same says whether both declare the same.
func (s *Schema) Same(o *Schema) bool {
	a, _ := json.Marshal(s) // of its types it cannot fail
	b, _ := json.Marshal(o)
	return bytes.Equal(a, b)
}

// types are UserType and the object types.
func (s *Schema) types() []string {
	types := []string{UserType}
	for _, t := range s.Objects {
		types = append(types, t.Name)
	}
	return types
}

// unclaimed are the unique fields of a type whose values need not be claimed
// yet.
func (s *Schema) unclaimed(before *SchemaState, typ string) []string {
	return slices.DeleteFunc(s.uniqueFields(typ), func(name string) bool {
		old := before.Schema.field(typ, name)
		return before.Settled && old != nil && old.Unique && old.Type == s.field(typ, name).Type
	})
}

// maxDoubles is how many of the values are named that records share.
const maxDoubles = 5

func findDoubles(tx ReadTx, s *Schema, typ string, fields []string) (doubles []string, err error) {
	owner := map[string]int64{}
	for after := int64(0); ; {
		page, err := recordsAfter(tx, typ, after)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			after = r.id()
			values := s.Read(typ, r.values())
			for _, name := range fields {
				text := values.Text(name)
				if text == "" {
					continue
				}
				key := name + "=" + text
				if first, taken := owner[key]; !taken {
					owner[key] = r.id()
				} else if len(doubles) < maxDoubles {
					doubles = append(doubles, fmt.Sprintf("%s.%s cannot be unique: %s %d and %d both have %q", typ, name, typ, first, r.id(), text))
				}
			}
		}
		if len(page) < recordPage {
			return doubles, nil
		}
	}
}

// claimValues writes the records of a type anew, some in each transaction.
func claimValues(ctx context.Context, st Store, s *Schema, typ string) error {
	for after, more := int64(0), true; more; {
		var upto int64
		err := st.Update(ctx, func(tx WriteTx) error {
			page, err := recordsAfter(tx, typ, after)
			if err != nil {
				return err
			}
			upto, more = after, len(page) == recordPage
			for _, r := range page {
				upto = r.id()
				if err := r.claim(tx, s); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		after = upto
	}
	return nil
}

const recordPage = 500

// someRecord is a user or an object.
type someRecord struct {
	user   *User
	object *Object
}

func recordsAfter(tx interface {
	UserReader
	ObjectReader
}, typ string, after int64) (page []someRecord, err error) {
	if typ == UserType {
		users, err := tx.Users(after, recordPage)
		for _, u := range users {
			page = append(page, someRecord{user: u})
		}
		return page, err
	}
	objects, err := tx.Objects(typ, after, recordPage)
	for _, o := range objects {
		page = append(page, someRecord{object: o})
	}
	return page, err
}

func (r someRecord) id() int64 {
	if r.user != nil {
		return r.user.ID
	}
	return r.object.ID
}

func (r someRecord) values() Fields {
	if r.user != nil {
		return r.user.Fields
	}
	return r.object.Fields
}

// claim writes the record, if it has a unique value, in the form in which the
// schema reads it.
func (r someRecord) claim(tx WriteTx, s *Schema) error {
	typ := UserType
	if r.object != nil {
		typ = r.object.Type
	}
	unique, err := uniqueFields(tx, s, typ)
	if err != nil {
		return err
	}
	values := s.Renew(typ, r.values())
	if !slices.ContainsFunc(unique, func(name string) bool { return values.Text(name) != "" }) {
		return nil
	}
	if r.user != nil {
		r.user.Fields = values
		return tx.PutUser(r.user, unique)
	}
	r.object.Fields = values
	return tx.PutObject(r.object, unique)
}
