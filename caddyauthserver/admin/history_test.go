package admin_test

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// records counts those that a page shows.
func (a *answer) records() int { return strings.Count(a.body, `<th scope="row" class="word">`) }

func (s *server) audit(r store.AuditRecord) {
	s.t.Helper()
	s.update(func(tx store.WriteTx) error { return tx.PutAudit(&r) })
}

func TestHistoryIsPaged(t *testing.T) {
	s := newServer(t)
	ada, bob := store.UserParty(s.user("ada")), store.UserParty(s.user("bob"))
	for i := range 120 {
		r := store.AuditRecord{Time: s.clock.now().Add(-time.Duration(i+1) * time.Hour), Action: store.ActionConsentGrant, Actor: ada, IP: "192.0.2.1",
			Target: store.AuditParty{Type: store.ClientParty, ID: fmt.Sprint("app", i)}}
		s.audit(r)
		r.Actor = bob
		s.audit(r)
	}
	for _, who := range []string{"root", "sam"} {
		b := s.as(who)
		page := b.get(s.userURL("ada"))
		if page.records() != 10 || !strings.Contains(page.body, ">app0<") || strings.Contains(page.body, ">app10<") {
			t.Errorf("%s sees %d records on the page of the user", who, page.records())
		}
		first := b.get(s.userURL("ada") + "/history")
		older := regexp.MustCompile(`rel="next" href="([^"]+)"`)
		shown, next := first.records(), first
		for range 2 {
			m := older.FindStringSubmatch(next.body)
			if m == nil {
				t.Fatalf("%s: there is no way on after %d", who, shown)
			}
			next = b.get(html.UnescapeString(m[1]))
			shown += next.records()
		}
		if shown != 120 || older.MatchString(next.body) || !strings.Contains(next.body, ">app119<") || strings.Contains(next.body, ">bob<") {
			t.Errorf("%s sees %d records", who, shown)
		}
		if !strings.Contains(next.body, `href="`+s.userURL("ada")+`/history"`) {
			t.Errorf("%s: there is no way back to the newest", who)
		}
		log := fmt.Sprintf(`href="/o/admin/audit?user=%d"`, s.user("ada").ID)
		if got := strings.Contains(first.body, log); got != (who == "root") {
			t.Errorf("%s is led to the audit log: %v", who, got)
		}
	}
	for _, place := range []string{"x", "1-x", "9999999999999999999999-1"} {
		if a := s.as("root").get(s.userURL("ada") + "/history?after=" + place); a.StatusCode != 404 {
			t.Errorf("a place that is none, %q: %d", place, a.StatusCode)
		}
	}
}

// Staff see what became of the accounts that they look after, and nothing of what
// others did elsewhere or from where.
func TestHistoryTellsStaffNothingOfOthers(t *testing.T) {
	s := newServer(t)
	ada, root := store.UserParty(s.user("ada")), store.UserParty(s.user("root"))
	own, theirs := "192.0.2.1", "198.51.100.7"
	at := s.clock.now()
	for _, r := range []store.AuditRecord{
		{Action: store.ActionSignIn, Actor: ada, Target: ada, IP: own},
		{Action: store.ActionSignInFailed, Target: ada, IP: "203.0.113.9"}, // a stranger
		{Action: store.ActionUserChange, Actor: root, Target: ada, IP: theirs},
		// Of when she administered.
		{Action: store.ActionClientChange, Actor: ada, Target: store.AuditParty{Type: store.ClientParty, ID: "hidden-client"}, IP: own},
		{Action: store.ActionPasswordSet, Actor: ada, Target: root, IP: own},
		{Action: store.ActionAuditExport, Actor: ada, IP: own},
	} {
		r.Time = at
		s.audit(r)
	}
	page := s.userURL("ada") + "/history"
	for _, path := range []string{page, s.userURL("ada")} {
		a := s.as("sam").get(path)
		if a.StatusCode != 200 || a.records() != 3 {
			t.Errorf("staff at %s see %d records", path, a.records())
		}
		for text, want := range map[string]bool{own: true, "203.0.113.9": true, ">root<": true, theirs: false, "hidden-client": false, "audit.export": false, "password.set": false} {
			if strings.Contains(a.body, text) != want {
				t.Errorf("staff at %s see %q: %v", path, text, !want)
			}
		}
	}
	if a := s.as("root").get(page); a.records() != 6 || !strings.Contains(a.body, theirs) || !strings.Contains(a.body, "hidden-client") {
		t.Errorf("a superuser sees %d records", a.records())
	}
	for who, whom := range map[string][]string{"sam": {"sue", "root", "sam"}, "ada": {"ada", "bob"}} {
		for _, name := range whom {
			if a := s.as(who).get(s.userURL(name) + "/history"); a.StatusCode != 403 {
				t.Errorf("%s reads the history of %s: %d", who, name, a.StatusCode)
			}
		}
	}
	if a := s.as("sam").get(s.userURL("sue")); a.records() != 0 {
		t.Error("staff see the history of staff on their page")
	}
}
