package caddyauthserver

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddyito/caddyito/authapp/directive"
	"github.com/caddyito/caddyito/store"
)

// readSchema reads the option schema:
//
//	schema {
//		object <type> {
//			<field> <type> [<choice>...] [required] [unique] [private] [default <value>]
//		}
//		user {
//			<field> ...
//		}
//	}
//
// where the type of a field is one of store.FieldTypes or the name of an object
// type, declared before or after. A choice that is spelled like an option is
// written in quotes.
func (s *Server) readSchema(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.Errf("schema takes a block, and '%s' is none: schema { user { ... } }", d.Val())
	}
	var schema store.Schema
	declared := map[string]caddyfile.Token{} // by what a store.SchemaError says
	err := directive.Options(d, "schema", []directive.Option{
		{Name: "object", Repeatable: true, Read: func(d *caddyfile.Dispenser) error {
			var t store.ObjectType
			if err := directive.Text(&t.Name)(d); err != nil {
				return err
			}
			declared[t.Name] = d.Token()
			var err error
			t.Fields, err = readFields(d, t.Name, declared)
			schema.Objects = append(schema.Objects, t)
			return err
		}},
		{Name: "user", Read: func(d *caddyfile.Dispenser) (err error) {
			if d.NextArg() {
				return d.ArgErr()
			}
			schema.User, err = readFields(d, store.UserType, declared)
			return err
		}},
	})
	if err != nil {
		return err
	}
	s.DeclaredSchema = &schema
	err = schema.Check()
	if wrong, ok := errors.AsType[*store.SchemaError](err); ok {
		return directive.At(declared[wrong.At], fmt.Errorf("schema: %w", err))
	}
	return err
}

func readFields(d *caddyfile.Dispenser, typ string, declared map[string]caddyfile.Token) (fields []store.Field, err error) {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		declared[typ+"."+d.Val()] = d.Token()
		f := store.Field{Name: d.Val()}
		if !d.NextArg() {
			return nil, d.Errf("schema: %s.%s: say its type, as in: %[2]s text", typ, f.Name)
		}
		f.Type = store.FieldType(d.Val())
		if !slices.Contains(store.FieldTypes, f.Type) {
			f.Type, f.Target = store.Relation, d.Val()
		}
		if err := readFieldOptions(d, typ, &f); err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	return fields, nil
}

func readFieldOptions(d *caddyfile.Dispenser, typ string, f *store.Field) error {
	flags := map[string]*bool{"required": &f.Required, "unique": &f.Unique, "private": &f.Private}
	choosing := f.Type == store.Choice
	for d.NextArg() {
		word := d.Val()
		flag := flags[word]
		option := !d.Token().Quoted() && (flag != nil || word == "default")
		switch {
		case choosing && !option:
			f.Choices = append(f.Choices, word)
			continue
		case flag != nil && *flag || word == "default" && f.Default != "":
			return d.Errf("schema: %s.%s: %s is given twice", typ, f.Name, word)
		case flag != nil:
			*flag = true
		case word == "default":
			if !d.NextArg() || d.Val() == "" {
				return d.Errf("schema: %s.%s: default takes a value", typ, f.Name)
			}
			f.Default = d.Val()
		default:
			return d.Errf("schema: %s.%s: there is no option '%s'; there are: required, unique, private, default <value>", typ, f.Name, word)
		}
		choosing = false
	}
	return nil
}
