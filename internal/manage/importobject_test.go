package manage_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// withPlants has companies that belong to companies, and plants that have a unique
// code besides their name.
func withPlants(m *manage.Manager) {
	m.Schema = &store.Schema{Objects: []store.ObjectType{
		{Name: "company", Fields: []store.Field{
			{Name: "name", Type: store.Text, Required: true}, {Name: "parent", Type: store.Relation, Target: "company"},
			{Name: "kind", Type: store.Choice, Choices: []string{"Buyer", "Seller"}}, {Name: "active", Type: store.Boolean},
		}},
		{Name: "plant", Fields: []store.Field{
			{Name: "name", Type: store.Text}, {Name: "code", Type: store.Text, Unique: true}, {Name: "number", Type: store.Integer, Unique: true},
		}},
		{Name: "stay", Fields: []store.Field{{Name: "nights", Type: store.Integer}}},
	}}
}

// bringInObjects imports a list of objects.
func bringInObjects(t *testing.T, m *manage.Manager, by manage.Actor, typ, text string, dry bool) *manage.Outcome {
	t.Helper()
	l, err := manage.ReadCSV(strings.NewReader(text), m.Schema, typ)
	if err != nil {
		t.Fatal(err)
	}
	o, err := m.Import(t.Context(), by, l, dry, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// said are the lines of an outcome, and the numbers before them.
func said(o *manage.Outcome) string {
	text := fmt.Sprintln(o.Created, o.Changed, o.Unchanged, o.Failed)
	for _, l := range o.Lines {
		text += fmt.Sprintln(l)
	}
	return text
}

func objects(t *testing.T, m *manage.Manager, typ string) (list []*store.Object) {
	t.Helper()
	if err := m.Store.View(t.Context(), func(tx store.ReadTx) (err error) {
		list, err = tx.Objects(typ, 0, 1000)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestImportObjects(t *testing.T) {
	m, people := newManager(t)
	withPlants(m)
	staff := manage.Actor{UserID: people["staff"].ID}
	for _, name := range []string{"Acme", "Twin", "Twin"} {
		if _, err := m.CreateObject(t.Context(), staff, &store.Object{Type: "company", Fields: store.Fields{"name": name}}); err != nil {
			t.Fatal(err)
		}
	}
	list := "\ufeffName,parent,kind,active\r\n" +
		"acme,,Buyer,true\r\n" + // is there, whatever its case
		"\"Beta, \"\"the\"\" best\",Acme,Seller,\r\n" +
		"Gamma,Beta,,\r\n" + // a line above
		"Twin,,Buyer,\r\n" +
		"Delta,Nobody,Thief,perhaps\r\n" +
		"BETA, \"the\" best,,,\r\n"
	list = strings.Replace(list, "BETA, \"the\" best,,,", "\"BETA, \"\"the\"\" best\",,,", 1)
	list += ",,,\r\n"
	want := []string{
		"2 1 0 4\n", "{2 acme change [{name Acme acme} {kind  Buyer} {active  true}] []}", "{3 Beta, \"the\" best create", "{4 Gamma create [{name  Gamma} {parent  ",
		"{5 Twin fail [] [name: there are several: Twin (2), Twin (3)]}", "parent: there is no company \"Nobody\"", "kind: ", "active: \"perhaps\"",
		"{7 BETA, \"the\" best fail [] [name: line 3 has the same]}", "{8  fail [] [name: ",
	}
	for _, dry := range []bool{true, false} {
		got := said(bringInObjects(t, m, staff, "company", list, dry))
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("dry %v: it does not say %q:\n%s", dry, w, got)
			}
		}
		if dry && (len(objects(t, m, "company")) != 3 || objects(t, m, "company")[0].Fields.Text("name") != "Acme") {
			t.Fatal("the trial wrote something")
		}
	}
	all := objects(t, m, "company")
	if len(all) != 5 || all[0].Fields.Text("kind") != "Buyer" || all[3].Fields["parent"] != (store.Ref{Type: "company", ID: 1}) || all[4].Fields["parent"] != (store.Ref{Type: "company", ID: all[3].ID}) {
		t.Errorf("there are %v", all)
	}
	// By their ids, those with the same name are told apart.
	if got := said(bringInObjects(t, m, staff, "company", "id,name,kind\n2,Twin,Seller\n3,Twin,\n99,X,\nx,X,\n", false)); !strings.HasPrefix(got, "0 1 1 2\n") ||
		!strings.Contains(got, "id: there is no company 99") || !strings.Contains(got, "id: \"x\" is no number") {
		t.Errorf("by ids:\n%s", got)
	}
	// A type is told apart by what is unique, before its name.
	if got := said(bringInObjects(t, m, staff, "plant", "name,code,number\nNorth,N,1\nNorth,S,2\nSouth,s,3\nWest,W,1\n", false)); !strings.HasPrefix(got, "2 0 0 2\n") ||
		!strings.Contains(got, "code: line 3 has the same") || !strings.Contains(got, "number: line 2 has the same") {
		t.Errorf("by what is unique:\n%s", got)
	}
	if got := said(bringInObjects(t, m, staff, "plant", "code,name,number\nN,Northern,\nE,East,2\n", false)); !strings.HasPrefix(got, "0 1 0 1\n") || !strings.Contains(got, "number") {
		t.Errorf("by what is unique, again:\n%s", got)
	}
	// One that is called nothing is always something new.
	if got := said(bringInObjects(t, m, staff, "stay", "nights\n3\n3\n", false)); !strings.HasPrefix(got, "2 0 0 0\n") {
		t.Errorf("what is called nothing:\n%s", got)
	}
}

func TestObjectsAreBroughtInByWhoAdministers(t *testing.T) {
	m, people := newManager(t)
	for _, who := range []string{"person", "disabledstaff"} {
		l, err := manage.ReadCSV(strings.NewReader("name\nAcme\n"), m.Schema, "company")
		if err != nil {
			t.Fatal(err)
		}
		by := manage.Actor{UserID: people[who].ID}
		if _, err := m.Import(t.Context(), by, l, false, func(int) {}); !errors.Is(err, manage.ErrNotAllowed) {
			t.Errorf("%s brings in a list: %v", who, err)
		}
		if _, err := m.ExportObjects(t.Context(), by, "csv", store.ObjectQuery{Type: "company"}); !errors.Is(err, manage.ErrNotAllowed) {
			t.Errorf("%s takes objects along: %v", who, err)
		}
		if _, err := m.ExportUsers(t.Context(), by, "csv", store.UserQuery{}); !errors.Is(err, manage.ErrNotAllowed) {
			t.Errorf("%s takes users along: %v", who, err)
		}
	}
	if n := len(objects(t, m, "company")); n != 0 {
		t.Errorf("there are %d objects", n)
	}
}

func TestAListOfObjectsThatIsNone(t *testing.T) {
	m, _ := newManager(t)
	withPlants(m)
	for text, say := range map[string]string{
		"": "first line", "nights\n1\n": `no column "nights"`, "name,NAME\n": "twice", "kind\nBuyer\n": "column name is missing",
		"name,kind\nx\n": "wrong number of fields", "name\n\xff\n": "not UTF-8", "name,password_hash\n": `no column "password_hash"`, "name,version\n": `no column "version"`,
	} {
		if _, err := manage.ReadCSV(strings.NewReader(text), m.Schema, "company"); !errors.Is(err, manage.ErrBadList) || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: %v; want %q", text, err, say)
		}
	}
}

// What is exported and brought in again is the same, page after page; no cell is a
// formula.
func TestExportedObjectsComeBack(t *testing.T) {
	m, _ := newManager(t)
	withPlants(m)
	odd := []string{"=1+1", "+1", "-1", "@x", "'=1", "a\"b", "a,b;c", "same", "same"}
	for i := range 1200 {
		name := fmt.Sprintf("company %d", i)
		if i < len(odd) {
			name = odd[i]
		}
		fields := store.Fields{"name": name, "active": i%2 == 0}
		if i > 0 {
			fields["parent"] = store.Ref{Type: "company", ID: int64(i)}
		}
		if _, err := m.CreateObject(t.Context(), manage.Actor{}, &store.Object{Type: "company", Fields: fields}); err != nil {
			t.Fatal(err)
		}
	}
	write := func(format, search string) string {
		var out bytes.Buffer
		e, err := m.ExportObjects(t.Context(), manage.Actor{}, format, store.ObjectQuery{Type: "company", Prefix: search})
		if err == nil {
			err = e.Write(t.Context(), &out)
		}
		if err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	list := write("csv", "")
	for _, start := range []string{"=", "+", "-", "@"} {
		if strings.Contains(list, ","+start) || strings.Contains(list, ",\""+start) || strings.Contains(list, "\n"+start) {
			t.Errorf("a cell begins with %q", start)
		}
	}
	if o := bringInObjects(t, m, manage.Actor{}, "company", list, false); o.Unchanged != 1200 || o.Failed+o.Changed+o.Created != 0 {
		t.Errorf("what comes back is not what went out: %s", said(o))
	}
	if list := write("json", "company 11"); strings.Count(list, `"name"`) != 111 || !strings.HasSuffix(list, "}\n]\n") {
		t.Errorf("the search finds %d", strings.Count(list, `"name"`))
	}
	if list := write("json", "nothing"); list != "[\n]\n" {
		t.Errorf("nothing is %q", list)
	}
	if _, err := m.ExportObjects(t.Context(), manage.Actor{}, "xml", store.ObjectQuery{Type: "company"}); !errors.Is(err, manage.ErrFormat) {
		t.Errorf("no format: %v", err)
	}
}
