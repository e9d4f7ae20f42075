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
	// User are the fields of users besides the built-in ones.
	User []Field `json:"user,omitempty"`
	// Objects are the types of objects. They may relate to each other, also in
	// circles.
	Objects []ObjectType `json:"objects,omitempty"`
}

// ObjectType declares a type of object.
type ObjectType struct {
	// Name is a lower-case letter, then up to 49 of a-z 0-9 _; neither "user" nor
	// that of a field type.
	Name string `json:"name"`
	// Fields of the objects besides id, version and type.
	Fields []Field `json:"fields,omitempty"`
}

// Field declares a field.
type Field struct {
	// Name is a lower-case letter, then up to 49 of a-z 0-9 _.
	Name string `json:"name"`
	// Type is text, integer, decimal, boolean, date, datetime, email, url, choice
	// or relation.
	Type FieldType `json:"type"`
	// Target is the object type that a relation points to.
	Target string `json:"target,omitempty"`
	// Choices are the values of a choice, in order.
	Choices []string `json:"choices,omitempty"`
	// Required: a record without a value is not saved. Records that were there
	// before stay as they are until their next edit.
	Required bool `json:"required,omitempty"`
	// Unique: no two records share a value.
	Unique bool `json:"unique,omitempty"`
	// Private fields never leave the server: gates and apps are not told of them,
	// the admin API shows them.
	Private bool `json:"private,omitempty"`
	// Default is the value of a record that has none, as text.
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

// FieldTypes are all types of fields but Relation.
var FieldTypes = []FieldType{Text, Integer, Decimal, Boolean, Date, DateTime, Email, URL, Choice}

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
	"id", "version", "type", "deleted", "fields", "sub", "name", "caddyito_feed",
	"username", "email", "email_verified", "first_name", "last_name", "groups",
	"is_active", "is_staff", "is_superuser", "date_joined", "last_login", "password",
}

var languageGrammar = regexp.MustCompile(`^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,5})?$`)

var nameGrammar = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

// SchemaError says what is wrong with a declaration.
type SchemaError struct {
	At      string // "user.badge", or an object type
	Problem string
}

func (e *SchemaError) Error() string { return e.At + ": " + e.Problem }

// Check says what is wrong with the schema itself, as a *SchemaError.
func (s *Schema) Check() error {
	types := map[string]bool{UserType: true, string(Relation): true}
	for _, t := range FieldTypes {
		types[string(t)] = true // or a field could be of either
	}
	for _, t := range s.Objects {
		if !nameGrammar.MatchString(t.Name) {
			return &SchemaError{t.Name, "the name of an object type is a lower-case letter, then up to 49 of a-z 0-9 _"}
		}
		if types[t.Name] {
			return &SchemaError{t.Name, "this object type is declared twice, or the name is reserved"}
		}
		types[t.Name] = true
	}
	if err := s.checkFields(UserType); err != nil {
		return err
	}
	for _, t := range s.Objects {
		if err := s.checkFields(t.Name); err != nil {
			return err
		}
	}
	return s.checkBegin()
}

// maxFields is how many a type may have; a mirror takes no record of a thousand.
const maxFields = 500

func (s *Schema) checkFields(typ string) error {
	if n := len(s.Fields(typ)); n > maxFields {
		return &SchemaError{typ, fmt.Sprintf("%d fields are more than %d", n, maxFields)}
	}
	seen := map[string]bool{}
	for _, f := range s.Fields(typ) {
		reserved := slices.Contains(builtIn, f.Name)
		if typ != UserType && f.Name != "id" && f.Name != "version" && f.Name != "type" && f.Name != "deleted" {
			reserved = false
		}
		problem := ""
		switch {
		case !nameGrammar.MatchString(f.Name):
			problem = "the name of a field is a lower-case letter, then up to 49 of a-z 0-9 _"
		case seen[f.Name]:
			problem = "this field is declared twice"
		case reserved:
			problem = "the name is reserved"
		default:
			problem = s.checkField(&f)
		}
		if problem != "" {
			return &SchemaError{typ + "." + f.Name, problem}
		}
		seen[f.Name] = true
	}
	return nil
}

func (s *Schema) checkField(f *Field) string {
	switch {
	case f.Type == Relation && s.Object(f.Target) == nil:
		return fmt.Sprintf("there is no object type %q to relate to; field types are %s", f.Target, typeNames())
	case f.Type != Relation && !slices.Contains(FieldTypes, f.Type):
		return fmt.Sprintf("there is no field type %q; there are %s", f.Type, typeNames())
	case f.Type == Choice && len(f.Choices) == 0:
		return "a choice needs at least one value"
	case f.Type != Choice && len(f.Choices) > 0:
		return "only a choice has values to choose from"
	case f.Default != "" && f.Type == Relation:
		return "a relation has no default, since no object need be there"
	case f.Default != "" && f.Unique:
		return "a unique field has no default, since two records would share it"
	}
	for i, c := range f.Choices {
		if checkText(c, 150) != nil || c == "" || strings.TrimSpace(c) != c {
			return fmt.Sprintf("%q: a choice is 1 to 150 printable characters without surrounding space", c)
		}
		if slices.Contains(f.Choices[:i], c) {
			return fmt.Sprintf("the choice %q is given twice", c)
		}
	}
	if f.Default != "" {
		if _, err := f.Parse(f.Default); err != nil {
			return "default: " + err.Error()
		}
	}
	return ""
}

func typeNames() string {
	var names []string
	for _, t := range FieldTypes {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

// checkBegin refuses relations that are required all around a circle: there
// could be no first object.
func (s *Schema) checkBegin() error {
	possible := map[string]bool{}
	for found := true; found; {
		found = false
		for _, t := range s.Objects {
			if !possible[t.Name] && s.impossible(t, possible) == nil {
				possible[t.Name], found = true, true
			}
		}
	}
	for _, t := range s.Objects {
		if f := s.impossible(t, possible); f != nil {
			return &SchemaError{t.Name + "." + f.Name, fmt.Sprintf("it is required, and so are the relations that lead back from %s, so that no first %s could be made", f.Target, t.Name)}
		}
	}
	return nil
}

// impossible is a required relation of t to what cannot be made, or nil.
func (s *Schema) impossible(t ObjectType, possible map[string]bool) *Field {
	for i, f := range t.Fields {
		if f.Type == Relation && f.Required && !possible[f.Target] {
			return &t.Fields[i]
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

// Target is the object type that a field points to, "" if it is no relation.
func (s *Schema) Target(typ, name string) string {
	for _, f := range s.Fields(typ) {
		if f.Name == name && f.Type == Relation {
			return f.Target
		}
	}
	return ""
}

// CheckUser brings u into its normal form (times in UTC to the microsecond,
// groups sorted) and says everything that is wrong with it.
func (s *Schema) CheckUser(u *User) error {
	var problems []Problem
	bad := func(field string, err error) {
		if err != nil {
			problems = append(problems, ProblemOf(field, err))
		}
	}
	u.Username = strings.TrimSpace(u.Username)
	bad("username", checkUsername(u.Username))
	u.Email = strings.TrimSpace(u.Email)
	if u.Email == "" {
		u.EmailVerified = false
	} else {
		bad("email", checkEmail(u.Email))
	}
	for _, f := range []struct{ name, value string }{{"first_name", u.FirstName}, {"last_name", u.LastName}} {
		bad(f.name, checkText(f.value, 150))
	}
	if !languageGrammar.MatchString(u.Language) {
		bad("language", Mistakef("must be a language tag, such as en or pt-BR"))
	}
	slices.Sort(u.Groups)
	u.Groups = slices.Compact(u.Groups)
	for _, g := range u.Groups {
		bad("groups", CheckGroup(g))
	}
	u.DateJoined, u.LastLogin = normalTime(u.DateJoined), normalTime(u.LastLogin)
	if u.DateJoined.IsZero() {
		bad("date_joined", Mistakef("is missing"))
	}
	u.Fields = s.checkRecordFields(UserType, u.Fields, bad)
	s.checkSize(UserType, Fields{"groups": u.Groups}, u.Fields, bad)
	return invalid(UserType, problems)
}

// CheckGroup says what is wrong with the name of a group.
func CheckGroup(g string) error {
	// A comma would split the group in the Remote-Groups header.
	if checkText(g, 150) != nil || g == "" || strings.TrimSpace(g) != g || strings.Contains(g, ",") {
		return Mistakef("%q: a group is 1 to 150 printable characters without a comma or surrounding space", g)
	}
	return checkNotDots(g)
}

// CheckObject brings o into its normal form and says everything that is wrong
// with it.
func (s *Schema) CheckObject(o *Object) error {
	if s.Object(o.Type) == nil {
		return invalid(o.Type, []Problem{ProblemOf("type", Mistakef("the schema declares no object type %q", o.Type))})
	}
	var problems []Problem
	bad := func(field string, err error) {
		if err != nil {
			problems = append(problems, ProblemOf(field, err))
		}
	}
	o.Fields = s.checkRecordFields(o.Type, o.Fields, bad)
	s.checkSize(o.Type, nil, o.Fields, bad)
	return invalid(o.Type, problems)
}

var errRequired = Mistakef("is required")

func (s *Schema) checkRecordFields(typ string, values Fields, bad func(field string, err error)) Fields {
	out := values.Clone()
	if out == nil {
		out = Fields{}
	}
	for _, f := range s.Fields(typ) {
		v, ok := out[f.Name]
		if !ok {
			v, ok = f.fallback()
		}
		if !ok {
			if f.Required {
				bad(f.Name, errRequired)
			}
			continue
		}
		v, err := f.normal(v)
		if err != nil {
			bad(f.Name, err)
			continue
		}
		if f.Required && v == "" {
			bad(f.Name, errRequired)
		}
		out[f.Name] = v
	}
	return out
}

// maxRecord is how much text a record may hold in all, in bytes: as much as fits
// into a batch of sync, however it is escaped there. One that did not would hold up
// whatever comes after it.
const maxRecord = 500_000

// checkSize names the largest of the fields where they are too large in all.
func (s *Schema) checkSize(typ string, builtIn, values Fields, bad func(field string, err error)) {
	size, most, largest := 0, 0, ""
	count := func(name string, n int) {
		if size += n; n > most {
			most, largest = n, name
		}
	}
	for name := range builtIn {
		count(name, len(builtIn.Text(name)))
	}
	for _, f := range s.Fields(typ) {
		count(f.Name, len(values.Text(f.Name)))
	}
	if size > maxRecord {
		bad(largest, Mistakef("is too long beside the others: a record holds at most %d bytes of text in all", maxRecord))
	}
}

// Read are the values of a record as they are to be read: of fields that the
// schema declares, and with defaults for what is missing. A value from the time
// when its field had another type is read as one of the type it has now, or left
// out if it cannot be.
func (s *Schema) Read(typ string, values Fields) Fields {
	out := Fields{}
	for _, f := range s.Fields(typ) {
		v, ok := values[f.Name]
		if ok {
			var err error
			v, err = f.reread(v)
			ok = err == nil
		}
		if !ok {
			v, ok = f.fallback()
		}
		if ok {
			out[f.Name] = v
		}
	}
	return out
}

// Renew brings the values of a record that is about to be edited up to date
// with the schema, as Read does, and keeps the rest.
func (s *Schema) Renew(typ string, values Fields) Fields {
	out := values.Clone()
	if out == nil {
		out = Fields{}
	}
	maps.Copy(out, s.Read(typ, values))
	return out
}

func sortedNames(f Fields) []string { return slices.Sorted(maps.Keys(f)) }
