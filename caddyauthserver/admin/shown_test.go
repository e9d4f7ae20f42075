package admin_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/browsertest"
	"github.com/caddyito/caddyito/store"
)

// gallery keeps pages by what they show.
type gallery struct {
	t     *testing.T
	pages map[string]browsertest.Kept
}

// keep wants the page to be answered with a status.
func (g *gallery) keep(name string, status int, a *answer) *answer {
	g.t.Helper()
	if a.StatusCode != status {
		g.t.Fatalf("%s: %d to %s, want %d: %s", name, a.StatusCode, a.Header.Get("Location"), status, a.body)
	}
	g.pages[name] = browsertest.Kept{Header: a.Header, Body: a.page}
	return a
}

// shown are all pages of administration, in each of their states.
func shown(t *testing.T) map[string]browsertest.Kept {
	s := newServer(t, withConfigured, withRegistration, func(c *provider.Config) { c.Mailer = noMail{} })
	g := &gallery{t, map[string]browsertest.Kept{}}
	root := s.as("root")
	showEmpty(g, root)
	showUsers(g, s, root)
	showLists(g, s, root)
	showOthers(g, root)
	showApps(g, s, root)
	showTokens(g, root)
	showOperations(g, s, root)
	return g.pages
}

// showEmpty shows lists in which nothing is.
func showEmpty(g *gallery, b *browser) {
	g.keep("users, none found", 200, b.get("/o/admin/users?q=nobody&by_company=Atlantis"))
	g.keep("objects, none", 200, b.get("/o/admin/objects/company"))
	g.keep("history, none", 200, b.get(b.userURL("bob")+"/history"))
}

func showUsers(g *gallery, s *server, b *browser) {
	company := s.addCompany("Acme")
	s.addCompany("Acme & Sons")
	ada := s.user("ada")
	ada.Fields = store.Fields{"company": store.Ref{Type: "company", ID: company.ID}}
	s.update(func(tx store.WriteTx) error {
		if err := store.SaveUser(tx, store.DefaultSchema(), ada); err != nil {
			return err
		}
		if err := tx.PutConsent(&store.Consent{UserID: ada.ID, ClientID: "configured", Scopes: store.Scopes(), GrantedAt: s.clock.now()}); err != nil {
			return err
		}
		for i := range 120 {
			u := &store.User{Username: fmt.Sprintf("many%03d", i), IsActive: i%2 == 0, DateJoined: s.clock.now()}
			if err := store.SaveUser(tx, store.DefaultSchema(), u); err != nil {
				return err
			}
		}
		return nil
	})
	s.as("ada")
	s.giveFactor(ada.ID, "Phone")
	list := g.keep("users", 200, b.get("/o/admin/users"))
	g.keep("users, of the staff", 200, s.as("sam").get("/o/admin/users?group=editors"))
	bulk := list.form("op", "delete", "sure", "1")
	bulk.Add("user", fmt.Sprint(s.user("root").ID))
	g.keep("users, refused", 422, b.post("/o/admin/users", bulk))

	g.keep("user", 200, b.get(s.userURL("ada")))
	g.keep("user, oneself", 200, b.get(s.userURL("root")))
	g.keep("user, disabled", 200, b.get(s.userURL("many001")+"?done=saved"))
	g.keep("user, of others", 200, s.as("sam").get(s.userURL("root")))
	g.keep("user, no mail", 409, b.post(s.userURL("bob"), b.get(s.userURL("bob")).form("action", "mail_link")))
	g.keep("user, link", 200, b.post(s.userURL("bob"), b.get(s.userURL("bob")).form("action", "link")))
	g.keep("user, history", 200, b.get(s.userURL("ada")+"/history"))
	g.keep("user, factors", 200, b.get(s.userURL("ada")+"/factors"))
	g.keep("user, delete", 200, b.get(s.userURL("ada")+"/delete"))

	form := g.keep("user, new", 200, b.get("/o/admin/users/new"))
	g.keep("user, new, wrong", 422, b.post("/o/admin/users/new", form.form("username", "two words", "email", "nobody", "groups", "a\tb", "company", "acme", "first_name", "a\x00b")))
	form = g.keep("user, edit", 200, b.get(s.userURL("ada")+"/edit"))
	g.keep("user, edit, wrong", 422, b.post(s.userURL("ada")+"/edit", form.form("username", "bob")))

	password := s.userURL("ada") + "/password"
	form = g.keep("user, password", 200, b.get(password))
	g.keep("user, password, too short", 422, b.post(password, form.form("new_password", "short", "new_password_again", "short")))
	g.keep("user, password, not the same", 422, b.post(password, form.form("new_password", "three other words", "new_password_again", "others")))
}

func showLists(g *gallery, s *server, b *browser) {
	g.keep("groups", 200, b.get("/o/admin/groups"))
	group := g.keep("group", 200, b.get("/o/admin/groups/edit?name=editors"))
	g.keep("group, wrong", 422, b.post("/o/admin/groups/edit", group.form("action", "rename", "new_name", "a,b")))

	objects := g.keep("objects", 200, b.get("/o/admin/objects/company?by_primary_activity=")).form("sure", "1", "object", "1")
	g.keep("objects, refused", 422, b.post("/o/admin/objects/company", objects))
	form := g.keep("object, new", 200, b.get("/o/admin/objects/company/new"))
	g.keep("object, new, wrong", 422, b.post("/o/admin/objects/company/new", form.form("primary_activity", "Thief")))
	b.post("/o/admin/objects/company/2", b.get("/o/admin/objects/company/2").form("name", "Acme & Daughters"))
	g.keep("object", 200, b.get("/o/admin/objects/company/2"))
	g.keep("object, history", 200, b.get("/o/admin/objects/company/2/history"))
	g.keep("object, delete", 200, b.get("/o/admin/objects/company/2/delete"))
	g.keep("object, referred to", 200, b.get("/o/admin/objects/company/1/delete"))
	g.keep("object, import", 200, b.get("/o/admin/objects/company/import"))

	token := g.keep("import", 200, b.get("/o/admin/users/import")).form().Get("csrf")
	g.keep("import, wrong", 422, b.upload(token, "name\nx\n"))
	list := "username,email,first_name\neve,eve@example.com,Eve\nada,ada@example.com,Augusta\nbob,,\nbad name,,\n"
	trial := b.upload(token, list)
	form = g.keep("import, tried", 200, b.finished(trial))
	s.update(func(store.WriteTx) error { // while this goes on, nobody else writes
		job := b.post(trial.Header.Get("Location"), form.form())
		for range 2000 {
			if page := b.get(job.Header.Get("Location")); strings.Contains(page.body, "<progress") {
				g.keep("import, under way", 200, page)
				return nil
			}
			time.Sleep(10 * time.Millisecond)
		}
		g.t.Fatal("a job that waits is not shown")
		return nil
	})
	done := b.post("/o/admin/groups/edit", group.form("action", "rename", "new_name", "authors"))
	g.keep("group, renamed", 200, b.finished(done))
}

// showOthers shows what is none of the pages.
func showOthers(g *gallery, b *browser) {
	g.keep("not found", 404, b.get("/o/admin/users/9999"))
	g.keep("not allowed", 403, b.as("sam").get("/o/admin/clients"))
	own := b.userURL("root")
	g.keep("not to oneself", 409, b.post(own, b.get(own).form("action", "disable")))
}

func showApps(g *gallery, s *server, b *browser) {
	form := g.keep("app, new", 200, b.get("/o/admin/clients/new"))
	g.keep("app, new, wrong", 422, b.post("/o/admin/clients/new", form.form("id", "a b", "redirect_uris", "http://wiki.example.com/*", "scopes", "nothing", "name", strings.Repeat("x", 300),
		"sync_url", "http://169.254.169.254/", "backchannel_logout_uri", "ftp://x", "allow_groups", "a\x00b", "access_token_lifetime", "soon", "resources", "x")))
	preset := b.get("/o/admin/clients/new?preset=grafana&address=https://grafana.example.com")
	g.keep("app, new, well known", 200, preset)
	g.keep("app, with its settings", 200, b.post("/o/admin/clients/new", preset.form("preset", "grafana", "id", "grafana",
		"redirect_uris", "https://grafana.example.com/login/generic_oauth", "skip_consent", "1")))
	g.keep("app, with its secret", 200, b.post("/o/admin/clients/new", form.form("id", "wiki", "name", "Wiki", "redirect_uris", "https://wiki.example.com/oidc/callback",
		"post_logout_redirect_uris", "https://wiki.example.com/", "sync_url", "https://wiki.example.com/oidc/sync", "resources", "https://api.example.com/a/long/path/to/it")))
	b.post("/o/admin/clients/new", form.form("id", "phone", "public", "1", "redirect_uris", "com.example.phone:/callback"))
	page := g.keep("app", 200, b.get("/o/admin/clients/wiki"))
	g.keep("app, with a new secret", 200, b.post("/o/admin/clients/wiki", page.form("do", "rotate", "overlap", "day")))
	g.keep("app, edit", 200, b.get("/o/admin/clients/wiki/edit"))
	g.keep("app, delete", 200, b.get("/o/admin/clients/wiki/delete"))
	g.keep("app, of the config", 200, b.get("/o/admin/clients/configured"))
	b.post("/o/admin/clients/phone", page.form("do", "disable"))
	g.keep("app, disabled", 200, b.get("/o/admin/clients/phone"))
	g.keep("apps", 200, b.get("/o/admin/clients"))
}

func showTokens(g *gallery, b *browser) {
	g.keep("tokens, none", 200, b.get("/o/admin/registrations"))
	form := g.keep("token, new", 200, b.get("/o/admin/registrations/new"))
	g.keep("token, new, wrong", 422, b.post("/o/admin/registrations/new", form.form("origins", "wiki.example.com", "expires", "year", "scopes", "nothing")))
	g.keep("token, with its secret", 200, b.post("/o/admin/registrations/new", form.form("name", "Wiki", "origins", "https://wiki.example.com", "expires", "day")))
	g.keep("tokens", 200, b.get("/o/admin/registrations"))
}

func showOperations(g *gallery, s *server, b *browser) {
	s.update(func(tx store.WriteTx) error {
		feed, err := tx.Feed()
		if err != nil {
			return err
		}
		for hour := range 24 {
			if err := tx.PutAudit(&store.AuditRecord{Time: s.clock.now().Add(-time.Duration(hour) * time.Hour), Action: store.ActionSignInFailed, Count: 1 + hour%7}); err != nil {
				return err
			}
		}
		if err := tx.PutSyncState(&store.SyncState{ClientID: "wiki", FeedID: feed.ID, Seq: feed.Head / 3, Resync: true, PushedAt: s.clock.now(), CurrentAt: s.clock.now().Add(-time.Minute)}); err != nil {
			return err
		}
		return tx.PutSyncState(&store.SyncState{ClientID: "configured", FeedID: feed.ID, Seq: feed.Head - 1, Error: "no answer", LastError: "no answer", FailedAt: s.clock.now(), LastErrorAt: s.clock.now(), Parked: true})
	})
	g.keep("sync", 200, b.get("/o/admin/sync"))
	g.keep("overview", 200, b.get("/o/admin/overview"))
	g.keep("audit", 200, b.get("/o/admin/audit"))
	g.keep("audit, wrong", 422, b.get("/o/admin/audit?since=yesterday"))
	g.keep("audit, none", 200, b.get("/o/admin/audit?user=sue"))
}

// Every page of administration is for everybody, also where something is wrong.
func TestBrowserAccessible(t *testing.T) {
	t.Parallel()
	axe, browser := browsertest.Axe(t), browsertest.Start(t)
	browsertest.CheckKept(t, browser, axe, "admin", shown(t), browsertest.TwoLooks)
}

// What of a template is in none of the pages above would be checked by nobody.
func TestEveryTemplateIsShown(t *testing.T) {
	for _, piece := range browsertest.Unseen(t, os.DirFS("."), "templates/*.html", browsertest.Bodies(shown(t))) {
		t.Errorf("have shown keep a page that has what stands in %s", piece)
	}
}
