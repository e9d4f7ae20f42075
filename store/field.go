package store

import (
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var decimalGrammar = regexp.MustCompile(`^[+-]?[0-9]{1,30}(\.[0-9]{1,10})?$`)

// Parse reads a value as a person writes it: on the command line, in a form.
func (f *Field) Parse(text string) (any, error) {
	switch f.Type {
	case Integer:
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return nil, Mistakef("%q is not an integer", text)
		}
		return n, nil
	case Boolean:
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "true", "yes", "on", "1":
			return true, nil
		case "false", "no", "off", "0":
			return false, nil
		}
		return nil, Mistakef("%q is neither true nor false", text)
	case Relation:
		id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return nil, Mistakef("%q is not the id of a %s", text, f.Target)
		}
		return Ref{Type: f.Target, ID: id}, nil
	}
	return f.normal(text)
}

// fallback is the default.
func (f *Field) fallback() (v any, ok bool) {
	if f.Default == "" {
		return nil, false
	}
	v, err := f.Parse(f.Default)
	return v, err == nil // as Schema.Check saw to
}

// reread is v, or what it says in the field's type if it was of another. An id
// means something only among objects of its type, so no relation comes of it.
func (f *Field) reread(v any) (any, error) {
	same, err := f.normal(v)
	if err == nil || f.Type == Relation {
		return same, err
	}
	switch v.(type) {
	case string, int64, bool:
		return f.Parse(Fields{f.Name: v}.Text(f.Name))
	}
	return nil, err
}

// normal is v in the form in which it is kept, if it is of the field's type.
func (f *Field) normal(v any) (any, error) {
	switch f.Type {
	case Integer:
		if _, ok := v.(int64); !ok {
			return nil, Mistakef("must be an integer")
		}
		return v, nil
	case Boolean:
		if _, ok := v.(bool); !ok {
			return nil, Mistakef("must be true or false")
		}
		return v, nil
	case Relation:
		if r, ok := v.(Ref); !ok || r.Type != f.Target {
			return nil, Mistakef("must refer to a %s", f.Target)
		}
		return v, nil
	}
	s, ok := v.(string)
	if !ok {
		return nil, Mistakef("must be text")
	}
	if f.Type != Text {
		s = strings.TrimSpace(s)
		if s == "" && !f.Required {
			return s, nil
		}
	}
	switch f.Type {
	case Text:
		if err := checkText(s, 10_000); err != nil {
			return nil, err
		}
	case Decimal:
		if !decimalGrammar.MatchString(s) {
			return nil, Mistakef("%q is not a decimal number with at most 30 digits before and 10 after the point", s)
		}
	case Date:
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return nil, Mistakef("%q is not a date as in 2026-11-23", s)
		}
	case DateTime:
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return nil, Mistakef("%q is not a time as in 2026-11-23T18:30:00Z", s)
		}
		s = normalTime(t).Format(time.RFC3339Nano)
	case Email:
		if err := checkEmail(s); err != nil {
			return nil, err
		}
	case URL:
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || checkText(s, 2000) != nil {
			return nil, Mistakef("%q is not an http or https URL", s)
		}
	case Choice:
		if !slices.Contains(f.Choices, s) {
			return nil, Mistakef("%q is not one of %s", s, strings.Join(f.Choices, ", "))
		}
	}
	return s, nil
}

// Set changes a field of u by its JSON name, built-in or of the schema, from
// text as a person writes it. Groups are separated by commas. Empty text takes
// the value away, also one that the schema does not declare any more. The id, version and times cannot be set.
// Another email is not verified, so email_verified is set after it.
func (u *User) Set(s *Schema, name, text string) error {
	str := map[string]*string{
		"username": &u.Username, "email": &u.Email, "first_name": &u.FirstName, "last_name": &u.LastName, "language": &u.Language,
	}
	flag := map[string]*bool{
		"email_verified": &u.EmailVerified, "is_active": &u.IsActive, "is_staff": &u.IsStaff, "is_superuser": &u.IsSuperuser,
	}
	if name == "email" && CanonicalName(text) != CanonicalName(u.Email) {
		u.EmailVerified = false
	}
	if p := str[name]; p != nil {
		*p = text
		return nil
	}
	if p := flag[name]; p != nil {
		v, err := (&Field{Type: Boolean}).Parse(text)
		if err != nil {
			return invalid(UserType, []Problem{ProblemOf(name, err)})
		}
		*p = v.(bool)
		return nil
	}
	if name == "groups" {
		u.Groups = nil
		for g := range strings.SplitSeq(text, ",") {
			if g = strings.TrimSpace(g); g != "" {
				u.Groups = append(u.Groups, g)
			}
		}
		return nil
	}
	if u.Fields == nil {
		u.Fields = Fields{}
	}
	return s.setField(UserType, u.Fields, name, text)
}

// Set changes a field of o from text as a person writes it. Empty text takes
// the value away, also one that the schema does not declare any more.
func (o *Object) Set(s *Schema, name, text string) error {
	if o.Fields == nil {
		o.Fields = Fields{}
	}
	return s.setField(o.Type, o.Fields, name, text)
}

func (s *Schema) setField(typ string, values Fields, name, text string) error {
	f := s.field(typ, name)
	if _, kept := values[name]; f == nil && kept && text == "" {
		delete(values, name)
		return nil
	}
	if f == nil {
		var known []string
		if typ == UserType {
			known = []string{"username", "email", "email_verified", "first_name", "last_name", "language", "groups", "is_active", "is_staff", "is_superuser"}
		}
		for _, f := range s.Fields(typ) {
			known = append(known, f.Name)
		}
		return invalid(typ, []Problem{ProblemOf(name, Mistakef("there is no such field; there are %s", strings.Join(known, ", ")))})
	}
	if text == "" {
		delete(values, name)
		return nil
	}
	v, err := f.Parse(text)
	if err != nil {
		return invalid(typ, []Problem{ProblemOf(name, err)})
	}
	values[name] = v
	return nil
}

func normalTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

func checkUsername(s string) error {
	if n := utf8.RuneCountInString(s); n < 1 || n > 150 {
		return Mistakef("must have 1 to 150 characters")
	}
	for _, c := range s {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("@.+-_", c) {
			return Mistakef("may hold letters, digits and @ . + - _ only")
		}
	}
	return checkNotDots(s)
}

// checkNotDots refuses names that no URL can have as a segment (RFC 3986 section
// 5.2.4): whatever is asked of them would be asked of what stands above.
func checkNotDots(s string) error {
	if s == "." || s == ".." {
		return Mistakef("%q cannot be a name, since it means something else in URLs", s)
	}
	return nil
}

func checkEmail(s string) error {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 || checkText(s, 254) != nil || strings.ContainsAny(s, " ,;<>\"") {
		return Mistakef("%q is not an e-mail address", s)
	}
	return nil
}

// checkText refuses what would not survive in a header, a log line or JSON.
func checkText(s string, limit int) error {
	if !utf8.ValidString(s) {
		return Mistakef("is not valid UTF-8")
	}
	if utf8.RuneCountInString(s) > limit {
		return Mistakef("is longer than %d characters", limit)
	}
	for _, c := range s {
		if unicode.IsControl(c) {
			return Mistakef("holds a control character")
		}
	}
	return nil
}
