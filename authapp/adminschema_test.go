package authapp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

// schemaServer declares a schema.
type schemaServer struct {
	*fakeServer
	schema *store.Schema
}

func (s *schemaServer) Schema() *store.Schema { return s.schema }

// declare makes the schema that of the app, as a reload does.
func (a *api) declare(schema *store.Schema) {
	a.t.Helper()
	fake, ok := a.app.servers[0].(*fakeServer)
	if !ok {
		fake = a.app.servers[0].(*schemaServer).fakeServer
	}
	a.app.servers = []ServerModule{&schemaServer{fake, schema}}
	if err := store.AdoptSchema(a.t.Context(), a.app.Store(), schema); err != nil {
		a.t.Fatal(err)
	}
}

func nations() *store.Schema {
	return &store.Schema{
		User: []store.Field{
			{Name: "company", Type: store.Relation, Target: "company"}, {Name: "badge", Type: store.Integer, Unique: true},
			{Name: "phone", Type: store.Text}, {Name: "plan", Type: store.Choice, Choices: []string{"free", "paid"}, Default: "free"},
			{Name: "height", Type: store.Decimal}, {Name: "vip", Type: store.Boolean}, {Name: "born", Type: store.Date}, {Name: "seen", Type: store.DateTime},
		},
		Objects: []store.ObjectType{
			{Name: "company", Fields: []store.Field{{Name: "name", Type: store.Text, Required: true}, {Name: "country", Type: store.Relation, Target: "country"}}},
			{Name: "country", Fields: []store.Field{{Name: "name", Type: store.Text, Required: true, Unique: true}}},
		},
	}
}

func TestAdminDeclaredTypes(t *testing.T) {
	a := newAPI(t)
	a.declare(nations())
	a.do("POST", "/auth/objects/country", `{"name":"Austria"}`, 201, nil)
	a.do("POST", "/auth/objects/company", `{"name":"Acme","country":1}`, 201, nil)
	var u store.User
	a.do("POST", "/auth/users", `{"username":"ann","company":1,"badge":7,"height":1.80,"vip":true,"born":"2001-02-03","seen":"2026-11-23T12:00:00+01:00"}`, 201, &u)
	for name, want := range map[string]string{"company": "1", "badge": "7", "height": "1.80", "vip": "true", "born": "2001-02-03", "seen": "2026-11-23T11:00:00Z", "plan": "free"} {
		if got := u.Fields.Text(name); got != want {
			t.Errorf("%s is %q; want %q", name, got, want)
		}
	}
	for _, test := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/auth/objects/country", `{"name":"Austria"}`, 409, "name: another country already has name"},
		{"POST", "/auth/users", `{"username":"bob","badge":"7"}`, 409, "badge: another user already has badge"},
		{"POST", "/auth/users", `{"username":"bob","badge":"x"}`, 400, `badge: \"x\" is not an integer`},
		{"POST", "/auth/users", `{"username":"bob","company":9}`, 400, "company: there is no company 9"},
		{"PATCH", "/auth/objects/company/1", `{"country":2}`, 400, "country: there is no country 2"},
		{"PATCH", "/auth/objects/company/1", `{"country":"Atlantis"}`, 400, `country: there is no country \"Atlantis\"`},
		{"PATCH", "/auth/objects/company/1", `{"fields":{"country":"austria"}}`, 200, `"country":{"type":"country","id":1}`},
		{"PATCH", "/auth/users/ann", `{"company":"ACME"}`, 200, `"company":{"type":"company","id":1}`},
		{"POST", "/auth/users", `{"username":"bob","company":"Nobody","badge":"x"}`, 400, `badge: \"x\" is not an integer; company: there is no company \"Nobody\"`},
		{"PATCH", "/auth/users/ann", `{"plan":"gold","born":"yesterday","height":"tall","vip":"perhaps"}`, 400, "born: "},
		{"DELETE", "/auth/objects/country/1", "", 409, "country 1 is referred to by company 1 (country); change"},
		{"DELETE", "/auth/objects/company/1", "", 409, "company 1 is referred to by user 1 (company); change"},
	} {
		if got := a.do(test.method, test.path, test.body, test.status, nil); !strings.Contains(got, test.says) {
			t.Errorf("%s %s %s: %s, want %q in it", test.method, test.path, test.body, got, test.says)
		}
	}
	for i := range 7 {
		a.do("POST", "/auth/users", fmt.Sprintf(`{"username":"u%d","company":1}`, i), 201, nil)
	}
	if got := a.do("DELETE", "/auth/objects/company/1", "", 409, nil); !strings.Contains(got, "user 5 (company) and 3 others") {
		t.Errorf("of eight who refer to it: %s", got)
	}
}

// Users are found by several relations together.
func TestAdminUsersByTwoRelations(t *testing.T) {
	a := newAPI(t)
	schema := nations()
	schema.User = append(schema.User, store.Field{Name: "born_in", Type: store.Relation, Target: "country"})
	a.declare(schema)
	a.do("POST", "/auth/objects/country", `{"name":"Austria"}`, 201, nil)
	a.do("POST", "/auth/objects/country", `{"name":"Belgium"}`, 201, nil)
	a.do("POST", "/auth/objects/company", `{"name":"Acme"}`, 201, nil)
	a.do("POST", "/auth/users", `{"username":"ann","company":1,"born_in":1}`, 201, nil)
	a.do("POST", "/auth/users", `{"username":"bob","company":1,"born_in":2}`, 201, nil)
	for query, want := range map[string]string{
		"where=company=Acme": "ann bob", "where=company=Acme&where=born_in=Austria": "ann", "where=born_in=2&where=company=1": "bob", "where=born_in=2&where=company=1&search=a": "",
	} {
		var page store.UserPage
		a.do("GET", "/auth/users?"+query, "", 200, &page)
		var names []string
		for _, u := range page.Users {
			names = append(names, u.Username)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

// A schema that changes loses nothing, and asks for nothing before an edit.
func TestAdminSchemaChanges(t *testing.T) {
	a := newAPI(t)
	a.declare(nations())
	a.do("POST", "/auth/objects/country", `{"name":"Austria"}`, 201, nil)
	a.do("POST", "/auth/users", `{"username":"ann","phone":"110","badge":7,"plan":"paid"}`, 201, nil)
	show := func() store.Fields {
		var u store.User
		a.do("GET", "/auth/users/ann", "", 200, &u)
		return u.Fields
	}
	less := nations()
	less.User = []store.Field{{Name: "plan", Type: store.Choice, Choices: []string{"free", "gold"}, Default: "free"}, {Name: "desk", Type: store.Text, Required: true}}
	less.Objects = less.Objects[:1]
	less.Objects[0].Fields = less.Objects[0].Fields[:1]
	a.declare(less)
	if got := show(); len(got) != 1 || got["plan"] != "free" {
		t.Errorf("by the new schema ann has %v", got)
	}
	a.do("GET", "/auth/objects/country", "", 404, nil)
	// What became required holds up the next edit, not whoever must be disabled.
	a.do("POST", "/auth/users/ann/disable", "", 200, nil)
	a.do("POST", "/auth/users/ann/enable", "", 200, nil)
	got := a.do("PATCH", "/auth/users/ann", `{"first_name":"Ann"}`, 400, nil)
	if !strings.Contains(got, "desk: is required") {
		t.Errorf("an edit says %s", got)
	}
	a.do("PATCH", "/auth/users/ann", `{"first_name":"Ann","desk":"7","plan":"gold"}`, 200, nil)
	a.declare(nations())
	if got := show(); got["phone"] != "110" || got["badge"] != int64(7) {
		t.Errorf("what was not declared for a while is %v", got)
	}
	a.do("GET", "/auth/objects/country/1", "", 200, nil)

	// Values are read as the type that a field has now.
	other := nations()
	other.User[1] = store.Field{Name: "badge", Type: store.Text}
	other.User[2] = store.Field{Name: "phone", Type: store.Integer}
	a.declare(other)
	if got := show(); got["phone"] != int64(110) || got["badge"] != "7" {
		t.Errorf("of other types they are %v", got)
	}
	a.do("PATCH", "/auth/users/ann", `{"plan":"free"}`, 200, nil)
}

// One store has one schema.
func TestSchemasOfServers(t *testing.T) {
	server := func(s *store.Schema) ServerModule { return &schemaServer{&fakeServer{}, s} }
	other := nations()
	other.User = other.User[1:]
	a := new(App)
	for _, s := range []ServerModule{server(nil), server(nations()), server(nil), server(nations())} {
		if err := a.AddServer(s); err != nil {
			t.Errorf("servers that declare the same or nothing: %v", err)
		}
	}
	if err := a.AddServer(server(other)); err == nil || !strings.Contains(err.Error(), "share one store") {
		t.Errorf("a server that declares another schema: %v", err)
	}
	if !a.Schema().Same(nations()) {
		t.Error("the schema is not what one of them declares")
	}
	if !new(App).Schema().Same(store.DefaultSchema()) {
		t.Error("without a server there is no default")
	}
}
