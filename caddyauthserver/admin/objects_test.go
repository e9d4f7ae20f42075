package admin_test

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// plants has companies be of a country and of one another, and a type that is called as
// parties of the audit log are.
func plants(c *provider.Config) {
	c.Schema = &store.Schema{Objects: []store.ObjectType{
		{Name: "country", Fields: []store.Field{{Name: "name", Type: store.Text}}},
		{Name: "company", Fields: []store.Field{
			{Name: "name", Type: store.Text, Required: true}, {Name: "country", Type: store.Relation, Target: "country"}, {Name: "parent", Type: store.Relation, Target: "company"},
			{Name: "kind", Type: store.Choice, Choices: []string{"Buyer", "Seller & Co"}}, {Name: "state", Type: store.Choice, Choices: []string{"open", "closed"}, Default: "open"},
		}},
		{Name: "client", Fields: []store.Field{{Name: "name", Type: store.Text}}},
	}, User: []store.Field{{Name: "company", Type: store.Relation, Target: "company"}}}
}

// addObject writes one as it was in the days before the schema had defaults.
func (s *server) addObject(typ string, fields store.Fields) store.Ref {
	s.t.Helper()
	o := &store.Object{Type: typ, Fields: fields}
	s.update(func(tx store.WriteTx) error { return tx.PutObject(o, nil) })
	return store.Ref{Type: typ, ID: o.ID}
}

var nextPage = regexp.MustCompile(`rel="next" href="([^"]+)"`)

// rows counts those of a list, page by page.
func (b *browser) rows(target string) (n int) {
	b.t.Helper()
	for range 20 {
		a := b.get(target)
		if a.StatusCode != 200 {
			b.t.Fatalf("%s: %d", target, a.StatusCode)
		}
		n += strings.Count(a.body, `<th scope="row">`)
		m := nextPage.FindStringSubmatch(a.body)
		if m == nil {
			return n
		}
		target = html.UnescapeString(m[1])
	}
	b.t.Fatalf("%s has no end", target)
	return n
}

func TestObjectsAreFiltered(t *testing.T) {
	s := newServer(t, plants)
	austria, chile := s.addObject("country", store.Fields{"name": "Austria"}), s.addObject("country", store.Fields{"name": "Chile"})
	for i := range 120 {
		f := store.Fields{"name": fmt.Sprintf("Company %03d", i), "country": austria, "kind": "Buyer"}
		if i%4 == 0 {
			f["country"], f["kind"], f["state"] = chile, "Seller & Co", "closed"
		}
		s.addObject("company", f)
	}
	b := s.as("sam")
	list := "/o/admin/objects/company"
	for query, want := range map[string]int{
		"": 120, "by_country=Austria": 90, "by_country=2": 30, "by_country=Chile+(2)": 30, "by_country=Nowhere": 0, "by_kind=Buyer": 90, "by_kind=Seller+%26+Co": 30,
		"by_kind=Thief": 120, "by_state=open": 90, "by_state=closed&by_country=Austria": 0, "by_country=Chile&by_kind=Seller+%26+Co&q=company+00": 3, "by_name=x": 120, "by_nonsense=x": 120,
		"by_country=Austria&after=garbage": 90, "by_country=&by_kind=": 120,
	} {
		if got := b.rows(list + "?" + query); got != want {
			t.Errorf("%q: %d objects, want %d", query, got, want)
		}
		out := b.get(list + "/export?format=csv&" + query)
		if got := strings.Count(out.body, "\n") - 1; got != want {
			t.Errorf("%q: %d objects are taken along, want %d", query, got, want)
		}
	}
	page := b.get(list + "?by_country=Nowhere&by_kind=Buyer").body
	for _, want := range []string{`id="by_country-problem"`, "<option selected>Buyer</option>", `<option value="">All</option>`, `data-pick="/o/admin/pick/country"`,
		`href="/o/admin/objects/company/export?by_country=Nowhere&amp;by_kind=Buyer&amp;format=csv"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s:\n%s", want, page)
		}
	}
	if strings.Contains(page, "optional") {
		t.Error("a filter is called optional")
	}
	s.view(func(tx store.ReadTx) error {
		records, _, err := tx.Audit(&store.AuditQuery{Action: store.ActionObjectExport}, 100)
		all := ""
		for _, r := range records {
			all += fmt.Sprintln(r.Changes)
		}
		if want := "[{format  csv} {search  company 00} {country  country/2} {kind  Seller & Co}]\n"; !strings.Contains(all, want) {
			t.Errorf("in the log is\n%s", all)
		}
		return err
	})
}

// What others refer to stays, and is named with them; the rest goes, also what refers
// to one another.
func TestManyObjectsAtOnce(t *testing.T) {
	s := newServer(t, plants)
	one := s.addObject("company", store.Fields{"name": "One"})
	used := s.addObject("company", store.Fields{"name": "Used", "parent": one})
	many := s.addObject("company", store.Fields{"name": "Many"})
	alone := s.addObject("company", store.Fields{"name": "Alone"})
	older := s.addObject("company", store.Fields{"name": "Older"})
	newer := s.addObject("company", store.Fields{"name": "Newer"})
	child := s.addObject("company", store.Fields{"name": "Child", "parent": newer})
	s.update(func(tx store.WriteTx) error {
		o, err := tx.Object(older)
		if err != nil {
			return err
		}
		o.Fields["parent"] = newer
		return tx.PutObject(o, nil)
	})
	for i := range 7 {
		u := &store.User{Username: fmt.Sprint("user", i), IsActive: true, DateJoined: s.clock.now(), Fields: store.Fields{"company": many}}
		if i == 6 {
			u.Fields["company"] = used
		}
		s.update(func(tx store.WriteTx) error { return tx.PutUser(u, nil) })
	}
	b := s.as("sam")
	list := "/o/admin/objects/company"
	send := func(sure bool, query string, refs ...store.Ref) *answer {
		form := b.get(list + "?" + query).form()
		for _, ref := range refs {
			form.Add("object", fmt.Sprint(ref.ID))
		}
		if sure {
			form.Set("sure", "1")
		}
		return b.post(list, form)
	}
	if a := send(false, "q=a", alone); a.StatusCode != 422 || !strings.Contains(a.body, "Nothing was deleted.") || s.company(alone.ID) == nil || !strings.Contains(a.body, `value="a"`) {
		t.Errorf("without being sure: %d", a.StatusCode)
	}
	if a := send(true, "by_state=open&q=o"); a.StatusCode != 303 || a.Header.Get("Location") != list+"?by_state=open&done=nothing&q=o" {
		t.Errorf("none: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	all := []store.Ref{one, used, many, alone, older, newer, child, alone, {Type: "company", ID: 99}}
	a := send(true, "", all...)
	for _, want := range []string{
		"One was not deleted, since these refer to it: Used", "Used was not deleted, since these refer to it: user6",
		"Many was not deleted, since others refer to it, of whom these are the first: user0, user1, user2, user3, user4<",
	} {
		if a.StatusCode != 422 || !strings.Contains(a.body, want) {
			t.Errorf("%d, and %q is not said:\n%s", a.StatusCode, want, a.body)
		}
	}
	for _, ref := range all[:7] {
		if stays := ref == one || ref == used || ref == many; (s.company(ref.ID) != nil) != stays {
			t.Errorf("%v is there: %v", ref, !stays)
		}
	}
	s.view(func(tx store.ReadTx) error {
		records, _, err := tx.Audit(&store.AuditQuery{Action: store.ActionObjectDelete, Actor: store.UserParty(s.user("sam"))}, 100)
		if len(records) != 4 || records[0].IP != "127.0.0.1" {
			t.Errorf("%d are in the log", len(records))
		}
		return err
	})
	// Nothing of another type, and nothing long after signing in or for everybody.
	austria := s.addObject("country", store.Fields{"name": "Austria"})
	more := s.addObject("company", store.Fields{"name": "More"})
	form := b.get(list).form("object", fmt.Sprint(more.ID), "sure", "1")
	if a := b.post("/o/admin/objects/user", form); a.StatusCode != 404 {
		t.Errorf("of users: %d", a.StatusCode)
	}
	send(true, "", store.Ref{Type: "company", ID: austria.ID})
	ada := s.as("ada")
	if a := ada.post(list, url.Values{"csrf": {ada.get("/o/account/sessions").form().Get("csrf")}, "object": form["object"], "sure": {"1"}}); a.StatusCode != 403 {
		t.Errorf("everybody may: %d", a.StatusCode)
	}
	s.clock.add(16 * time.Minute)
	if a := b.post(list, form); a.StatusCode != 303 || a.location().Path != "/o/login" {
		t.Errorf("long after signing in: %d", a.StatusCode)
	}
	if s.company(more.ID) == nil {
		t.Error("it was deleted all the same")
	}
	s.view(func(tx store.ReadTx) error {
		_, err := tx.Object(austria)
		return err
	})
}

// An object's page tells what was done to it, and staff not from where others did it.
func TestHistoryOfAnObject(t *testing.T) {
	s := newServer(t, plants)
	root, sam := store.UserParty(s.user("root")), store.UserParty(s.user("sam"))
	ref := s.addObject("client", store.Fields{"name": "Acme"})
	of := store.AuditParty{Type: "client", ID: "1", Name: "Acme"}
	page := "/o/admin/objects/client/1"
	for i := range 60 {
		s.audit(store.AuditRecord{Time: s.clock.now().Add(-time.Duration(i+1) * time.Hour), Action: store.ActionObjectChange, Actor: root, Target: of, IP: "198.51.100.7", UserAgent: "theirs",
			Changes: []store.AuditChange{{Field: "name", Old: fmt.Sprint("old", i, "."), New: "x"}}})
	}
	now := s.clock.now()
	s.audit(store.AuditRecord{Time: now, Action: store.ActionObjectChange, Actor: sam, Target: of, IP: "192.0.2.1"})
	s.audit(store.AuditRecord{Time: now, Action: store.ActionObjectCreate, Actor: store.AuditParty{Type: store.OperatorParty}, Target: of})
	for _, other := range []store.AuditRecord{ // an app of that name, and others
		{Action: store.ActionClientRotate, Actor: root, Target: of},
		{Action: store.ActionTokenReplay, Actor: of},
		{Action: store.ActionObjectChange, Actor: root, Target: store.AuditParty{Type: "client", ID: "11"}, IP: "203.0.113.9"},
		{Action: store.ActionObjectChange, Actor: root, Target: store.AuditParty{Type: "company", ID: "1"}, IP: "203.0.113.9"},
	} {
		other.Time = now
		s.audit(other)
	}
	for _, who := range []string{"root", "sam"} {
		b := s.as(who)
		a := b.get(page)
		if a.records() != 10 || !strings.Contains(a.body, `href="`+page+`/history"`) || !strings.Contains(a.body, "old7.") || strings.Contains(a.body, "old8.") {
			t.Errorf("%s sees %d records on the page of the object", who, a.records())
		}
		first := b.get(page + "/history")
		m := nextPage.FindStringSubmatch(first.body)
		if m == nil || first.records() != 50 {
			t.Fatalf("%s sees %d records", who, first.records())
		}
		rest := b.get(html.UnescapeString(m[1]))
		if rest.records() != 12 || nextPage.MatchString(rest.body) || !strings.Contains(rest.body, "old59.") || !strings.Contains(rest.body, `href="`+page+`/history"`) {
			t.Errorf("%s sees %d more", who, rest.records())
		}
		for _, a := range []*answer{a, first} {
			for text, want := range map[string]bool{
				"192.0.2.1": true, "198.51.100.7": who == "root", "203.0.113.9": false, "rotate_secret": false, "token.replay": false, "the operator": true, s.userURL("root"): true,
			} {
				if strings.Contains(a.body, text) != want {
					t.Errorf("%s sees %q: %v", who, text, !want)
				}
			}
		}
		if got := strings.Contains(first.body, `href="/o/admin/audit?user=client%3A1"`); got != (who == "root") {
			t.Errorf("%s is led to the audit log: %v", who, got)
		}
	}
	for path, want := range map[string]int{page + "/history?after=x": 404, "/o/admin/objects/client/2/history": 404, "/o/admin/objects/user/1/history": 404} {
		if a := s.as("root").get(path); a.StatusCode != want {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	if a := s.as("ada").get(page + "/history"); a.StatusCode != 403 {
		t.Errorf("everybody reads it: %d", a.StatusCode)
	}
	// What is done here is there at once.
	b := s.as("sam")
	b.post(page, b.get(page).form("name", "Acme Ltd"))
	if a := b.get(page); !strings.Contains(a.body, "<ins>Acme Ltd</ins>") {
		t.Errorf("the change of %v is not there", ref)
	}
	if a := b.get("/o/admin/objects/client/new"); a.StatusCode != 200 || strings.Contains(a.body, "History") {
		t.Error("something new has a history")
	}
}
