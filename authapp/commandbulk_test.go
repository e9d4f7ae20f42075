package authapp

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/caddyito/caddyito/store"
)

func TestBulkCommands(t *testing.T) {
	c := newCLI(t, cliSite)
	for i := range 5 {
		c.ok("", "user", "create", fmt.Sprint("u", i), "--no-password", "--group", "crew")
	}
	user := func(name string) (u store.User) {
		t.Helper()
		c.json(&u, "", "user", "show", name)
		return u
	}
	// By name, with one that is not there: the others are done, and the command fails.
	out, errs, code := c.try("", "user", "bulk", "disable", "u0", "nobody", "id:1", "u2")
	if code != 1 || !strings.Contains(errs, `nobody: there is no user "nobody"`) || !strings.Contains(errs, "it failed for 1 of 4 users") || !strings.Contains(out, "3 done, 1 failed") || !strings.Contains(out, "u2: done") {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
	if user("u0").IsActive || user("u2").IsActive || !user("u1").IsActive {
		t.Error("it was done to others")
	}
	// From standard input, as JSON and nothing else.
	var result bulkOutcome
	c.json(&result, "u0\r\n\nu2\n", "user", "bulk", "enable", "-")
	if result.Done != 2 || len(result.Failed) != 0 || !user("u0").IsActive {
		t.Errorf("%+v", result)
	}
	if out, errs, code := c.try("", "user", "bulk", "sign-out", "nobody", "--json"); code != 1 || !strings.Contains(out, `"error": "there is no user \"nobody\""`) || strings.Contains(errs, "nobody:") {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
	// By a filter, also where that changes who is found.
	c.json(&result, "", "user", "bulk", "disable", "--group", "crew", "--status", "active")
	if result.Done != 5 || user("u4").IsActive {
		t.Errorf("%+v", result)
	}
	if out := c.ok("", "group", "add", "vip", "--search", "u"); !strings.Contains(out, "5 done") {
		t.Error(out)
	}
	c.ok("", "group", "remove", "crew", "u0", "u1")
	if got := fmt.Sprint(user("u0").Groups, user("u2").Groups); got != "[vip] [crew vip]" {
		t.Errorf("they are in %s", got)
	}
	c.json(&result, "", "user", "bulk", "delete", "--group", "crew", "--yes")
	if _, _, code := c.try("", "user", "show", "u2"); code == 0 || result.Done != 3 {
		t.Errorf("%+v", result)
	}
	for args, says := range map[string]string{
		"user list --where company=Beta":           `where company: there is no company "Beta"`,
		"user list --where name=x":                 "there are: company",
		"user bulk disable":                        "say which: name users",
		"user bulk disable alice --status active":  "not both",
		"user bulk disable --status asleep":        `status "asleep"`,
		"group add a,b u0":                         "a group is 1 to 150",
		"group add":                                "requires at least 1 arg",
		"user bulk dance":                          "",
		"group rename vip a,b":                     "a group is 1 to 150",
		"user sessions u0 --end-one x":             `has no session "x"`,
		"user set u0 language=klingon!":            "language tag",
		"object list company --search x --limit 0": "",
	} {
		_, errs, code := c.try("", strings.Fields(args)...)
		if says != "" && (code == 0 || !strings.Contains(errs, says)) {
			t.Errorf("%s: exit code %d, want %q in\n%s", args, code, says, errs)
		}
	}
	c.ok("", "object", "create", "company", "name=Acme")
	c.ok("", "user", "set", "u0", "company=1")
	if out := c.ok("", "user", "list", "--where", "company=acme"); !strings.Contains(out, "u0") || strings.Contains(out, "u1") {
		t.Error(out)
	}
	if _, errs, code := c.try("", "user", "list", "--where", "company=1", "--where", "company=acme"); code == 0 || !strings.Contains(errs, "company is given twice") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	if out := c.ok("", "group", "add", "acme", "--where", "company=1"); !strings.Contains(out, "1 done") {
		t.Error(out)
	}
	c.ok("", "user", "set", "u0", "language=de")
	if u := user("u0"); u.Language != "de" {
		t.Errorf("%+v", u)
	}
}

// A script that goes on with what --json says as next sees everything once, and ends.
func TestPagesOfLists(t *testing.T) {
	c := newCLI(t, "http://auth.example.com {\n\tfake_server name=s registration=on\n\tfake_gate name=g\n}\n")
	for i := range 5 {
		c.ok("", "user", "create", fmt.Sprint("u", i), "--no-password", "--group", fmt.Sprint("g", i))
		c.ok("", "object", "create", "company", fmt.Sprint("name=Acme ", i), "primary_activity=Buyer")
		c.ok("", "client", "create", fmt.Sprint("c", i), "--redirect", "https://c.example.com/cb")
		c.ok("", "registration", "create", "--origin", "https://r.example.com")
	}
	for args, want := range map[string]int{
		"user list": 5, "user list --search u": 5, "user list --status active": 5,
		"object list company": 5, "object list company --search acme": 5, "object list company --where primary_activity=Buyer": 5,
		"client list": 6, "group list": 5, "registration list": 5,
	} {
		got, next := 0, ""
		for range 10 {
			var page map[string]json.RawMessage
			asked := append(strings.Fields(args), "--limit", "2")
			if next != "" {
				asked = append(asked, "--after", next)
			}
			c.json(&page, "", asked...)
			next = ""
			for name, value := range page {
				var list []json.RawMessage
				if name == "next" {
					_ = json.Unmarshal(value, &next)
				} else if err := json.Unmarshal(value, &list); err != nil {
					t.Fatal(err)
				}
				got += len(list)
			}
			if next == "" {
				break
			}
		}
		if got != want || next != "" {
			t.Errorf("%s shows %d in pages of 2, and then %q; want %d", args, got, next, want)
		}
	}
	var page struct{ Next string }
	c.json(&page, "", "user", "list", "--search", "u", "--limit", "2")
	for args, says := range map[string]string{
		"user list --search u --after 2":                               "it is the next of the page before",
		"user list --status active --after " + page.Next:               "the filters are those of that page",
		"user list --after " + page.Next:                               "it is the next of the page before",
		"object list company --search acme --after " + page.Next:       "it is the next of the page before",
		"object list company --where primary_activity=Buyer --after 1": "it is the next of the page before",
	} {
		if _, errs, code := c.try("", strings.Fields(args)...); code == 0 || !strings.Contains(errs, says) {
			t.Errorf("%s: exit code %d, want %q in\n%s", args, code, says, errs)
		}
	}
}

// Objects are deleted many at once, but for those that others refer to.
func TestBulkObjects(t *testing.T) {
	c := newCLI(t, cliSite)
	for i := range 6 {
		c.ok("", "object", "create", "company", fmt.Sprint("name=Acme ", i), "primary_activity="+[]string{"Buyer", "Seller"}[i%2])
	}
	c.ok("", "user", "create", "alice", "--no-password", "--set", "company=3")
	var page struct{ Objects []*store.Object }
	for args, want := range map[string]int{"": 6, "--where primary_activity=Buyer": 3, "--where primary_activity=Buyer --search acme": 3, "--search acme --limit 4": 4, "--where primary_activity=Agent": 0} {
		if c.json(&page, "", append([]string{"object", "list", "company"}, strings.Fields(args)...)...); len(page.Objects) != want {
			t.Errorf("%q lists %d", args, len(page.Objects))
		}
	}
	if out := c.ok("", "export", "--type", "company", "--where", "primary_activity=Seller"); strings.Count(out, "Seller") != 3 || strings.Contains(out, "Buyer") {
		t.Error(out)
	}
	out, errs, code := c.try("", "object", "bulk", "delete", "company", "--where", "primary_activity=Buyer")
	if code != 1 || !strings.Contains(out, "2 done, 1 failed") || !strings.Contains(errs, "company 3: company 3 is referred to by user 1 (company)") || !strings.Contains(errs, "it failed for 1 of 3 objects") || strings.Count(errs, "is referred") != 1 {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
	var result bulkOutcome
	c.json(&result, "2\n\n4\n", "object", "bulk", "delete", "company", "-")
	if result.Done != 2 {
		t.Errorf("%+v", result)
	}
	if out, _, code := c.try("", "object", "bulk", "delete", "company", "3", "99", "--json"); code != 1 || !strings.Contains(out, `"object": "company 99"`) || !strings.Contains(out, `"error": "there is no company 99"`) || strings.Contains(out, `"user"`) {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if c.json(&page, "", "object", "list", "company"); len(page.Objects) != 2 {
		t.Errorf("%d are left", len(page.Objects))
	}
	for args, says := range map[string]string{
		"object bulk delete company":                            "say which: name objects by their ids",
		"object bulk delete":                                    "requires at least 1 arg",
		"object bulk delete company Acme":                       `"Acme" is not the id of a company`,
		"object bulk delete company 6 --search x":               "not both",
		"object bulk delete planet 1":                           "no object type",
		"object bulk delete company --where primary_activity=x": "Buyer, Seller, Agent",
		"object bulk delete company --where name=x":             "there are: primary_activity",
		"object list company --where primary_activity":          "write <field>=<value>",
		"export --type company --status active":                 "neither groups nor a status",
		"export --type company --where primary_activity=x":      "not one of Buyer",
		"object bulk delete company --where primary_activity=":  "write <field>=<value>",
	} {
		if _, errs, code := c.try("", strings.Fields(args)...); code == 0 || !strings.Contains(errs, says) {
			t.Errorf("%s: exit code %d, want %q in\n%s", args, code, says, errs)
		}
	}
}

func TestGroupCommands(t *testing.T) {
	c := newCLI(t, cliSite)
	for i := range 3 {
		c.ok("", "user", "create", fmt.Sprint("u", i), "--no-password", "--group", "R&D")
	}
	c.ok("", "group", "add", "a/b", "u0")
	var page groupPage
	if c.json(&page, "", "group", "list"); fmt.Sprint(page.Groups) != "[{R&D 3} {a/b 1}]" {
		t.Errorf("%+v", page)
	}
	if out := c.ok("", "group", "list", "--limit", "1", "--after", "R&D"); !strings.Contains(out, "a/b") || strings.Contains(out, "R&D") {
		t.Error(out)
	}
	var done struct {
		Members int    `json:"members"`
		Done    string `json:"done"`
	}
	if c.json(&done, "", "group", "rename", "R&D", "Lab"); done.Members != 3 || done.Done != "moved 3 users from group R&D to Lab" {
		t.Errorf("%+v", done)
	}
	c.ok("", "group", "rename", "a/b", "Lab")
	if out := c.ok("", "group", "delete", "Lab", "--yes"); !strings.Contains(out, "took 3 users out of group Lab") {
		t.Error(out)
	}
	if c.json(&page, "", "group", "list"); len(page.Groups) != 0 {
		t.Errorf("%+v", page)
	}
}

func TestClientSet(t *testing.T) {
	c := newCLI(t, cliSite)
	c.ok("", "client", "create", "wiki", "--redirect", "https://wiki.example.com/cb", "--name", "Wiki", "--scope", "openid,email", "--resource", "https://api.example.com", "--access-token-lifetime", "5m", "--skip-consent")
	var v clientView
	c.json(&v, "", "client", "set", "wiki", "--redirect", "https://wiki.example.com/cb", "--redirect", "https://w.example.com/cb", "--skip-consent=false", "--scope", "", "--resource", "", "--access-token-lifetime", "0s", "--require-par", "--sync", "off")
	if fmt.Sprint(v.RedirectURIs) != "[https://wiki.example.com/cb https://w.example.com/cb]" || v.SkipConsent || v.Scopes != nil || v.Resources != nil || v.AccessTokenLifetime != 0 || !v.RequirePAR || v.Sync != store.SyncOff || v.Name != "Wiki" {
		t.Errorf("set to %+v", v)
	}
	var page auditPage
	if c.json(&page, "", "audit", "list", "--action", "client.change"); len(page.Records) != 1 || len(page.Records[0].Changes) != 7 {
		t.Errorf("the log says %+v", page)
	}
	if c.json(&v, "", "client", "disable", "wiki"); !v.Disabled {
		t.Error("it is not disabled")
	}
	if out := c.ok("", "client", "show", "wiki"); !strings.Contains(out, "state") || !strings.Contains(out, "disabled") {
		t.Error(out)
	}
	v = clientView{}
	if c.json(&v, "", "client", "enable", "wiki"); v.Disabled {
		t.Error("it is still disabled")
	}
	for args, says := range map[string]string{
		"client set wiki":                                 "name what is to be changed",
		"client set wiki --redirect /cb":                  "must be an absolute URL",
		"client set wiki --redirect=":                     "is needed",
		"client set wiki --public":                        "unknown flag",
		"client set wiki --access-token-lifetime soon":    "write a duration",
		"client set wiki --access-token-format saml":      "not \"saml\"",
		"client set nobody --name x":                      `there is no client "nobody"`,
		"client set gate-g --name x":                      "",
		"client disable nobody":                           `there is no client "nobody"`,
		"client set wiki --frontchannel-logout https://x": "of the origin of one",
	} {
		_, errs, code := c.try("", strings.Fields(args)...)
		if code == 0 || !strings.Contains(errs, says) {
			t.Errorf("%s: exit code %d, want %q in\n%s", args, code, says, errs)
		}
	}
	// Every flag of create is one of set, and names a setting, but for what cannot be changed.
	cmd := clientCommand()
	create, _, err := cmd.Find([]string{"create"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range flagNames(create) {
		if settingOf[name] == "" && name != "public" {
			t.Errorf("--%s cannot be changed later", name)
		}
	}
}

func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}
