package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/caddyito/caddyito/internal/browsertest"
)

// All of administration takes no mouse.
func TestBrowserKeyboardAdministration(t *testing.T) {
	t.Parallel()
	administer(t, true)
}

// And but for what comes by itself it takes no script.
func TestBrowserKeyboardAdministrationWithoutScripts(t *testing.T) {
	t.Parallel()
	administer(t, false)
}

func administer(t *testing.T, scripts bool) {
	b := startMailBox(t)
	b.auth("", "object", "create", "company", "name=Ästhetik & Söhne", "primary_activity=Seller")
	k, ctx := keyboard(t, scripts)
	signIn(k.Open(b.server+"/o/admin/"), "alice", password).Await(`location.pathname === "/o/admin/overview"`)
	a := adminJourney{k, ctx, b, scripts}
	a.users(t)
	a.lists(t)
	a.groups()
	a.objects()
	a.listsOfObjects(t)
	a.apps()
	a.registrations()
	a.operations(t)
	a.rescue(t)
}

// adminJourney is one through administration.
type adminJourney struct {
	*browsertest.Keyboard
	ctx     context.Context
	b       *mailBox
	scripts bool
}

// menu goes to an entry of the menu.
func (a adminJourney) menu(page string) { a.Press(".menu a[href$='/admin/" + page + "']") }

// users: one is created, found, changed, kept out for a while, invited and deleted.
func (a adminJourney) users(t *testing.T) {
	a.menu("users")
	a.To(".skip").Keys("\r").Await(`document.activeElement.id === "content"`) // past the menu
	a.Press("a[href$='/users/new']")
	a.Type("#username", "bob").Type("#email", "carol@example.com").Press("#form-submit").Shows("Please correct what is marked below.", "Somebody else has that already.")
	a.Type("#username", "carol").Type("#groups", "wiki, second").Type("#first_name", "Carol")
	a.pick("#company", "Äst", "Ästhetik & Söhne")
	a.Choose("#invite", "Show me a link").Press("#form-submit").Shows("Link for carol", "/o/reset?token=")
	a.Press(".actions a").Shows("Carol", "Ästhetik & Söhne", "second")

	a.Press("a[href$='/edit']").Type("#last_name", "Müller").Tick("input[name=is_staff]").Press("#form-submit").Shows("Saved.", "Carol Müller", "staff")
	a.Press("button[value=disable]").Shows("Saved.", "disabled")
	a.Press("button[value=link]").Shows("Enable the account first")
	a.Press("button[value=enable]").Shows("Saved.")
	a.Press("button[value=mail_link]").Shows("The link was sent by mail.")
	a.b.mail(t, "carol@example.com", "/o/reset?token=")

	// Somebody who is signed in, uses an app, and has a second factor.
	bob := newPerson(t)
	bob.open(a.b.asks("")).onLogin(a.b.server).signIn("bob", password).submit(map[string]string{"decision": "allow"})
	a.menu("users")
	a.Type("#q", "bo").Choose("#status", "Active").To("form[role=search] button").Enter().Press("tbody a").Shows("Where they are signed in", "Connected apps")
	a.Press("button[name=client]").Shows("That app has no access any more.")
	a.Press("button[name=session]").Shows("That session is over.", "Nowhere.")
	a.Press("button[value=signout]").Shows("Signed out everywhere.")

	a.menu("users")
	a.Type("#q", "carol").Enter().Press("tbody a").Press("a[href$='/delete']").Press(".actions .quiet").Press("a[href$='/delete']").Press("#delete-submit").Shows("Deleted.")
}

// pick fills in a relation: with scripts from the list that comes as one types.
func (a adminJourney) pick(field, begin, whole string) {
	if !a.scripts {
		a.Type(field, whole)
		return
	}
	expanded := fmt.Sprintf(`document.querySelector(%q).getAttribute("aria-expanded") === `, field)
	a.Type(field, begin).Await(expanded + `"true"`)
	a.Keys(kb.Escape).Await(expanded + `"false"`).Keys(kb.ArrowDown).Await(expanded + `"true"`)
	a.Keys(kb.ArrowDown).Keys(kb.ArrowDown).Keys(kb.ArrowUp)
	a.Await(fmt.Sprintf(`document.getElementById(document.querySelector(%q).getAttribute("aria-activedescendant")).textContent.startsWith(%q)`, field, whole))
	a.Keys("\r").Await(fmt.Sprintf(`document.activeElement.matches(%q) && document.activeElement.value.startsWith(%q)`, field, whole)).Await(expanded + `"false"`)
}

// lists of users: a list is brought in after a trial, several are changed at once, and a
// list is taken away.
func (a adminJourney) lists(t *testing.T) {
	a.menu("users")
	a.Press("a[href$='/import']").Shows("A file in CSV", "password_hash")
	file := filepath.Join(t.TempDir(), "people.csv")
	list := "username,email,groups\n"
	for i := range 60 {
		list += fmt.Sprintf("many-%02d,many-%02d@example.com,lot\n", i, i)
	}
	if err := os.WriteFile(file, []byte("username,nonsense\nx,y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.File("#file", file).Press("#import-try").Shows("nonsense")
	if err := os.WriteFile(file, []byte(list+"bad name!,,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.File("#file", file).Press("#import-try").Await(`document.querySelector("#import-submit")`).Shows("Would be created\n60", "With problems\n1")
	a.Press("#import-submit").Await(`document.querySelector(".actions a")`).Shows("Created\n60")

	// Page by page, and many at once.
	a.menu("users")
	a.Type("#group-filter", "lot").Enter().Press("a[rel=next]").Shows("many-59")
	a.pick("#by_company", "Äst", "Ästhetik & Söhne")
	a.To("form[role=search] button").Enter().Shows("Nobody is found.")
	a.Type("#by_company", "").Type("#q", "many-0").Press("form[role=search] button")
	for _, op := range []string{"Disable", "Enable", "Sign out"} {
		a.Tick("tbody tr:first-child input").Tick("tbody tr:nth-child(3) input").Choose("#op", op).Press("#bulk-submit").Shows("Done for all that were ticked.")
	}
	a.Tick("tbody tr:first-child input").Choose("#op", "Add").Type("#group", "few").Press("#bulk-submit").Shows("few")
	a.Press("#bulk-submit").Shows("Nobody was ticked")
	a.Tick("tbody tr:first-child input").Choose("#op", "Delete").Press("#bulk-submit").Shows("Nobody was deleted.")
	a.Tick("tbody tr:first-child input").Choose("#op", "Delete").Tick("input[name=sure]").Press("#bulk-submit").Shows("Done for all that were ticked.")
	if csv := a.Downloads("a[href*='format=csv']"); strings.Count(csv, "many") != 9*2 || !strings.Contains(csv, "many-01,") {
		t.Errorf("the list that is taken away is\n%s", csv)
	}
	if json := a.Downloads("a[href*='format=json']"); strings.Count(json, "many") != 9*2 {
		t.Errorf("the list that is taken away is\n%s", json)
	}
}

// groups are renamed and removed.
func (a adminJourney) groups() {
	a.menu("groups")
	a.Press("a[href$='edit?name=lot']").Type("#new_name", "").Press("button[value=rename]").Await(`document.querySelector("[role=alert]")`)
	a.Type("#new_name", "party").Press("button[value=rename]").Await(`document.querySelector(".actions a")`).Shows("Finished: 59 done.")
	a.Press(".actions a").Press("a[href$='edit?name=party']").Press("button[value=remove]").Shows("Tick “Yes, remove it”")
	a.Tick("input[name=sure]").Press("button[value=remove]").Await(`document.querySelector(".actions a")`).Shows("Finished: 59 done.")
}

// objects: one is created, changed, and deleted once nobody needs it.
func (a adminJourney) objects() {
	a.menu("objects/company")
	a.Press(".bar a[href$='/new']").Press("a.button").Press(".bar a[href$='/new']")
	a.Type("#name", "Initech").Choose("#primary_activity", "Buyer").Press("#form-submit").Shows("Saved.", "Initech")
	a.Type("#q", "Initech").Enter().Press("tbody a").Type("#name", "Initrode").Press("#form-submit").Shows("Initrode")
	a.Type("#q", "Initrode").Enter().Press("tbody a").Press("a[href$='/delete']").Press("#delete-submit").Shows("Deleted.")
	a.Type("#q", "Acme").Enter().Press("tbody a").Press("a[href$='/delete']").Shows("while others refer to it", "alice")
}

// lists of objects: one is brought in after a trial, filtered, and taken away; several
// are deleted at once, but for what others refer to.
func (a adminJourney) listsOfObjects(t *testing.T) {
	a.b.auth("", "object", "create", "country", "name=Österreich")
	a.menu("objects/company")
	a.Press("a[href$='/import']").Shows("A file in CSV", "primary_activity")
	file := filepath.Join(t.TempDir(), "companies.csv")
	list := "name,primary_activity,country\n"
	for i := range 60 {
		list += fmt.Sprintf("Branch %02d,%s,1\n", i, []string{"Buyer", "Seller"}[i%2])
	}
	if err := os.WriteFile(file, []byte("name,nonsense\nx,y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.File("#file", file).Press("#import-try").Shows("nonsense")
	if err := os.WriteFile(file, []byte(list+"Thieves,Thief,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.File("#file", file).Press("#import-try").Await(`document.querySelector("#import-submit")`).Shows("Would be created\n60", "With problems\n1")
	a.Press("#import-submit").Await(`document.querySelector(".actions a")`).Shows("Created\n60")

	a.menu("objects/company")
	a.pick("#by_country", "Öst", "Österreich")
	a.To("form[role=search] button").Enter().Press("a[rel=next]").Shows("Branch 59")
	a.Choose("#by_primary_activity", "Seller").Press("form[role=search] button").Shows("Branch 01", "Österreich")
	if csv := a.Downloads("a[href*='format=csv']"); strings.Count(csv, "Branch") != 30 || strings.Contains(csv, "Buyer") || strings.Contains(csv, "Ästhetik") {
		t.Errorf("the list that is taken away is\n%s", csv)
	}
	a.Type("#by_country", "Atlantis").Enter().Shows("there is no country", "Nothing is found.")
	a.Type("#by_country", "").Choose("#by_primary_activity", "All").Type("#q", "").Press("form[role=search] button").Shows("Acme", "Branch 00")
	a.Tick("tbody tr:nth-child(3) input").Press("#bulk-submit").Shows("Nothing was deleted.")
	a.Press("#bulk-submit").Shows("Nothing was deleted.").Tick("input[name=sure]").Press("#bulk-submit").Shows("Nothing was ticked")
	a.Type("#q", "Acme").Enter().Tick("tbody tr:first-child input").Tick("input[name=sure]").Press("#bulk-submit").Shows("Acme was not deleted", "alice")
	screenshot(t, a.ctx, "admin-objects-refused")
	a.Type("#q", "Branch 1").Enter().Tick("tbody tr:first-child input").Tick("tbody tr:nth-child(3) input").Tick("input[name=sure]").Press("#bulk-submit").Shows("Done for all that were ticked.", "Branch 11", "Branch 13")
	screenshot(t, a.ctx, "admin-objects")
	a.Press("tbody a").Type("#name", "Branch XI").Press("#form-submit").Type("#q", "Branch XI").Enter().Press("tbody a").Shows("History", "object.change", "Branch XI")
	screenshot(t, a.ctx, "admin-object")
	a.Press("a[href$='/history']").Shows("History of Branch XI", "object.create").Press(".pager a[href*=audit]").Shows("object.create")
}

// apps are registered, changed, given a new secret, disabled and deleted.
func (a adminJourney) apps() {
	id := "wiki"
	a.menu("clients")
	a.Press("a[href$='/clients/new']").Choose("#preset", "Grafana").Type("#address", "https://grafana.example.com").Enter()
	a.Await(`document.querySelector("#redirect_uris").value.includes("https://grafana.example.com/")`)
	a.Type("#id", id).Type("#redirect_uris", "nonsense").Press("form[method=post] button[type=submit]").Await(`document.querySelector(".problem")`)
	a.Type("#redirect_uris", "https://wiki.example.com/cb").Tick("input[name=skip_consent]").Press("form[method=post] button[type=submit]").Shows("The secret", id, a.b.server)
	a.Press("a[href$='/edit']").Type("#name", "The wiki").Choose("#sync", "of none").Press("form[method=post] button[type=submit]").Shows("The wiki")
	a.Choose("#overlap", "an hour").Press("button[value=rotate]").Shows("The secret", "The one before goes on")
	a.Press("button[value=disable]").Shows("This app is disabled").Press("button[value=enable]")
	a.Press("a[href$='/delete']").Press(".actions .quiet").Press("a[href$='/delete']").Press("button.danger").Await(`location.pathname === "/o/admin/clients"`)
}

// registrations: a token for a gate is made and shown with what to paste, and revoked.
func (a adminJourney) registrations() {
	a.menu("clients")
	a.Press("a[href$='/registrations']").Shows("No token waits to be used.")
	a.Press("a[href$='/registrations/new']").Type("#origins", "wiki.example.com").Press("form[method=post] button[type=submit]").Await(`document.querySelector("#origins-problem")`)
	a.Type("#name", "The far wiki").Type("#origins", "https://wiki.example.com").Choose("#expires", "a week").Tick("input[name=skip_consent]")
	a.To("summary").Keys("\r").Await(`document.querySelector("details").open`).Type("#allow_groups", "wiki")
	a.Press("form[method=post] button[type=submit]").Shows("The token", "wiki.example.com {\n", "enroll ", "/o/register")
	a.To("pre").Press(".actions a").Shows("The far wiki", "https://wiki.example.com")
	a.Press("tbody button").Shows("No token waits to be used.")
}

// operations: how it goes, who is behind, and who did what.
func (a adminJourney) operations(t *testing.T) {
	a.menu("overview")
	a.Press(".pager a[href*='30']").To("summary").Keys("\r").Await(`document.querySelector("details").open`)
	a.menu("sync")
	a.Press(".bar a").Press("#live button").Await(`document.querySelector("#live table")`)
	if a.scripts {
		before := get(t, a.ctx, chromedp.Evaluate[string](`document.getElementById("live").innerText`))
		a.b.auth("", "user", "set", "alice", "first_name=Alicia")
		a.Await(fmt.Sprintf(`document.getElementById("live").innerText !== %q`, before))
	}
	a.menu("audit")
	a.Type("#user", "alice").Choose("#action", "user.").Type("#since", "1h").Press("form button").Shows("many").Press(".pager a[href*=after]").Press(".pager a:first-child")
	a.Type("#since", "whenever").Enter().Await(`document.querySelector("[role=alert]")`).Type("#since", "").Enter()
	for format, want := range map[string]string{"csv": "time,", "json": `"action"`} {
		if text := a.Downloads("a[href*='format=" + format + "']"); !strings.Contains(text, want) {
			t.Errorf("the %s of the audit log is\n%.2000s", format, text)
		}
	}
}
