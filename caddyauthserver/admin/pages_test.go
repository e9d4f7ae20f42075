package admin_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// userURL is the page of a user.
func (s *server) userURL(name string) string {
	s.t.Helper()
	return fmt.Sprintf("/o/admin/users/%d", s.user(name).ID)
}

func (s *server) addCompany(name string) *store.Object {
	s.t.Helper()
	o := &store.Object{Type: "company", Fields: store.Fields{"name": name}}
	s.update(func(tx store.WriteTx) error { return store.SaveObject(tx, store.DefaultSchema(), o) })
	return o
}

func TestAUserIsMadeAndEdited(t *testing.T) {
	s := newServer(t)
	s.addCompany("Acme")
	b := s.as("sam")
	form := b.get("/o/admin/users/new").form("username", "eve", "email", "eve@example.com", "groups", "staff, editors", "company", "acm")
	a := b.post("/o/admin/users/new", form)
	eve := s.user("eve")
	if eve == nil || a.StatusCode != 303 || a.location().Path != s.userURL("eve") {
		t.Fatalf("%d to %s: %s", a.StatusCode, a.Header.Get("Location"), a.body)
	}
	if !eve.IsActive || eve.IsStaff || eve.Email != "eve@example.com" || strings.Join(eve.Groups, "|") != "editors|staff" || eve.Fields.Text("company") != "1" {
		t.Errorf("made %+v", eve)
	}
	page := b.get(a.Header.Get("Location"))
	for _, want := range []string{"Created.", "eve@example.com", "Acme", "editors"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	edit := b.get(s.userURL("eve") + "/edit")
	if !strings.Contains(edit.body, `value="Acme (1)"`) || strings.Contains(edit.body, "is_superuser") {
		t.Errorf("the form is not right: %s", edit.body)
	}
	a = b.post(s.userURL("eve")+"/edit", edit.form("username", "eva", "first_name", "Eva", "company", "", "groups", ""))
	if eva := s.user("eva"); a.StatusCode != 303 || eva == nil || eva.FirstName != "Eva" || eva.Email != "" || len(eva.Groups) != 0 || eva.Fields.Text("company") != "" {
		t.Errorf("%d: changed to %+v", a.StatusCode, eva)
	}
}

// The tick of one address is not that of the next.
func TestAnotherAddressIsNotVerified(t *testing.T) {
	s := newServer(t)
	b := s.as("sam")
	at := s.userURL("ada") + "/edit"
	for _, c := range []struct {
		email, tick, was string
		want             bool
	}{
		{"ada@example.com", "1", "without", true},
		{"ADA@example.com", "1", "the same", true},
		{"mallory@example.com", "1", "with the tick of before", false},
		{"ada@example.com", "1", "ticked anew", true},
		{"ada@example.com", "", "taken away", false},
	} {
		a := b.post(at, b.get(at).form("username", "ada", "email", c.email, "email_verified", c.tick, "groups", "editors"))
		if u := s.user("ada"); a.StatusCode != 303 || u.Email != c.email || u.EmailVerified != c.want {
			t.Errorf("%s: %d, %s verified: %v", c.was, a.StatusCode, u.Email, u.EmailVerified)
		}
	}
}

func TestWhatIsWrongIsSaidAtItsField(t *testing.T) {
	s := newServer(t)
	s.addCompany("Acme One")
	s.addCompany("Acme Two")
	b := s.as("sam")
	for _, c := range []struct{ name, value, say string }{
		{"username", "two words", "letters, digits"},
		{"username", "ADA", "already"},
		{"email", "nobody", "not an e-mail address"},
		{"email", "Ada@Example.com", "already"},
		{"groups", "a\tb", "a group is"},
		{"company", "acme", "Acme One (1), Acme Two (2)"},
		{"company", "Beta", "there is no company"},
		{"first_name", "a\x00b", "control"},
	} {
		form := b.get("/o/admin/users/new").form("username", "eve")
		form.Set(c.name, c.value)
		a := b.post("/o/admin/users/new", form)
		if a.StatusCode != 422 || !strings.Contains(a.body, `id="`+c.name+`-problem"`) || !strings.Contains(a.body, c.say) {
			t.Errorf("%s=%q: %d without %q", c.name, c.value, a.StatusCode, c.say)
		}
		if s.user("eve") != nil {
			t.Fatalf("%s=%q was taken", c.name, c.value)
		}
	}
}

func TestListSearchesFiltersAndPages(t *testing.T) {
	s := newServer(t)
	acme := s.addCompany("Acme")
	s.update(func(tx store.WriteTx) error {
		for i := range 120 {
			u := &store.User{Username: fmt.Sprintf("many%03d", i), IsActive: i%2 == 0, DateJoined: s.clock.now(), Groups: []string{"many"},
				Fields: store.Fields{"company": store.Ref{Type: "company", ID: acme.ID}}}
			if err := store.SaveUser(tx, store.DefaultSchema(), u); err != nil {
				return err
			}
		}
		return nil
	})
	b := s.as("root")
	for query, want := range map[string]int{
		"": 126, "q=many": 120, "q=many00": 10, "q=LOVELACE": 1, "q=ada%40": 1, "group=many": 120, "group=editors": 1, "by_company=Acme": 120,
		"by_company=1&q=many00": 10, "by_company=Nobody": 0, "status=disabled": 60, "status=staff": 3, "status=superuser": 2, "status=odd": 126,
		"q=many&status=active": 60, "after=garbage": 126,
	} {
		target, got := "/o/admin/users?"+query, 0
		for range 10 {
			a := b.get(target)
			if a.StatusCode != 200 {
				t.Fatalf("%s: %d", target, a.StatusCode)
			}
			got += strings.Count(a.body, `<th scope="row">`)
			_, after, ok := strings.Cut(a.body, `rel="next" href="`)
			if !ok {
				break
			}
			target, _, _ = strings.Cut(after, `"`)
			target = strings.ReplaceAll(target, "&amp;", "&")
		}
		if got != want {
			t.Errorf("%q: %d users, want %d", query, got, want)
		}
	}
}

// Several relations count together, on the page as in the file.
func TestUsersAreFilteredByAllRelations(t *testing.T) {
	company := []store.Field{{Name: "name", Type: store.Text}}
	schema := &store.Schema{
		User:    []store.Field{{Name: "company", Type: store.Relation, Target: "company"}, {Name: "team", Type: store.Relation, Target: "team"}},
		Objects: []store.ObjectType{{Name: "company", Fields: company}, {Name: "team", Fields: company}},
	}
	s := newServer(t, func(c *provider.Config) { c.Schema = schema })
	acme, red, blue := &store.Object{Type: "company", Fields: store.Fields{"name": "Acme"}},
		&store.Object{Type: "team", Fields: store.Fields{"name": "Red"}}, &store.Object{Type: "team", Fields: store.Fields{"name": "Blue"}}
	s.update(func(tx store.WriteTx) error {
		for _, o := range []*store.Object{acme, red, blue} {
			if err := store.SaveObject(tx, schema, o); err != nil {
				return err
			}
		}
		for name, team := range map[string]*store.Object{"rita": red, "blanche": blue} {
			u := &store.User{Username: name, IsActive: true, DateJoined: s.clock.now(),
				Fields: store.Fields{"company": store.Ref{Type: "company", ID: acme.ID}, "team": store.Ref{Type: "team", ID: team.ID}}}
			if err := store.SaveUser(tx, schema, u); err != nil {
				return err
			}
		}
		return nil
	})
	b := s.as("root")
	for query, want := range map[string]string{
		"by_company=Acme": "blanche rita", "by_company=Acme&by_team=Red": "rita", "by_team=Blue&by_company=Acme": "blanche", "by_company=Acme&by_team=Green": "",
	} {
		for _, target := range []string{"/o/admin/users?", "/o/admin/users/export?format=csv&", "/o/admin/users/export?format=json&"} {
			var found []string
			a := b.get(target + query)
			for _, name := range []string{"blanche", "rita"} {
				if strings.Contains(a.body, name) {
					found = append(found, name)
				}
			}
			if got := strings.Join(found, " "); a.StatusCode != 200 || got != want {
				t.Errorf("%s%s: %d %q, want %q", target, query, a.StatusCode, got, want)
			}
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	s := newServer(t)
	b := s.as("sam")
	do := func(op string, more ...string) *answer {
		form := b.get("/o/admin/users").form(append([]string{"op", op}, more...)...)
		for _, name := range []string{"ada", "bob", "root", "sue"} {
			if u := s.user(name); u != nil {
				form.Add("user", fmt.Sprint(u.ID))
			}
		}
		return b.post("/o/admin/users", form)
	}
	a := do("add_group", "group", "new")
	if a.StatusCode != 422 || strings.Count(a.body, "You may not change this account.") != 2 {
		t.Errorf("refusals are not said: %d %s", a.StatusCode, a.body)
	}
	if got := fmt.Sprint(s.user("ada").Groups, s.user("bob").Groups, s.user("root").Groups, s.user("sue").Groups); got != "[editors new] [new] [] []" {
		t.Errorf("groups %s", got)
	}
	ada := s.as("ada")
	do("disable")
	if s.user("ada").IsActive || !s.user("root").IsActive || !s.user("sue").IsActive {
		t.Error("not those were disabled who should be")
	}
	if a := ada.get("/o"); a.location().Path != "/o/login" {
		t.Error("who was disabled is signed in")
	}
	do("enable")
	do("remove_group", "group", "new")
	if u := s.user("ada"); !u.IsActive || fmt.Sprint(u.Groups) != "[editors]" {
		t.Errorf("ada is %+v", u)
	}
	if a := do("delete"); a.StatusCode != 422 || s.user("ada") == nil {
		t.Error("somebody was deleted without being sure")
	}
	do("delete", "sure", "1")
	if s.user("ada") != nil || s.user("bob") != nil || s.user("root") == nil || s.user("sue") == nil {
		t.Error("not those were deleted who should be")
	}
	if a := do("destroy"); !strings.Contains(a.body, "Choose what to do.") {
		t.Errorf("an operation that there is none of: %d", a.StatusCode)
	}
}

func TestSessionsLinksAndSignOut(t *testing.T) {
	s := newServer(t)
	b, one, two := s.as("sam"), s.as("ada"), s.as("ada")
	page := b.get(s.userURL("ada"))
	if n := strings.Count(page.body, `name="session" value="`); n != 2 {
		t.Fatalf("%d sessions", n)
	}
	_, after, _ := strings.Cut(page.body, `name="session" value="`)
	name, _, _ := strings.Cut(after, `"`)
	b.post(s.userURL("ada"), page.form("action", "end_session", "session", name))
	in := 0
	for _, who := range []*browser{one, two} {
		if who.get("/o").StatusCode == 200 {
			in++
		}
	}
	if in != 1 {
		t.Errorf("%d sessions are left, want 1", in)
	}
	b.post(s.userURL("ada"), page.form("action", "signout"))
	if one.get("/o").StatusCode == 200 || two.get("/o").StatusCode == 200 {
		t.Error("she is signed in")
	}
	a := b.post(s.userURL("bob"), b.get(s.userURL("bob")).form("action", "link"))
	_, after, ok := strings.Cut(a.body, `id="password-link">`)
	link, _, _ := strings.Cut(after, "<")
	if !ok || !strings.HasPrefix(link, s.url+"/o/reset?token=") {
		t.Fatalf("no link: %d %s", a.StatusCode, a.body)
	}
	if p := s.browser().get(link); p.StatusCode != 200 || !strings.Contains(p.body, "bob") {
		t.Errorf("the link leads to %d", p.StatusCode)
	}
	if strings.Contains(b.get(s.userURL("bob")).body, link) {
		t.Error("the link is shown again")
	}
}

// What gives power asks for a sign-in of a moment ago.
func TestPowerAsksForAMoment(t *testing.T) {
	s := newServer(t)
	b := s.as("root")
	s.clock.add(16 * time.Minute)
	for target, form := range map[string]url.Values{
		s.userURL("ada"):               {"action": {"link"}},
		s.userURL("ada") + "/password": {"new_password": {"three other words"}, "new_password_again": {"three other words"}},
		s.userURL("ada") + "/delete":   {},
		s.userURL("ada") + "/edit":     {"username": {"ada"}, "is_staff": {"1"}},
		"/o/admin/users/new":           {"username": {"eve"}, "is_superuser": {"1"}},
		// An account is a way in by itself, for whoever has the address.
		"/o/admin/users/new?":  {"username": {"eve"}, "email": {"eve@example.com"}, "groups": {"admins"}},
		"/o/admin/users":       {"op": {"delete"}, "sure": {"1"}, "user": {fmt.Sprint(s.user("ada").ID)}},
		"/o/admin/groups/edit": {"name": {"editors"}, "new_name": {"admins"}, "action": {"rename"}},
		// Links that open the account are sent to the address.
		s.userURL("ada") + "/edit?": {"username": {"ada"}, "email": {"eve@example.com"}},
		// Apps may be for members alone.
		s.userURL("ada") + "/edit?2": {"username": {"ada"}, "email": {"ada@example.com"}, "groups": {"editors, admins"}},
		"/o/admin/users?":            {"op": {"add_group"}, "group": {"admins"}, "user": {fmt.Sprint(s.user("ada").ID)}},
	} {
		form.Set("csrf", b.get("/o/admin/users").form().Get("csrf"))
		if a := b.post(target, form); a.StatusCode != 303 || a.location().Path != "/o/login" {
			t.Errorf("%s: %d to %s", target, a.StatusCode, a.Header.Get("Location"))
		}
	}
	if u := s.user("ada"); u == nil || u.IsStaff || u.Email != "ada@example.com" || len(u.Groups) != 1 || u.Groups[0] != "editors" || s.user("eve") != nil || s.passwordHash(u.ID) != everyonesHash() {
		t.Errorf("it was done all the same: %+v", u)
	}
	for _, form := range []string{"/o/admin/groups/edit?name=editors", s.userURL("ada") + "/password", "/o/admin/users/new"} {
		if a := b.get(form); a.StatusCode != 303 || a.location().Path != "/o/login" {
			t.Errorf("the form at %s: %d", form, a.StatusCode)
		}
	}
	a := b.post(s.userURL("ada")+"/edit", b.get(s.userURL("ada")+"/edit").form("username", "ada", "first_name", "A.", "email", "ada@example.com", "groups", "editors"))
	if a.StatusCode != 303 || s.user("ada").FirstName != "A." {
		t.Errorf("what gives no power: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
}

func TestObjects(t *testing.T) {
	s := newServer(t)
	b := s.as("sam")
	a := b.post("/o/admin/objects/company/new", b.get("/o/admin/objects/company/new").form("name", "Acme", "primary_activity", "Buyer"))
	if a.StatusCode != 303 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if a := b.post("/o/admin/objects/company/new", b.get("/o/admin/objects/company/new").form("primary_activity", "Thief")); a.StatusCode != 422 ||
		!strings.Contains(a.body, "primary_activity-problem") {
		t.Errorf("what is wrong is not said: %d", a.StatusCode)
	}
	if l := b.get("/o/admin/objects/company?q=ac"); !strings.Contains(l.body, "Acme") || !strings.Contains(l.body, "Buyer") {
		t.Error("the list does not have it")
	}
	if l := b.get("/o/admin/objects/company?q=x"); strings.Contains(l.body, "Acme") {
		t.Error("the search finds too much")
	}
	edit := b.get("/o/admin/objects/company/1")
	b.post("/o/admin/objects/company/1", edit.form("name", "Acme & Sons"))
	ada := s.user("ada")
	ada.Fields = store.Fields{"company": store.Ref{Type: "company", ID: 1}}
	s.update(func(tx store.WriteTx) error { return store.SaveUser(tx, store.DefaultSchema(), ada) })
	ask := b.get("/o/admin/objects/company/1/delete")
	if !strings.Contains(ask.body, ">ada<") || strings.Contains(ask.body, "delete-submit") {
		t.Errorf("who is in the way is not said: %s", ask.body)
	}
	token := edit.form().Get("csrf")
	if a := b.post("/o/admin/objects/company/1/delete", url.Values{"csrf": {token}}); a.StatusCode != 409 || !strings.Contains(a.body, ">ada<") {
		t.Errorf("%d: it was deleted, or nothing is said", a.StatusCode)
	}
	ada.Fields = nil
	s.update(func(tx store.WriteTx) error { return store.SaveUser(tx, store.DefaultSchema(), ada) })
	if a := b.post("/o/admin/objects/company/1/delete", b.get("/o/admin/objects/company/1/delete").form()); a.StatusCode != 303 {
		t.Errorf("%d", a.StatusCode)
	}
	for _, path := range []string{"/o/admin/objects/company/1", "/o/admin/objects/spaceship", "/o/admin/objects/user", "/o/admin/objects/company/x", "/o/admin/users/x", "/o/admin/users/99"} {
		if a := b.get(path); a.StatusCode != 404 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
}

func TestPick(t *testing.T) {
	s := newServer(t)
	s.addCompany("Acme")
	s.addCompany("Beta")
	a := s.as("sam").get("/o/admin/pick/company?q=a")
	if strings.TrimSpace(a.body) != `["Acme (1)"]` || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s", a.Header.Get("Content-Type"), a.body)
	}
	if a := s.as("ada").get("/o/admin/pick/company?q=a"); a.StatusCode != 403 {
		t.Errorf("everybody may look: %d", a.StatusCode)
	}
}

func TestGroups(t *testing.T) {
	s := newServer(t)
	b := s.as("root")
	wait := func(a *answer) *answer {
		t.Helper()
		if a.StatusCode != 303 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		for range 1000 {
			page := b.get(a.Header.Get("Location"))
			if page.Header.Get("Refresh") == "" {
				return page
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal("it does not finish")
		return nil
	}
	if l := b.get("/o/admin/groups"); !strings.Contains(l.body, "editors") {
		t.Error("the list does not have it")
	}
	page := b.get("/o/admin/groups/edit?name=editors")
	if a := b.post("/o/admin/groups/edit", page.form("action", "rename", "new_name", "a,b")); a.StatusCode != 422 {
		t.Errorf("a name that is none: %d", a.StatusCode)
	}
	done := wait(b.post("/o/admin/groups/edit", page.form("action", "rename", "new_name", "authors")))
	if !strings.Contains(done.body, "Finished: 1 done.") || fmt.Sprint(s.user("ada").Groups) != "[authors]" {
		t.Errorf("%v: %s", s.user("ada").Groups, done.body)
	}
	page = b.get("/o/admin/groups/edit?name=authors")
	if a := b.post("/o/admin/groups/edit", page.form("action", "remove")); a.StatusCode != 422 || len(s.user("ada").Groups) != 1 {
		t.Errorf("removed without being sure: %d", a.StatusCode)
	}
	wait(b.post("/o/admin/groups/edit", page.form("action", "remove", "sure", "1")))
	if len(s.user("ada").Groups) != 0 {
		t.Error("she is still in it")
	}
	if a := s.as("sam").get("/o/admin/groups/edit?name=x"); a.StatusCode != 403 {
		t.Errorf("staff: %d", a.StatusCode)
	}
	if a := s.as("root2").get(done.Request.URL.Path); a.StatusCode != 404 {
		t.Errorf("another's job: %d", a.StatusCode)
	}
}
