package store

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Schema declares the types of objects, and the fields that users and objects
// have besides the built-in ones. Values that no schema declares any more are
// kept as they are and come back when the field does.
type Schema struct {
	User    []Field      `json:"user,omitempty"`
	Objects []ObjectType `json:"objects,omitempty"`
}

// ObjectType declares a type of object.
type ObjectType struct {
	Name   string  `json:"name"`
	Fields []Field `json:"fields,omitempty"`
}

// Field declares a field.
type Field struct {
	Name string    `json:"name"`
	Type FieldType `json:"type"`
	// Target is the object type that a relation points to.
	Target string `json:"target,omitempty"`
	// Choices are the values of a choice, in order.
	Choices  []string `json:"choices,omitempty"`
	Required bool     `json:"required,omitempty"`
	// Unique: no two records share a value.
	Unique bool `json:"unique,omitempty"`
	// Private fields never leave the server.
	Private bool `json:"private,omitempty"`
	// Default is what a new record gets, as text.
	Default string `json:"default,omitempty"`
}

// FieldType says which values a field takes.
type FieldType string

const (
	Text     FieldType = "text"     // up to 10,000 characters
	Integer  FieldType = "integer"  // 64 bits
	Decimal  FieldType = "decimal"  // digits, optional sign and point, up to 40
	Boolean  FieldType = "boolean"  // true or false
	Date     FieldType = "date"     // 2026-11-23
	DateTime FieldType = "datetime" // RFC 3339, kept in UTC
	Email    FieldType = "email"
	URL      FieldType = "url"    // http or https
	Choice   FieldType = "choice" // one of Choices
	Relation FieldType = "relation"
)

// DefaultSchema is the opinionated model: every user may have a company.
func DefaultSchema() *Schema {
	return &Schema{
		User: []Field{{Name: "company", Type: Relation, Target: "company"}},
		Objects: []ObjectType{{Name: "company", Fields: []Field{
			{Name: "name", Type: Text, Required: true},
			{Name: "primary_activity", Type: Choice, Choices: []string{"Buyer", "Seller", "Agent"}},
		}}},
	}
}

// builtIn are the names of User's own fields and of a record's frame.
var builtIn = []string{
	"id", "version", "type", "deleted", "fields", "sub", "name",
	"username", "email", "email_verified", "first_name", "last_name", "groups",
	"is_active", "is_staff", "is_superuser", "date_joined", "last_login", "password",
}

var nameGrammar = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

// Check says what is wrong with the schema itself.
func (s *Schema) Check() error {
	types := map[string]bool{UserType: true}
	for _, t := range s.Objects {
		if !nameGrammar.MatchString(t.Name) {
			return fmt.Errorf("object type %q: a name is a lower-case letter, then up to 49 of a-z 0-9 _", t.Name)
		}
		if types[t.Name] {
			return fmt.Errorf("object type %q is declared twice or reserved", t.Name)
		}
		types[t.Name] = true
	}
	if err := checkFields(UserType, s.User, types); err != nil {
		return err
	}
	for _, t := range s.Objects {
		if err := checkFields(t.Name, t.Fields, types); err != nil {
			return err
		}
	}
	return nil
}

func checkFields(typ string, fields []Field, types map[string]bool) error {
	seen := map[string]bool{}
	for _, f := range fields {
		at := typ + "." + f.Name
		reserved := slices.Contains(builtIn, f.Name)
		if typ != UserType && f.Name != "id" && f.Name != "version" && f.Name != "type" && f.Name != "deleted" {
			reserved = false
		}
		switch {
		case !nameGrammar.MatchString(f.Name):
			return fmt.Errorf("field %s: a name is a lower-case letter, then up to 49 of a-z 0-9 _", at)
		case seen[f.Name]:
			return fmt.Errorf("field %s is declared twice", at)
		case reserved:
			return fmt.Errorf("field %s: the name is reserved", at)
		}
		seen[f.Name] = true
		switch f.Type {
		case Text, Integer, Decimal, Boolean, Date, DateTime, Email, URL:
		case Choice:
			if len(f.Choices) == 0 {
				return fmt.Errorf("field %s: a choice needs at least one value", at)
			}
		case Relation:
			if !types[f.Target] || f.Target == UserType {
				return fmt.Errorf("field %s: there is no object type %q to relate to", at, f.Target)
			}
		default:
			return fmt.Errorf("field %s: there is no field type %q", at, f.Type)
		}
		if f.Default != "" {
			if _, err := f.Parse(f.Default); err != nil {
				return fmt.Errorf("field %s: default: %w", at, err)
			}
		}
	}
	return nil
}

// Object is the declaration of a type, or nil.
func (s *Schema) Object(typ string) *ObjectType {
	for i := range s.Objects {
		if s.Objects[i].Name == typ {
			return &s.Objects[i]
		}
	}
	return nil
}

// Fields are those declared for UserType or an object type.
func (s *Schema) Fields(typ string) []Field {
	if typ == UserType {
		return s.User
	}
	if t := s.Object(typ); t != nil {
		return t.Fields
	}
	return nil
}

func (s *Schema) field(typ, name string) *Field {
	fields := s.Fields(typ)
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i]
		}
	}
	return nil
}

func (s *Schema) uniqueFields(typ string) []string {
	var names []string
	for _, f := range s.Fields(typ) {
		if f.Unique {
			names = append(names, f.Name)
		}
	}
	return names
}

// Problem is what is wrong with one field of a record.
type Problem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// InvalidError names every field that is wrong with a record.
type InvalidError struct {
	Type     string
	Problems []Problem
}

func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		parts[i] = p.Field + ": " + p.Message
	}
	return e.Type + ": " + strings.Join(parts, "; ")
}

func invalid(typ string, problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &InvalidError{Type: typ, Problems: problems}
}

// CheckUser brings u into its normal form (times in UTC to the microsecond,
// groups sorted) and says everything that is wrong with it.
func (s *Schema) CheckUser(u *User) error {
	var problems []Problem
	bad := func(field, format string, args ...any) {
		problems = append(problems, Problem{field, fmt.Sprintf(format, args...)})
	}
	u.Username = strings.TrimSpace(u.Username)
	if msg := checkUsername(u.Username); msg != "" {
		bad("username", "%s", msg)
	}
	u.Email = strings.TrimSpace(u.Email)
	if u.Email == "" {
		u.EmailVerified = false
	} else if err := checkEmail(u.Email); err != nil {
		bad("email", "%v", err)
	}
	for _, f := range []struct{ name, value string }{{"first_name", u.FirstName}, {"last_name", u.LastName}} {
		if msg := checkText(f.value, 150); msg != "" {
			bad(f.name, "%s", msg)
		}
	}
	slices.Sort(u.Groups)
	u.Groups = slices.Compact(u.Groups)
	for _, g := range u.Groups {
		// A comma would split the group in the Remote-Groups header.
		if msg := checkText(g, 150); msg != "" || g == "" || strings.TrimSpace(g) != g || strings.Contains(g, ",") {
			bad("groups", "%q: a group is 1 to 150 printable characters without a comma or surrounding space", g)
		}
	}
	u.DateJoined, u.LastLogin = normalTime(u.DateJoined), normalTime(u.LastLogin)
	if u.DateJoined.IsZero() {
		bad("date_joined", "is missing")
	}
	u.Fields = s.checkRecordFields(UserType, u.Fields, u.ID == 0, bad)
	return invalid(UserType, problems)
}

// CheckObject brings o into its normal form and says everything that is wrong
// with it.
func (s *Schema) CheckObject(o *Object) error {
	if s.Object(o.Type) == nil {
		return invalid(o.Type, []Problem{{"type", fmt.Sprintf("the schema declares no object type %q", o.Type)}})
	}
	var problems []Problem
	o.Fields = s.checkRecordFields(o.Type, o.Fields, o.ID == 0, func(field, format string, args ...any) {
		problems = append(problems, Problem{field, fmt.Sprintf(format, args...)})
	})
	return invalid(o.Type, problems)
}

func (s *Schema) checkRecordFields(typ string, values Fields, isNew bool, bad func(field, format string, args ...any)) Fields {
	out := values.Clone()
	if out == nil {
		out = Fields{}
	}
	for _, f := range s.Fields(typ) {
		v, ok := out[f.Name]
		if !ok && isNew && f.Default != "" {
			v, _ = f.Parse(f.Default) // checked by Schema.Check
			ok = true
		}
		if !ok {
			if f.Required {
				bad(f.Name, "is required")
			}
			continue
		}
		v, err := f.normal(v)
		if err != nil {
			bad(f.Name, "%v", err)
			continue
		}
		if f.Required && v == "" {
			bad(f.Name, "is required")
		}
		out[f.Name] = v
	}
	return out
}

func sortedNames(f Fields) []string { return slices.Sorted(maps.Keys(f)) }
