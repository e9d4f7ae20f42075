package admin_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// upload posts a list of users.
func (b *browser) upload(token, list string) *answer {
	b.t.Helper()
	return b.uploadTo("/o/admin/users/import", token, list)
}

func (b *browser) uploadTo(path, token, list string) *answer {
	b.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	m.WriteField("csrf", token)
	f, err := m.CreateFormFile("file", "users.csv")
	if err != nil {
		b.t.Fatal(err)
	}
	f.Write([]byte(list))
	m.Close()
	return b.do("POST", path, m.FormDataContentType(), &body)
}

// finished is the page of a job that is done.
func (b *browser) finished(a *answer) *answer {
	b.t.Helper()
	if a.StatusCode != 303 {
		b.t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	for range 2000 {
		page := b.get(a.Header.Get("Location"))
		if page.Header.Get("Refresh") == "" {
			return page
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatal("it does not finish")
	return nil
}

func TestAListIsTriedAndThenBroughtIn(t *testing.T) {
	s := newServer(t)
	b := s.as("sam")
	token := b.get("/o/admin/users/import").form().Get("csrf")
	a := b.upload(token, "username,email,first_name\neve,eve@example.com,<b>Eve\nada,ada@example.com,Augusta\nroot,,Evil\nbad name,,\n")
	trial := b.finished(a)
	for _, want := range []string{"Would be created", "first_name: <del>Ada</del> <ins>Augusta</ins>", "you may not do this", "letters, digits", `id="import-submit"`} {
		if !strings.Contains(trial.body, want) {
			t.Errorf("the trial does not say %q: %s", want, trial.body)
		}
	}
	if s.user("eve") != nil || s.user("ada").FirstName != "Ada" {
		t.Fatal("the trial wrote something")
	}
	if a := s.as("sue").post(a.Header.Get("Location"), trial.form()); a.StatusCode == 303 {
		t.Error("somebody else brings it in")
	}
	done := b.finished(b.post(a.Header.Get("Location"), trial.form()))
	if u := s.user("eve"); u == nil || u.FirstName != "<b>Eve" || s.user("ada").FirstName != "Augusta" || s.user("root").FirstName != "" {
		t.Errorf("it was not brought in: %s", done.body)
	}
	if strings.Contains(done.body, "import-submit") || b.post(a.Header.Get("Location"), trial.form()).StatusCode != 404 {
		t.Error("it can be brought in twice")
	}
}

func TestAListThatCannotBeRead(t *testing.T) {
	s := newServer(t)
	b := s.as("sam")
	token := b.get("/o/admin/users/import").form().Get("csrf")
	for list, say := range map[string]string{"": "Choose a file.", "name\nx\n": "no column", "username\n\xff\n": "UTF-8"} {
		if a := b.upload(token, list); a.StatusCode != 422 || !strings.Contains(a.body, say) {
			t.Errorf("%q: %d without %q", list, a.StatusCode, say)
		}
	}
	if a := b.upload("", "username\neve\n"); a.StatusCode != 403 {
		t.Errorf("without a token: %d", a.StatusCode)
	}
	if a := b.upload(token, strings.Repeat("x", 33<<20)); a.StatusCode != 413 {
		t.Errorf("too large: %d", a.StatusCode)
	}
	s.clock.add(16 * time.Minute)
	if a := b.get("/o/admin/users/import"); a.StatusCode != 303 {
		t.Errorf("long after signing in: %d", a.StatusCode)
	}
}

// A list can make superusers and give them passwords: a browser that was left open
// brings none in, however it came by the token of a form.
func TestAListIsBroughtInByWhoSignedInLately(t *testing.T) {
	s := newServer(t)
	b := s.as("root")
	s.clock.add(16 * time.Minute)
	trial := b.upload(b.get("/o/admin/users").form().Get("csrf"), "username,is_superuser,password_hash\nada,true,\""+everyonesHash()+"\"\n")
	form := b.finished(trial).form()
	page := trial.Header.Get("Location")
	a := b.post(page, form)
	if a.StatusCode != 303 || a.location().Path != "/o/login" {
		t.Errorf("it is brought in: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	a = b.post("/o/login", b.get(a.Header.Get("Location")).form("username", "root", "password", everyonesPassword))
	if s.user("ada").IsSuperuser {
		t.Fatal("it made a superuser")
	}
	if a.Header.Get("Location") != s.url+page {
		t.Errorf("after signing in: %s", a.Header.Get("Location"))
	}
	if b.finished(b.post(page, b.get(page).form())); !s.user("ada").IsSuperuser {
		t.Error("it does not wait for who brings it in")
	}
}

func TestExport(t *testing.T) {
	s := newServer(t)
	b := s.as("sam")
	a := b.get("/o/admin/users/export?format=csv&q=ada")
	if a.Header.Get("Content-Type") != "text/csv; charset=utf-8" || a.Header.Get("Content-Disposition") != `attachment; filename="users.csv"` ||
		strings.Count(a.body, "\n") != 2 || !strings.Contains(a.body, "ada@example.com") {
		t.Errorf("%v %s", a.Header, a.body)
	}
	list := b.get("/o/admin/users?q=ada&status=active").body
	for _, want := range []string{`href="/o/admin/users/export?format=csv&amp;q=ada&amp;status=active"`, `href="/o/admin/users/export?format=json&amp;q=ada&amp;status=active"`} {
		if !strings.Contains(list, want) {
			t.Errorf("what is listed cannot be taken away by %s:\n%s", want, list)
		}
	}
	if a := b.get("/o/admin/users/export?format=json"); a.Header.Get("Content-Type") != "application/json" || strings.Count(a.body, `"username"`) != 6 || strings.Contains(a.body, "argon2") {
		t.Errorf("%v %s", a.Header, a.body)
	}
	for _, path := range []string{"/o/admin/users/export", "/o/admin/users/export?format=xml"} {
		if a := b.get(path); a.StatusCode != 404 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	if a := s.as("ada").get("/o/admin/users/export?format=csv"); a.StatusCode != 403 {
		t.Errorf("everybody may: %d", a.StatusCode)
	}
	s.clock.add(16 * time.Minute)
	if a := b.get("/o/admin/users/export?format=csv"); a.StatusCode != 303 {
		t.Errorf("long after signing in: %d", a.StatusCode)
	}
}

func TestAListOfObjectsIsTriedAndThenBroughtIn(t *testing.T) {
	s := newServer(t)
	s.addCompany("Acme")
	b := s.as("sam")
	if l := b.get("/o/admin/objects/company"); !strings.Contains(l.body, `href="/o/admin/objects/company/import"`) || !strings.Contains(l.body, "/o/admin/objects/company/export?format=csv") {
		t.Error("the list leads to neither import nor export")
	}
	page := b.get("/o/admin/objects/company/import")
	for _, want := range []string{"Import: Company", "<code>primary_activity</code>", "<bdi>name</bdi>", `action="/o/admin/objects/company/import"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the form does not say %q", want)
		}
	}
	if strings.Contains(page.body, "password_hash") {
		t.Error("the form speaks of passwords")
	}
	a := b.uploadTo("/o/admin/objects/company/import", page.form().Get("csrf"), "name,primary_activity\nacme,Buyer\n<b>Beta,Seller\nGamma,Thief\n")
	trial := b.finished(a)
	for _, want := range []string{"Import: Company: trial", "primary_activity: <del></del> <ins>Buyer</ins>", "&lt;b&gt;Beta", "Gamma", `id="import-submit"`, `aria-current="page"`} {
		if !strings.Contains(trial.body, want) {
			t.Errorf("the trial does not say %q: %s", want, trial.body)
		}
	}
	if s.company(2) != nil || s.company(1).Fields.Text("primary_activity") != "" {
		t.Fatal("the trial wrote something")
	}
	b.finished(b.post(a.Header.Get("Location"), trial.form()))
	if o := s.company(2); o == nil || o.Fields.Text("name") != "<b>Beta" || s.company(1).Fields.Text("primary_activity") != "Buyer" || s.company(3) != nil {
		t.Errorf("it was not brought in: %+v", o)
	}
	out := b.get("/o/admin/objects/company/export?format=csv&q=ac")
	if out.body != "id,name,primary_activity\n1,acme,Buyer\n" || out.Header.Get("Content-Disposition") != `attachment; filename="company.csv"` {
		t.Errorf("%v %q", out.Header, out.body)
	}
	if out := b.get("/o/admin/objects/company/export?format=json"); strings.Count(out.body, `"id"`) != 2 || out.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%v %q", out.Header, out.body)
	}
}

// Whoever may not administer, did not see the form, or signed in long ago brings in
// and takes along nothing.
func TestListsOfObjectsAreForWhoAdministers(t *testing.T) {
	s := newServer(t)
	path := "/o/admin/objects/company/import"
	ada, sam := s.as("ada"), s.as("sam")
	token := sam.get(path).form().Get("csrf")
	for _, p := range []string{path, "/o/admin/objects/company/export?format=csv"} {
		if a := ada.get(p); a.StatusCode != 403 {
			t.Errorf("everybody is let in at %s: %d", p, a.StatusCode)
		}
	}
	if a := ada.uploadTo(path, ada.get("/o/account/sessions").form().Get("csrf"), "name\nEvil\n"); a.StatusCode != 403 {
		t.Errorf("everybody brings in a list: %d", a.StatusCode)
	}
	for what, csrf := range map[string]string{"none": "", "another's": s.as("sue").get(path).form().Get("csrf")} {
		if a := sam.uploadTo(path, csrf, "name\nEvil\n"); a.StatusCode != 403 {
			t.Errorf("with %s token: %d", what, a.StatusCode)
		}
	}
	for _, p := range []string{"/o/admin/objects/spaceship/import", "/o/admin/objects/user/import", "/o/admin/objects/user/export?format=csv", "/o/admin/objects/company/export", "/o/admin/objects/company/export?format=exe"} {
		if a := sam.get(p); a.StatusCode != 404 {
			t.Errorf("%s: %d", p, a.StatusCode)
		}
	}
	for list, say := range map[string]string{"": "Choose a file.", "username\nx\n": "no column", "primary_activity\nBuyer\n": "the column name is missing"} {
		if a := sam.uploadTo(path, token, list); a.StatusCode != 422 || !strings.Contains(a.body, say) {
			t.Errorf("%q: %d without %q", list, a.StatusCode, say)
		}
	}
	s.clock.add(16 * time.Minute)
	for _, p := range []string{path, "/o/admin/objects/company/export?format=csv"} {
		if a := sam.get(p); a.StatusCode != 303 || a.location().Path != "/o/login" {
			t.Errorf("%s long after signing in: %d", p, a.StatusCode)
		}
	}
	if s.company(1) != nil {
		t.Error("something was brought in")
	}
}

// Who takes a list along is in the log, with what they asked for.
func TestExportsAreInTheLog(t *testing.T) {
	s := newServer(t)
	s.addCompany("Acme")
	b := s.as("sam")
	b.get("/o/admin/users/export?format=csv&q=ada&status=active&by_company=Acme")
	b.get("/o/admin/objects/company/export?format=json")
	b.get("/o/admin/users/export?format=xml")
	s.view(func(tx store.ReadTx) error {
		records, _, err := tx.Audit(&store.AuditQuery{Actor: store.UserParty(s.user("sam"))}, 10)
		if err != nil {
			return err
		}
		got := ""
		for _, r := range records {
			if strings.HasSuffix(string(r.Action), ".export") {
				got += fmt.Sprintln(r.Action, r.Target.Type, r.IP, r.Changes)
			}
		}
		want := "object.export company 127.0.0.1 [{format  json}]\nuser.export  127.0.0.1 [{format  csv} {search  ada} {status  active} {company  company/1}]\n"
		if got != want {
			t.Errorf("in the log:\n%swant\n%s", got, want)
		}
		return nil
	})
}
