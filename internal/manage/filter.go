package manage

import "github.com/caddyito/caddyito/store"

// FilterFields are the fields by which a list is filtered: relations, and of objects
// choices, too.
func FilterFields(s *store.Schema, typ string) (fields []store.Field) {
	for _, f := range s.Fields(typ) {
		if f.Type == store.Relation || f.Type == store.Choice && typ != store.UserType {
			fields = append(fields, f)
		}
	}
	return fields
}

// FilterValue reads what a field is to have, a relation as ResolveRef does. An error
// says what is wrong, in words that follow the name of the field.
func FilterValue(tx store.ReadTx, s *store.Schema, f store.Field, text string) (any, error) {
	if f.Type == store.Relation {
		return ResolveRef(tx, s, f.Target, text)
	}
	return f.Parse(text)
}
