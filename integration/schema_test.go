package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const nations = `
		schema {
			object company {
				name text required
				country country
			}
			object country {
				name text required unique
			}
			user {
				company company
				badge integer unique
				%s
			}
		}`

// A schema of one's own in one box, from the command line to the app's headers,
// and what a reload makes of it.
func TestSchema(t *testing.T) {
	t.Parallel()
	app := startApp(t)
	server, gate := "http://"+freeAddr(t), "http://"+freeAddr(t)
	config := func(fields string) string {
		return fmt.Sprintf(`
%s {
	auth_server {`+nations+`
	}
}
%s {
	auth_client {
		allow field company.country.name Austria
		header Remote-User    username
		header Remote-Country company.country.name
		header Remote-Badge   badge
		header Remote-Vip     vip
		header Remote-Height  height
		header Remote-Born    born
		header Remote-Seen    seen
		header Remote-Salary  salary
	}
	reverse_proxy %s {
		header_up X-Country {http.auth.user.company.country.name}
	}
}
`, server, fields, gate, app.addr)
	}
	const more = "vip boolean\n\t\t\t\theight decimal\n\t\t\t\tborn date\n\t\t\t\tseen datetime\n\t\t\t\tsalary integer private"
	c := startCaddy(t, config(more))
	c.auth("", "object", "create", "country", "name=Austria")
	c.auth("", "object", "create", "company", "name=Acme", "country=1")
	c.auth(password+"\n", "user", "create", "alice", "--set", "company=1")
	c.auth("", "user", "set", "alice", "badge=7", "vip=yes", "height=1.80", "born=2001-02-03", "seen=2026-11-23T12:00:00+01:00", "salary=9")
	for args, want := range map[string]string{
		"user create bob --no-password --set badge=7": `badge: another user already has badge "7"`,
		"user set alice badge=seven":                  `badge: "seven" is not an integer`,
		"object create country name=Austria":          `name: another country already has name "Austria"`,
		"object create company country=1":             "name: is required",
		"object delete country 1 --yes":               "country 1 is referred to by company 1 (country)",
		"object delete company 1 --yes":               "company 1 is referred to by user 1 (company)",
		"object list planet":                          `no object type "planet"; it has: company, country`,
	} {
		if out, err := c.command("", append(append([]string{"auth"}, strings.Fields(args)...), "--address", c.admin)...); err == nil || !strings.Contains(out, want) {
			t.Errorf("caddy auth %s: %v\n%s\nwant %s", args, err, out, want)
		}
	}

	p := newPerson(t)
	seen := func() map[string]string {
		p.open(gate+"/").at(gate+"/", 200)
		got := map[string]string{}
		header := p.upstream().Header
		for name, values := range header {
			if value, ok := strings.CutPrefix(name, "Remote-"); ok {
				got[value] = values[0]
			}
		}
		if placeholder := header.Get("X-Country"); placeholder != "Austria" {
			t.Fatalf("the placeholder says %q", placeholder)
		}
		return got
	}
	becomes := func(what string, want map[string]string) {
		t.Helper()
		waitFor(t, time.Minute, func() error {
			if got := seen(); fmt.Sprint(got) != fmt.Sprint(want) {
				return fmt.Errorf("%s: the app sees %v; want %v", what, got, want)
			}
			return nil
		})
	}
	p.open(gate+"/").onLogin(server).signIn("alice", password)
	all := map[string]string{"User": "alice", "Country": "Austria", "Badge": "7", "Vip": "true", "Height": "1.80", "Born": "2001-02-03", "Seen": "2026-11-23T11:00:00Z"}
	becomes("signed in", all)

	reload := func(file string) {
		t.Helper()
		if err := c.reload(file); err != nil {
			t.Fatal(err)
		}
	}
	// Nobody signs in again for what follows.
	reload(config("vip boolean\n\t\t\t\tdesk text required\n\t\t\t\tplan choice free paid default free"))
	becomes("fields are taken away", map[string]string{"User": "alice", "Country": "Austria", "Badge": "7", "Vip": "true"})
	me, err := p.me(gate)
	if err != nil || me["plan"] != "free" || me["height"] != nil {
		t.Errorf("with another schema /oidc/me says %v, %v", me, err)
	}
	other := newPerson(t)
	other.open(gate+"/").onLogin(server).signIn("alice", password).at(gate+"/", 200) // whatever became required
	reload(config(more))
	becomes("and come back", all)
	reload(config(strings.Replace(more, "vip boolean", "vip boolean private", 1)))
	delete(all, "Vip")
	becomes("one is made private", all)

	// A schema that the records cannot keep is refused, and the old one runs on.
	c.auth("", "user", "create", "bob", "--no-password", "--set", "height=1.80")
	err = c.reload(config(strings.Replace(more, "height decimal", "height decimal unique", 1)))
	if err == nil || !strings.Contains(err.Error(), `user.height cannot be unique: user 1 and `) {
		t.Errorf("a schema that cannot be: %v", err)
	}
	becomes("after a reload that failed", all)
}

// A client with sync granted knows those who signed in there, and of them what
// its list names.
func TestGranted(t *testing.T) {
	t.Parallel()
	b := startBoxes(t)
	created := b.serverCaddy.authJSON("", "client", "create", "shop", "--redirect", b.gate+"/oidc/callback", "--skip-consent",
		"--sync", "granted", "--fields", "email,company.name")
	b.secret, _ = created["secret"].(string)
	b.serverCaddy.auth("", "client", "delete", "wiki", "--yes")
	b.gateFile = strings.Replace(b.gateWith(b.secret), "client_id wiki", "client_id shop", 1)
	if err := b.gateCaddy.reload(b.gateFile); err != nil {
		t.Fatal(err)
	}
	p := newPerson(t)
	p.open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
	b.serverCaddy.auth("", "object", "set", "company", "1", "name=Renamed")
	enforced(t, p, b.gate, "renamed", companyNamed("Renamed"))
	me, err := p.me(b.gate)
	company, _ := me["company"].(map[string]any)
	if err != nil || me["username"] != "alice" || me["email"] == nil || me["groups"] != nil || me["first_name"] != nil || company["primary_activity"] != nil {
		t.Errorf("/oidc/me says %v, %v", me, err)
	}
	b.serverCaddy.auth("", "user", "disable", "alice")
	enforced(t, p, b.gate, "disabled", signedOut)
}
