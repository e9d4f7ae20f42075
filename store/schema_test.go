package store

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSchemaCheck(t *testing.T) {
	if err := DefaultSchema().Check(); err != nil {
		t.Errorf("the default schema: %v", err)
	}
	types := []ObjectType{{Name: "company"}}
	user := func(f Field) *Schema { return &Schema{User: []Field{f}, Objects: types} }
	between := func(a, b Field) *Schema {
		return &Schema{Objects: []ObjectType{{Name: "a", Fields: []Field{a}}, {Name: "b", Fields: []Field{b}}}}
	}
	for want, s := range map[string]*Schema{
		`user.Badge: the name of a field is`:                    user(Field{Name: "Badge", Type: Text}),
		`user.is_superuser: the name is reserved`:               user(Field{Name: "is_superuser", Type: Boolean}),
		`user.a: there is no field type "txt"`:                  user(Field{Name: "a", Type: "txt"}),
		`user.a: a choice needs at least one value`:             user(Field{Name: "a", Type: Choice}),
		`user.a: only a choice has values`:                      user(Field{Name: "a", Type: Text, Choices: []string{"x"}}),
		`user.a: the choice "x" is given twice`:                 user(Field{Name: "a", Type: Choice, Choices: []string{"x", "x"}}),
		`user.a: " x": a choice is`:                             user(Field{Name: "a", Type: Choice, Choices: []string{" x"}}),
		`user.a: there is no object type "x"`:                   user(Field{Name: "a", Type: Relation, Target: "x"}),
		`user.a: there is no object type "user"`:                user(Field{Name: "a", Type: Relation, Target: "user"}),
		`user.a: default: "x" is not an integer`:                user(Field{Name: "a", Type: Integer, Default: "x"}),
		`user.a: a relation has no default`:                     user(Field{Name: "a", Type: Relation, Target: "company", Default: "1"}),
		`user.a: a unique field has no default`:                 user(Field{Name: "a", Type: Integer, Unique: true, Default: "1"}),
		`user.a: this field is declared twice`:                  {User: []Field{{Name: "a", Type: Text}, {Name: "a", Type: Text}}},
		`user: this object type is declared twice, or the name`: {Objects: []ObjectType{{Name: "user"}}},
		`text: this object type is declared twice, or the name`: {Objects: []ObjectType{{Name: "text"}}},
		`A B: the name of an object type is`:                    {Objects: []ObjectType{{Name: "A B"}}},
		`user: 501 fields are more than 500`:                    {User: slices.Repeat([]Field{{Name: "a", Type: Text}}, 501)},
		`company.id: the name`:                                  {Objects: []ObjectType{{Name: "company", Fields: []Field{{Name: "id", Type: Text}}}}},
		`a.b: it is required, and so are the relations that lead back from b, so that no first a could be made`: between(
			Field{Name: "b", Type: Relation, Target: "b", Required: true}, Field{Name: "a", Type: Relation, Target: "a", Required: true}),
	} {
		err := s.Check()
		if _, ok := errors.AsType[*SchemaError](err); !ok || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v; want an error with %q", err, want)
		}
	}
	// Circles are fine, as long as somebody can be first.
	if err := between(Field{Name: "b", Type: Relation, Target: "b", Required: true}, Field{Name: "a", Type: Relation, Target: "a"}).Check(); err != nil {
		t.Errorf("a circle: %v", err)
	}
}

// What a record says is read by the schema of today.
func TestRead(t *testing.T) {
	s := &Schema{User: []Field{
		{Name: "plan", Type: Choice, Choices: []string{"free", "paid"}, Default: "free"},
		{Name: "badge", Type: Integer},
		{Name: "phone", Type: Text, Required: true},
		{Name: "vip", Type: Boolean},
		{Name: "company", Type: Relation, Target: "company"},
	}, Objects: []ObjectType{{Name: "company"}}}
	for _, c := range []struct{ kept, want Fields }{
		{nil, Fields{"plan": "free"}},
		{Fields{"gone": "x"}, Fields{"plan": "free"}},
		{Fields{"plan": "paid", "badge": int64(7)}, Fields{"plan": "paid", "badge": int64(7)}},
		// Values of other types than the fields have now.
		{Fields{"plan": "gold", "badge": "7", "phone": int64(110), "vip": "yes"}, Fields{"plan": "free", "badge": int64(7), "phone": "110", "vip": true}},
		{Fields{"badge": "none", "vip": []string{"a"}, "phone": Ref{"company", 1}}, Fields{"plan": "free"}},
		{Fields{"company": Ref{"firm", 1}}, Fields{"plan": "free"}},
		{Fields{"company": "1"}, Fields{"plan": "free"}},
	} {
		if got := s.Read(UserType, c.kept); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v reads as %v; want %v", c.kept, got, c.want)
		}
	}
	kept := Fields{"gone": "x", "badge": "7", "company": Ref{"firm", 1}}
	if got, want := s.Renew(UserType, kept), (Fields{"gone": "x", "badge": int64(7), "company": Ref{"firm", 1}, "plan": "free"}); !reflect.DeepEqual(got, want) {
		t.Errorf("renewed it is %v; want %v", got, want)
	}
	if kept["badge"] != "7" {
		t.Error("renewing changed what it was given")
	}
}

func TestCheckUser(t *testing.T) {
	s := &Schema{User: []Field{
		{Name: "company", Type: Relation, Target: "company"},
		{Name: "level", Type: Integer, Default: "3"},
		{Name: "since", Type: DateTime},
		{Name: "badge", Type: Text, Required: true},
		{Name: "state", Type: Choice, Choices: []string{"on", "off"}},
		{Name: "price", Type: Decimal},
		{Name: "born", Type: Date},
		{Name: "site", Type: URL},
	}, Objects: []ObjectType{{Name: "company"}}}
	good := func() *User {
		return &User{Username: " ann ", Email: " ann@example.com ", EmailVerified: true, Groups: []string{"b", "a", "b"},
			DateJoined: time.Date(2026, 11, 23, 13, 0, 0, 1999, time.FixedZone("X", 3600)),
			Fields:     Fields{"badge": "7", "since": "2026-11-23T13:00:00+01:00", "old": "kept"}}
	}
	u := good()
	if err := s.CheckUser(u); err != nil {
		t.Fatal(err)
	}
	want := &User{Username: "ann", Email: "ann@example.com", EmailVerified: true, Groups: []string{"a", "b"},
		DateJoined: time.Date(2026, 11, 23, 12, 0, 0, 1000, time.UTC),
		Fields:     Fields{"badge": "7", "since": "2026-11-23T12:00:00Z", "old": "kept", "level": int64(3)}}
	if !reflect.DeepEqual(u, want) {
		t.Errorf("got %+v\nwant %+v", u, want)
	}
	u.Email = ""
	if err := s.CheckUser(u); err != nil || u.EmailVerified {
		t.Errorf("no address is verified: %v", err)
	}
	for field, spoil := range map[string][]func(*User){
		"username": {
			func(u *User) { u.Username = "" }, func(u *User) { u.Username = "a b" }, func(u *User) { u.Username = "a\r\nb" },
			func(u *User) { u.Username = strings.Repeat("x", 151) }, func(u *User) { u.Username = "a\xff" }, func(u *User) { u.Username = "." }, func(u *User) { u.Username = ".." },
		},
		"email": {
			func(u *User) { u.Email = "ann" }, func(u *User) { u.Email = "Ann <ann@example.com>" },
			func(u *User) { u.Email = "a@b.c,d@e.f" }, func(u *User) { u.Email = "a@b.c\r\nBcc: x" },
		},
		"first_name":  {func(u *User) { u.FirstName = "a\nb" }, func(u *User) { u.FirstName = strings.Repeat("x", 151) }},
		"groups":      {func(u *User) { u.Groups = []string{"a,b"} }, func(u *User) { u.Groups = []string{""} }, func(u *User) { u.Groups = []string{"a\n"} }, func(u *User) { u.Groups = []string{".."} }},
		"date_joined": {func(u *User) { u.DateJoined = time.Time{} }},
		"badge":       {func(u *User) { delete(u.Fields, "badge") }, func(u *User) { u.Fields["badge"] = "" }, func(u *User) { u.Fields["badge"] = "a\x00" }, func(u *User) { u.Fields["badge"] = int64(1) }},
		"level":       {func(u *User) { u.Fields["level"] = "3" }},
		"company":     {func(u *User) { u.Fields["company"] = Ref{"person", 1} }, func(u *User) { u.Fields["company"] = "1" }},
		"since":       {func(u *User) { u.Fields["since"] = "yesterday" }},
		"state":       {func(u *User) { u.Fields["state"] = "On" }},
		"price":       {func(u *User) { u.Fields["price"] = "1e5" }, func(u *User) { u.Fields["price"] = "NaN" }},
		"born":        {func(u *User) { u.Fields["born"] = "2026-02-30" }},
		"site":        {func(u *User) { u.Fields["site"] = "javascript:alert(1)" }},
	} {
		for i, spoil := range spoil {
			u := good()
			spoil(u)
			err := s.CheckUser(u)
			invalid, ok := errors.AsType[*InvalidError](err)
			if !ok || !slices.ContainsFunc(invalid.Problems, func(p Problem) bool { return p.Field == field }) {
				t.Errorf("%s %d: %v", field, i, err)
			}
		}
	}
	long := &Schema{Objects: []ObjectType{{Name: "page"}}}
	for i := range 60 {
		f := Field{Name: fmt.Sprint("text", i), Type: Text}
		long.User, long.Objects[0].Fields = append(long.User, f), append(long.Objects[0].Fields, f)
	}
	filled := func(n int) Fields {
		values := Fields{"gone": strings.Repeat("x", 1_000_000)} // not declared any more, so it goes nowhere
		for i := range n {
			values[fmt.Sprint("text", i)] = strings.Repeat("x", 10_000)
		}
		return values
	}
	groups := make([]string, 4000)
	for i := range groups {
		groups[i] = fmt.Sprintf("%0150d", i)
	}
	for field, err := range map[string]error{
		"":       long.CheckObject(&Object{Type: "page", Fields: filled(50)}),
		"text":   long.CheckObject(&Object{Type: "page", Fields: filled(51)}),
		"groups": long.CheckUser(&User{Username: "ann", DateJoined: time.Now(), Groups: groups}),
	} {
		if invalid, ok := errors.AsType[*InvalidError](err); ok != (field != "") || ok && (len(invalid.Problems) != 1 || !strings.HasPrefix(invalid.Problems[0].Field, field) || !strings.Contains(err.Error(), "500000 bytes")) {
			t.Errorf("%q too long: %v", field, err)
		}
	}
	// Every problem is named at once.
	err := s.CheckUser(&User{Username: "a b", Email: "x"})
	if invalid, ok := errors.AsType[*InvalidError](err); !ok || len(invalid.Problems) != 4 {
		t.Errorf("got %v; want username, email, date_joined and badge", err)
	}
}

func TestUserSet(t *testing.T) {
	s := DefaultSchema()
	u := &User{}
	for name, text := range map[string]string{"username": "ann", "groups": "b, a,,", "is_active": "yes", "company": "7", "first_name": "A"} {
		if err := u.Set(s, name, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := &User{Username: "ann", Groups: []string{"b", "a"}, IsActive: true, FirstName: "A", Fields: Fields{"company": Ref{"company", 7}}}
	if !reflect.DeepEqual(u, want) {
		t.Errorf("got %+v; want %+v", u, want)
	}
	if err := u.Set(s, "company", ""); err != nil || len(u.Fields) != 0 {
		t.Errorf("taking a value away: %v, %v", u.Fields, err)
	}
	u.Fields["gone"] = "x"
	if err := u.Set(s, "gone", "y"); err == nil {
		t.Error("a field that is not declared was set")
	}
	if err := u.Set(s, "gone", ""); err != nil || len(u.Fields) != 0 {
		t.Errorf("taking away what is not declared any more: %v, %v", u.Fields, err)
	}
	for name, text := range map[string]string{"id": "1", "version": "1", "nosuch": "x", "is_staff": "maybe", "company": "ACME"} {
		if err := u.Set(s, name, text); err == nil {
			t.Errorf("%s was set to %s", name, text)
		}
	}
}
