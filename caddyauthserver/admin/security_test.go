package admin_test

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/caddyito/caddyito/store"
)

// deed is something that is asked of a page.
type deed struct {
	name, path string
	form       url.Values
	// done says whether it was; nil where that is not to be seen in the store.
	done func(s *server) bool
}

// deedsTo are all that can be asked of a user's pages.
func deedsTo(s *server, name string) []deed {
	u := s.user(name)
	page := s.userURL(name)
	id := fmt.Sprint(u.ID)
	edit := func(more ...string) url.Values {
		v := url.Values{"username": {u.Username}, "first_name": {u.FirstName}, "last_name": {u.LastName}, "email": {u.Email}, "groups": {strings.Join(u.Groups, ",")}}
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	now := func(s *server) *store.User {
		var found *store.User
		s.view(func(tx store.ReadTx) error { found, _ = tx.User(u.ID); return nil })
		return found
	}
	changed := func(s *server) bool { n := now(s); return n == nil || n.Version != u.Version }
	signedIn := func(s *server) (n int) {
		s.view(func(tx store.ReadTx) error {
			list, err := tx.SessionsOf(store.ServerRealm, id)
			n = len(list)
			return err
		})
		return n
	}
	sessions := signedIn(s)
	out := func(s *server) bool { return signedIn(s) < sessions }
	deeds := []deed{
		{"edit", page + "/edit", edit("first_name", "Changed"), changed},
		{"disable", page, url.Values{"action": {"disable"}}, changed},
		{"sign out", page, url.Values{"action": {"signout"}}, out},
		{"set a password", page + "/password", url.Values{"new_password": {"three other words"}, "new_password_again": {"three other words"}},
			func(s *server) bool { return s.passwordHash(u.ID) != everyonesHash() }},
		{"link", page, url.Values{"action": {"link"}}, nil},
		{"mail a link", page, url.Values{"action": {"mail_link"}}, nil},
		{"reset factors", page + "/factors", url.Values{}, out},
		{"delete", page + "/delete", url.Values{}, changed},
		{"disable among many", "/o/admin/users", url.Values{"op": {"disable"}, "user": {id}}, changed},
		{"regroup among many", "/o/admin/users", url.Values{"op": {"add_group"}, "group": {"x"}, "user": {id}}, changed},
		{"delete among many", "/o/admin/users", url.Values{"op": {"delete"}, "sure": {"1"}, "user": {id}}, changed},
	}
	if !u.IsStaff && !u.IsSuperuser {
		deeds = append(deeds,
			deed{"make staff", page + "/edit", edit("is_staff", "1"), func(s *server) bool { return now(s).IsStaff }},
			deed{"make superuser", page + "/edit", edit("is_superuser", "1"), func(s *server) bool { return now(s).IsSuperuser }})
	}
	return deeds
}

// Each role tries everything at everybody, over HTTP.
func TestWhoMayDoWhat(t *testing.T) {
	for _, c := range []struct {
		who, whom string
		may       func(deed string) bool
	}{
		{"root", "ada", always},
		{"root", "sam", always},
		{"root", "root2", always},
		{"sam", "ada", func(deed string) bool { return !strings.HasPrefix(deed, "make ") }},
		{"sam", "sue", never},
		{"sam", "root", never},
		{"sam", "sam", never},
		{"ada", "bob", never},
		{"ada", "ada", never},
	} {
		s := newServer(t)
		by := s.as(c.who)
		for i, d := range deedsTo(s, c.whom) {
			s.as(c.whom) // a session to end
			d = deedsTo(s, c.whom)[i]
			d.form.Set("csrf", by.get("/o/admin/users").form().Get("csrf"))
			a := by.post(d.path, d.form)
			may := c.may(d.name)
			refused := a.StatusCode == 403 || strings.HasSuffix(d.name, "among many") && a.StatusCode == 422
			if refused == may && !strings.HasPrefix(d.name, "make ") || d.done != nil && d.done(s) != may {
				t.Errorf("%s, %s of %s: %d %s, and it should be %v", c.who, d.name, c.whom, a.StatusCode, a.Header.Get("Location"), may)
			}
			if d.name == "link" && strings.Contains(a.body, "password-link") != may {
				t.Errorf("%s, %s of %s: the link is shown or not, and it should be %v", c.who, d.name, c.whom, may)
			}
			if may { // begin anew
				s = newServer(t)
				by = s.as(c.who)
			}
		}
	}
}

func always(string) bool { return true }
func never(string) bool  { return false }

// Every form needs its token, and that of nobody else.
func TestEveryChangeNeedsItsToken(t *testing.T) {
	s := newServer(t)
	s.addCompany("Acme")
	by, other := s.as("root"), s.as("root2")
	stolen := other.get("/o/admin/users").form().Get("csrf")
	s.giveFactor(s.user("ada").ID, "Phone")
	deeds := append(deedsTo(s, "ada"),
		deed{"create", "/o/admin/users/new", url.Values{"username": {"eve"}}, func(s *server) bool { return s.user("eve") != nil }},
		deed{"create an object", "/o/admin/objects/company/new", url.Values{"name": {"Beta"}}, func(s *server) bool { return s.company(2) != nil }},
		deed{"change an object", "/o/admin/objects/company/1", url.Values{"name": {"Beta"}}, func(s *server) bool { return s.company(1).Fields.Text("name") != "Acme" }},
		deed{"delete an object", "/o/admin/objects/company/1/delete", url.Values{}, func(s *server) bool { return s.company(1) == nil }},
		deed{"delete objects together", "/o/admin/objects/company", url.Values{"object": {"1"}, "sure": {"1"}}, func(s *server) bool { return s.company(1) == nil }},
		deed{"rename a group", "/o/admin/groups/edit", url.Values{"name": {"editors"}, "new_name": {"x"}, "action": {"rename"}}, func(s *server) bool { return s.user("ada").Groups[0] != "editors" }},
		deed{"bring in a list", "/o/admin/jobs/x", url.Values{}, nil},
	)
	for _, d := range deeds {
		for what, token := range map[string]string{"none": "", "another's": stolen, "garbage": "AAAA", "an account page's": by.get("/o/account/sessions").form().Get("csrf")} {
			d.form.Set("csrf", token)
			if token == "" {
				d.form.Del("csrf")
			}
			if a := by.post(d.path, d.form); a.StatusCode != 403 || d.done != nil && d.done(s) {
				t.Errorf("%s with %s token: %d", d.name, what, a.StatusCode)
			}
		}
		if a := by.get(d.path + "?" + d.form.Encode()); a.StatusCode == 303 && a.location().Path != "/o/login" || d.done != nil && d.done(s) {
			t.Errorf("%s by GET: %d", d.name, a.StatusCode)
		}
	}
}

func (s *server) company(id int64) (o *store.Object) {
	s.view(func(tx store.ReadTx) error { o, _ = tx.Object(store.Ref{Type: "company", ID: id}); return nil })
	return o
}

// What people call themselves is text and nothing else, on every page.
func TestNothingShownIsMarkup(t *testing.T) {
	s := newServer(t)
	by := s.as("root")
	for _, x := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</textarea><script>alert(1)</script>`,
		`javascript:alert(1)`, `{{.}}`, `</style><script>alert(1)</script>`, `<!--`, `]]>`, "%s%d%!",
	} {
		company := s.addCompany(x)
		ada := s.user("ada")
		ada.FirstName, ada.LastName, ada.Groups = x, x, []string{strings.ReplaceAll(x, ",", "")}
		ada.Fields = store.Fields{"company": store.Ref{Type: "company", ID: company.ID}}
		s.update(func(tx store.WriteTx) error { return store.SaveUser(tx, store.DefaultSchema(), ada) })
		s.giveFactor(ada.ID, x)
		s.audit(store.AuditRecord{Time: s.clock.now(), Action: store.AuditAction(x), Actor: store.UserParty(ada), IP: x,
			Target: store.AuditParty{Type: x, ID: x, Name: x}, Changes: []store.AuditChange{{Field: x, Old: x, New: x}}})
		q := url.QueryEscape(x)
		object := fmt.Sprintf("/o/admin/objects/company/%d", company.ID)
		for _, path := range []string{
			s.userURL("ada") + "/password", s.userURL("ada") + "/factors",
			"/o/admin/users", "/o/admin/users?q=" + q, "/o/admin/users?group=" + q, "/o/admin/users?by_company=" + q, "/o/admin/users?status=" + q, "/o/admin/users?done=" + q,
			s.userURL("ada"), s.userURL("ada") + "/history", s.userURL("ada") + "/edit", s.userURL("ada") + "/delete", "/o/admin/groups", "/o/admin/groups/edit?name=" + q,
			"/o/admin/objects/company/import", "/o/admin/objects/company", "/o/admin/objects/company?q=" + q, "/o/admin/objects/company?by_primary_activity=" + q, object, object + "/delete", object + "/history",
		} {
			a := by.get(path)
			if a.StatusCode != 200 && a.StatusCode != 409 {
				t.Errorf("%s: %d", path, a.StatusCode)
			}
			onlyOurs(t, path, a)
		}
		needed := by.post("/o/admin/objects/company", by.get("/o/admin/objects/company").form("object", fmt.Sprint(company.ID), "sure", "1", "query", "q="+q))
		if needed.StatusCode != 422 {
			t.Errorf("%s is deleted: %d", x, needed.StatusCode)
		}
		onlyOurs(t, "what is still needed", needed)
		form := by.get("/o/admin/users/new").form("username", x, "email", x, "first_name", x+"\x00", "groups", x, "company", x)
		onlyOurs(t, "the form with "+x, by.post("/o/admin/users/new", form))
	}
}

// onlyOurs says whether the page has nothing that somebody else put there.
func onlyOurs(t *testing.T, what string, a *answer) {
	t.Helper()
	if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("%s: policy %q", what, csp)
	}
	doc, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := os.ReadFile("pick.js")
	if err != nil {
		t.Fatal(err)
	}
	scripts := 0
	for n := range doc.Descendants() {
		if n.Type == html.CommentNode {
			t.Errorf("%s: there is a comment", what)
		}
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" {
			scripts++
			if n.FirstChild == nil || n.FirstChild.Data != string(ours) {
				t.Errorf("%s: there is a script that is not ours", what)
			}
		}
		if n.Data == "img" || n.Data == "style" {
			t.Errorf("%s: there is <%s>", what, n.Data)
		}
		for _, at := range n.Attr {
			if strings.HasPrefix(at.Key, "on") || at.Key == "style" || (at.Key == "href" || at.Key == "src" || at.Key == "action") && strings.HasPrefix(strings.TrimSpace(at.Val), "javascript:") {
				t.Errorf("%s: <%s %s=%q>", what, n.Data, at.Key, at.Val)
			}
		}
	}
	if scripts > 1 {
		t.Errorf("%s: %d scripts", what, scripts)
	}
}

// Whatever stands in an address, no header comes of it.
func TestNoHeaderIsInjected(t *testing.T) {
	s := newServer(t)
	b := s.as("root")
	evil := "x\r\nSet-Cookie: evil=1"
	for _, a := range []*answer{
		b.get("/o/admin/users?q=" + url.QueryEscape(evil)),
		b.get("/o/admin/users/export?format=csv&q=" + url.QueryEscape(evil)),
		b.get("/o/admin/users/export?format=" + url.QueryEscape(evil)),
		b.get("/o/admin/groups/edit?name=" + url.QueryEscape(evil)),
		b.post("/o/admin/users", b.get("/o/admin/users").form("op", "disable", "query", evil)),
		s.browser().get("/o/admin/users?q=" + url.QueryEscape(evil)),
	} {
		for _, c := range a.Cookies() {
			if c.Name == "evil" {
				t.Errorf("%s sets a cookie", a.Request.URL)
			}
		}
		if strings.ContainsAny(a.Header.Get("Location")+a.Header.Get("Content-Disposition"), "\r\n") {
			t.Errorf("%s: %v", a.Request.URL, a.Header)
		}
	}
}

// Whatever host a request names, no link, redirect or cookie is of that host: a
// password link that leads elsewhere gives the account away.
func TestForgedHostsChangeNothing(t *testing.T) {
	s := newServer(t)
	b := s.as("root")
	b.forged = "evil.example"
	shown := 0
	look := func(what string, a *answer) {
		t.Helper()
		if a.StatusCode == 200 {
			shown++
		}
		text := a.body
		for name, values := range a.Header {
			text += name + ": " + strings.Join(values, ", ")
		}
		if strings.Contains(text, b.forged) || a.StatusCode >= 500 {
			t.Errorf("%s: %d %s", what, a.StatusCode, text)
		}
	}
	ada := s.userURL("ada")
	for _, path := range []string{
		"/o/admin", "/o/admin/users", ada, ada + "/edit", ada + "/history", "/o/admin/users/new", "/o/admin/users/import", "/o/admin/groups",
		"/o/admin/objects/company", "/o/admin/clients", "/o/admin/clients/new", "/o/admin/sync", "/o/admin/audit", "/o/admin/overview",
		"/o/", "/o/account/profile", "/o/account/sessions", "/o/account/apps", "/o/account/security", "/o/account/security/app", "/o/password", "/o/language",
	} {
		look(path, b.get(path))
	}
	link := b.post(ada, b.get(ada).form("action", "link"))
	look("a link to choose a password", link)
	if !strings.Contains(link.body, s.url+"/o/reset?token=") {
		t.Errorf("no link: %d %s", link.StatusCode, link.body)
	}
	if shown < 15 {
		t.Errorf("only %d pages were shown", shown)
	}
	look("a deed", b.post(ada, b.get(ada).form("action", "signout")))
	b.post("/o/logout", b.get("/o/logout").form())
	look("administration for strangers", b.get("/o/admin/users"))
}
