package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// django is a Django project (testdata/django) with the package djangito.
type django struct {
	t      *testing.T
	python string // of an environment into which pip installed djangito
	dir    string
	origin string
	env    []string
	stop   func()
}

func newDjango(t *testing.T) *django {
	t.Helper()
	python := os.Getenv("CADDYITO_DJANGITO")
	if python == "" {
		if os.Getenv("CADDYITO_E2E") == "required" {
			t.Fatal("CADDYITO_DJANGITO is not set, and CADDYITO_E2E is required")
		}
		t.Skip("SKIPPED: CADDYITO_DJANGITO is not set; the recipe was not tried")
	}
	d := &django{t: t, python: python, dir: t.TempDir(), origin: "http://" + freeAddr(t)}
	if err := os.CopyFS(d.dir, os.DirFS("testdata/django")); err != nil {
		t.Fatal(err)
	}
	return d
}

// register registers the project at the server in c.
func (d *django) register(c *caddy, server string) {
	d.t.Helper()
	client := c.authJSON("", "client", "create", "shop", "--format", "djangito", "--skip-consent", "--redirect", d.origin+"/oidc/callback_handler/")
	d.env = append(os.Environ(), "SECRET_KEY=only for this test", "PYTHONWARNINGS=ignore", "PYTHONDONTWRITEBYTECODE=1",
		"DJANGITO_SERVER_URL="+server, fmt.Sprintf("DJANGITO_CLIENT_ID=%v", client["id"]), fmt.Sprintf("DJANGITO_CLIENT_SECRET=%v", client["secret"]))
}

func (d *django) manage(args ...string) *exec.Cmd {
	cmd := exec.Command(d.python, append([]string{"manage.py"}, args...)...)
	cmd.Dir, cmd.Env = d.dir, d.env
	return cmd
}

func (d *django) migrate() {
	d.t.Helper()
	for _, args := range [][]string{{"makemigrations", "people"}, {"migrate"}} {
		if out, err := d.manage(args...).CombinedOutput(); err != nil {
			d.t.Fatalf("manage.py %s: %v\n%s", args[0], err, out)
		}
	}
}

func (d *django) start() {
	d.t.Helper()
	log := &logs{}
	cmd := d.manage("runserver", "--noreload", strings.TrimPrefix(d.origin, "http://"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.stop = func() { cmd.Process.Kill(); cmd.Wait() }
	d.t.Cleanup(func() {
		d.stop()
		if d.t.Failed() {
			d.t.Logf("log of Django:\n%s", log.String())
		}
	})
	waitFor(d.t, time.Minute, func() error {
		resp, err := http.Get(d.origin + "/people/")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, log.String())
		}
		return resp.Body.Close()
	})
}

// djangoUser is a row of the project's database.
type djangoUser struct {
	ID              int
	Username, Email string
	Active, Admin   bool
	Joined          time.Time
	Company         *struct {
		ID             int
		Name, Activity string
	}
}

func (d *django) people() (map[int]djangoUser, error) {
	resp, err := http.Get(d.origin + "/people/")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var list struct{ People []djangoUser }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return nil, err
	}
	out := map[int]djangoUser{}
	for _, u := range list.People {
		out[u.ID] = u
	}
	return out, nil
}

// holds waits until the project's database is as it should be.
func (d *django) holds(what string, ok func(map[int]djangoUser) bool) {
	d.t.Helper()
	waitFor(d.t, time.Minute, func() error {
		people, err := d.people()
		if err == nil && !ok(people) {
			err = fmt.Errorf("Django does not know that %s: %+v", what, people)
		}
		return err
	})
}

// docs/recipe-django.md, with the real package.
func TestRecipeDjango(t *testing.T) {
	t.Parallel()
	d := newDjango(t)
	server := "http://" + freeAddr(t)
	c := startCaddy(t, server+" {\n\tauth_server\n}\n")
	c.people()
	d.register(c, server)
	d.migrate()
	d.start()

	d.holds("there are people, before they ever signed in", func(p map[int]djangoUser) bool { return len(p) == 2 })
	people, err := d.people()
	if err != nil {
		t.Fatal(err)
	}
	alice := people[1]
	if alice.Username != "alice" || alice.Email != "alice@example.com" || !alice.Active || alice.Admin || time.Since(alice.Joined) > time.Hour ||
		alice.Company == nil || alice.Company.ID != 1 || alice.Company.Name != "Acme" || alice.Company.Activity != "Buyer" {
		t.Errorf("of alice, a superuser, Django knows %+v", alice)
	}
	if people[2].Company != nil {
		t.Errorf("of bob, who has no company, Django knows %+v", people[2])
	}

	ann, bob := newPerson(t), newPerson(t)
	signedIn := func(p *person, who string) {
		t.Helper()
		if p.at(d.origin+"/", 200); !strings.Contains(p.body, ">"+who+"<") {
			t.Errorf("Django says %s, not %s", p.body, who)
		}
	}
	signedIn(ann.open(d.origin+"/").onLogin(server).signIn("alice", password), "alice of Acme")
	signedIn(bob.open(d.origin+"/").onLogin(server).signIn("bob", password), "bob of nowhere")

	c.auth("", "object", "set", "company", "1", "name=Acme & Söhne", "primary_activity=Agent")
	d.holds("the company has another name", func(p map[int]djangoUser) bool {
		return p[1].Company.Name == "Acme & Söhne" && p[1].Company.Activity == "Agent"
	})
	c.auth("", "user", "set", "alice", "company=")
	d.holds("alice has left", func(p map[int]djangoUser) bool { return p[1].Company == nil })

	c.auth("", "user", "disable", "bob")
	d.holds("bob is disabled", func(p map[int]djangoUser) bool { return !p[2].Active })
	bob.open(d.origin + "/").onLogin(server)

	// What happens while Django is down, it learns when it is up.
	d.stop()
	c.auth("", "user", "delete", "bob", "--yes")
	c.auth(password+"\n", "user", "create", "bob", "--email", "other@example.com")
	d.start()
	d.holds("there is another bob", func(p map[int]djangoUser) bool {
		return p[3].Username == "bob" && p[3].Active && !p[2].Active && p[2].Username == "deleted:2" && p[2].Email == ""
	})

	ann.open(d.origin + "/admin/password_change/")
	if !strings.HasPrefix(ann.url.String(), server+"/o/password") || ann.status != 200 {
		t.Fatalf("to change the password Django leads to %s: %d", ann.url, ann.status)
	}
	const changed = "another horse battery staple"
	ann.submit(map[string]string{"current_password": password, "new_password": changed, "new_password_again": changed})
	if ann.status != 200 || !strings.Contains(ann.body, "Password changed") {
		t.Errorf("the password was not changed: %d %s", ann.status, ann.body)
	}

	// Signing out at Django does so at the server and leads back, where the page
	// asks again.
	signedIn(ann.open(d.origin+"/"), "alice of nowhere")
	ann.open(d.origin + "/logout/").onLogin(server)
	ann.signIn("alice", password).onLogin(server).signIn("alice", changed)
	signedIn(ann, "alice of nowhere")

	// A browser decides by itself what it says of where people come from.
	browser := newBrowser(t)
	do(t, browser,
		chromedp.Navigate(d.origin+"/"),
		chromedp.WaitVisible(chromedp.CSS("#login-submit")),
		chromedp.SendKeys(chromedp.CSS("input[name=username]"), "bob"),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+"\r"),
		reaches(d.origin+"/"),
		chromedp.WaitVisible(chromedp.CSS("#who")),
		chromedp.Click(chromedp.CSS("#logout")),
		chromedp.WaitVisible(chromedp.CSS("#login-submit")),
	)
}
