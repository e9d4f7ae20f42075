package authapp

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// bringIn imports a list over HTTP, and returns the lines of the answer.
func (a *api) bringIn(query, contentType, list string, wantStatus int) (lines []importStatus, body string) {
	a.t.Helper()
	resp, err := http.Post(a.url+"/auth/import"+query, contentType, strings.NewReader(list))
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != wantStatus {
		a.t.Fatalf("import%s: %d %s, %v; want %d", query, resp.StatusCode, b, err, wantStatus)
	}
	if wantStatus == 200 {
		dec := json.NewDecoder(strings.NewReader(string(b)))
		for dec.More() {
			var s importStatus
			if err := dec.Decode(&s); err != nil {
				a.t.Fatal(err)
			}
			lines = append(lines, s)
		}
	}
	return lines, string(b)
}

// outcome is what the last line says.
func (a *api) outcome(query, list string) *manage.Outcome {
	a.t.Helper()
	lines, body := a.bringIn(query, "text/csv", list, 200)
	if len(lines) == 0 || lines[len(lines)-1].Outcome == nil || lines[len(lines)-1].Error != "" {
		a.t.Fatalf("the answer has no outcome: %s", body)
	}
	return lines[len(lines)-1].Outcome
}

func numbers(o *manage.Outcome) string {
	return fmt.Sprint(o.Created, " ", o.Changed, " ", o.Unchanged, " ", o.Failed)
}

// What goes out comes back, into the same store and into an empty one.
func TestAdminExchange(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/auth/objects/company", `{"name":"Acme, \"Inc\"","primary_activity":"Buyer"}`, 201, nil)
	a.do("POST", "/auth/users", `{"username":"ann","first_name":"=HYPERLINK(1)","last_name":"O'Neill","groups":["b","a"],"company":1,"is_staff":true}`, 201, nil)
	a.do("POST", "/auth/users", `{"username":"bob","email":"bob@example.com","email_verified":true,"language":"fr","is_active":false}`, 201, nil)
	companies, people := a.do("GET", "/auth/export?type=company", "", 200, nil), a.do("GET", "/auth/export", "", 200, nil)
	if !strings.Contains(people, "'=HYPERLINK(1)") || strings.Contains(people, ",=") || strings.Contains(people, "argon2") {
		t.Errorf("the list is\n%s", people)
	}
	if got := numbers(a.outcome("?type=company", companies)) + ", " + numbers(a.outcome("", people)); got != "0 0 1 0, 0 0 2 0" {
		t.Errorf("in the same store: %s", got)
	}
	withoutIDs := func(list string) string {
		rows := strings.Split(list, "\n")
		for i, r := range rows {
			_, rows[i], _ = strings.Cut(r, ",")
		}
		return strings.Join(rows, "\r\n") // and as spreadsheets on Windows write it
	}
	b := newAPI(t)
	if got := numbers(b.outcome("?type=company", "\ufeff"+withoutIDs(companies))) + ", " + numbers(b.outcome("", "\ufeff"+withoutIDs(people))); got != "1 0 0 0, 2 0 0 0" {
		t.Errorf("in an empty store: %s", got)
	}
	var ann, bob store.User
	b.do("GET", "/auth/users/ann", "", 200, &ann)
	b.do("GET", "/auth/users/bob", "", 200, &bob)
	if ann.FirstName != "=HYPERLINK(1)" || ann.LastName != "O'Neill" || fmt.Sprint(ann.Groups) != "[a b]" || !ann.IsStaff || !ann.IsActive || ann.Fields.Text("company") != "1" {
		t.Errorf("ann came back as %+v", ann)
	}
	if bob.IsActive || !bob.EmailVerified || bob.Email != "bob@example.com" || bob.Language != "fr" {
		t.Errorf("bob came back as %+v", bob)
	}
	if got := b.do("GET", "/auth/export?type=company", "", 200, nil); got != companies {
		t.Errorf("the companies are\n%s, were\n%s", got, companies)
	}
	var list []store.User
	b.do("GET", "/auth/export?format=json&search=an", "", 200, &list)
	if len(list) != 1 || list[0].Username != "ann" {
		t.Errorf("found %+v", list)
	}
	var objects []store.Object
	b.do("GET", "/auth/export?format=json&type=company&search=acme", "", 200, &objects)
	if len(objects) != 1 || objects[0].Fields.Text("primary_activity") != "Buyer" {
		t.Errorf("found %+v", objects)
	}
}

// A trial says what would be, line by line, and writes nothing; the answer grows with
// the work.
func TestAdminImportLineByLine(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/auth/users", `{"username":"ann"}`, 201, nil)
	list := "username,email,is_active\nann,ann@example.com,\nbad name,,\neve,nobody,perhaps\n\"two\nlines\",,\neve2,ann@example.com,\nfine,,no\n"
	for i := range 450 {
		list += fmt.Sprintf("u%d,,\n", i)
	}
	before := len(a.audit(""))
	lines, _ := a.bringIn("?dry_run=true", "text/csv", list, 200)
	last := lines[len(lines)-1]
	if len(lines) < 4 || lines[0].Done != 200 || lines[0].Total != 456 || last.Done != 456 || numbers(last.Outcome) != "451 1 0 4" {
		t.Errorf("%d lines, the first %+v, the last %d done, %s", len(lines), lines[0], last.Done, numbers(last.Outcome))
	}
	wrong := map[int]string{}
	for _, l := range last.Outcome.Lines {
		if l.Does == "fail" {
			wrong[l.Line] = fmt.Sprint(l.Problems)
		}
	}
	for line, says := range map[int]string{3: "username: ", 4: "is_active: \"perhaps\"", 5: "username: ", 7: "email: line 2 has the same"} {
		if !strings.Contains(wrong[line], says) {
			t.Errorf("line %d: %q, want %q in it", line, wrong[line], says)
		}
	}
	a.do("GET", "/auth/users/fine", "", 404, nil)
	if got := len(a.audit("")); got != before {
		t.Errorf("the trial left %d records", got-before)
	}
	if o := a.outcome("", list); numbers(o) != "451 1 0 4" {
		t.Errorf("in earnest: %s", numbers(o))
	}
	if o := a.outcome("", list); numbers(o) != "0 0 452 4" {
		t.Errorf("once more: %s", numbers(o))
	}
	var fine store.User
	if a.do("GET", "/auth/users/fine", "", 200, &fine); fine.IsActive {
		t.Error("fine is active")
	}
}

func TestAdminExchangeMistakes(t *testing.T) {
	a := newAPI(t)
	for _, c := range []struct {
		query, contentType, list string
		status                   int
		says                     string
	}{
		{"", "application/x-www-form-urlencoded", "username\neve\n", 415, "text/csv"},
		{"", "text/plain", "username\neve\n", 415, "text/csv"},
		{"", "multipart/form-data; boundary=x", "username\neve\n", 415, "text/csv"},
		{"", "", "username\neve\n", 415, "text/csv"},
		{"", "text/csv", "", 400, "first line"},
		{"", "text/csv", "name\neve\n", 400, "no column"},
		{"", "text/csv", "username;email\neve;x\n", 400, "no column"},
		{"", "text/csv", "username\n\"eve\n", 400, "quote"},
		{"", "text/csv", "username,email\neve\n", 400, "wrong number of fields"},
		{"?type=spaceship", "text/csv", "name\nx\n", 404, "it has: company"},
		{"?type=company", "text/csv", "username\nx\n", 400, "no column"},
		{"?type=company", "text/csv", "primary_activity\nBuyer\n", 400, "name is missing"},
	} {
		if _, body := a.bringIn(c.query, c.contentType, c.list, c.status); !strings.Contains(body, c.says) {
			t.Errorf("%s %q: %s, want %q in it", c.query, c.list, body, c.says)
		}
	}
	for query, says := range map[string]string{
		"?format=xml": "csv or json", "?status=odd": "active, disabled", "?type=company&format=xml": "csv or json", "?type=company&group=x": "neither groups nor a status",
	} {
		if body := a.do("GET", "/auth/export"+query, "", 400, nil); !strings.Contains(body, says) {
			t.Errorf("%s: %s", query, body)
		}
	}
	a.do("GET", "/auth/export?type=spaceship", "", 404, nil)
	if got := len(a.audit("")); got != 0 {
		t.Errorf("mistakes left %d records", got)
	}
}

// Whoever takes a list along is in the log.
func TestAdminExportsAreAudited(t *testing.T) {
	a := newAPI(t)
	a.do("GET", "/auth/export?group=staff", "", 200, nil)
	a.do("GET", "/auth/export?type=company&format=json", "", 200, nil)
	got := strings.Join(a.audit(""), "\n")
	if want := "object.export by operator to company format:>json\nuser.export by operator to  format:>csv group:>staff"; got != want {
		t.Errorf("in the log:\n%s\nwant\n%s", got, want)
	}
}

func TestExchangeCommands(t *testing.T) {
	c := newCLI(t, cliSite)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	companies := file("companies.csv", "\ufeffname,primary_activity\r\nAcme,Buyer\r\n\"Beta \"\"x\"\"\",\r\n")
	if out := c.ok("", "import", companies, "--type", "company", "--dry-run"); !strings.Contains(out, "2 would be created, 0 would be changed") {
		t.Errorf("the trial printed\n%s", out)
	}
	if out := c.ok("", "object", "list", "company"); strings.Contains(out, "Acme") {
		t.Errorf("the trial wrote\n%s", out)
	}
	c.ok("", "import", companies, "--type", "company")
	var outcome manage.Outcome
	if c.json(&outcome, "username,company,first_name\nann,Acme,'=1\n", "import", "-"); numbers(&outcome) != "1 0 0 0" {
		t.Errorf("imported %s", numbers(&outcome))
	}
	out, errs, code := c.try("", "import", file("bad.csv", "username,company\nann,\nbad name,Nobody\n"))
	if code == 0 || !strings.Contains(errs, "there are problems in 1 of 2 lines") || !strings.Contains(out, "line 3") || !strings.Contains(out, "there is no company \"Nobody\"") || !strings.Contains(out, "company: \"1\" -> \"\"") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	if _, errs, code := c.try("", "import", file("none.csv", "nonsense\n")); code == 0 || !strings.Contains(errs, "no column") {
		t.Errorf("%d %s", code, errs)
	}
	if _, errs, code := c.try("", "import", companies, "--type", "spaceship"); code == 0 || !strings.Contains(errs, "it has: company") {
		t.Errorf("%d %s", code, errs)
	}
	if out := c.ok("", "export", "--type", "company"); out != "id,name,primary_activity\n1,Acme,Buyer\n2,\"Beta \"\"x\"\"\",\n" {
		t.Errorf("exported\n%s", out)
	}
	path := filepath.Join(dir, "people.csv")
	if out := c.ok("", "export", path, "--search", "ann"); !strings.Contains(out, "wrote the list to "+path) {
		t.Errorf("it does not say that it is done: %s", out)
	}
	if list, err := os.ReadFile(path); err != nil || !strings.Contains(string(list), ",ann,") || !strings.Contains(string(list), ",'=1,") {
		t.Errorf("exported %s, %v", list, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others read the file: %v, %v", info.Mode(), err)
	}
	if _, errs, code := c.try("", "export", path); code == 0 || !strings.Contains(errs, "is there already, and a list is not written over anything") {
		t.Errorf("a file that is there: %d %s", code, errs)
	}
	missing := filepath.Join(dir, "missing.csv")
	if _, errs, code := c.try("", "export", missing, "--status", "odd"); code == 0 || !strings.Contains(errs, "one of active") {
		t.Errorf("a status that is none: %d %s", code, errs)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("an export that failed left a file")
	}
	var page auditPage
	if c.json(&page, "", "audit", "list", "--action", "user.export"); len(page.Records) != 1 {
		t.Errorf("%d exports of users are in the log", len(page.Records))
	}
}
