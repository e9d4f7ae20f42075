package authapp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddyito/caddyito/internal/freeport"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

// The test binary is the caddy command, too, when asked to be.
func runAsCaddy() bool {
	if os.Getenv("TEST_RUN_AS_CADDY") == "" {
		return false
	}
	os.Args = append([]string{"caddy"}, os.Args[1:]...)
	caddycmd.Main()
	return true
}

// cli runs caddy auth commands against a running Caddy.
type cli struct {
	t       *testing.T
	address string
}

// newCLI runs a Caddy with an admin endpoint. Its config does not name the auth
// app: it is there because of the handlers, unless there are none.
func newCLI(t *testing.T, sites string) *cli {
	t.Helper()
	resetEvents()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	c := &cli{t, fmt.Sprintf("127.0.0.1:%d", freeport.ForTest(t))}
	mustLoad(t, fmt.Sprintf("{\n\tadmin %s\n\tpersist_config off\n\thttp_port %d\n\tauto_https disable_redirects\n}\n%s", c.address, httpPort, sites))
	return c
}

const cliSite = "http://auth.example.com {\n\tfake_server name=s\n\tfake_gate name=g\n}\n"

func (c *cli) try(stdin string, args ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{"auth"}, args...)...)
	cmd.Env = append(os.Environ(), "TEST_RUN_AS_CADDY=1")
	cmd.Args = append(cmd.Args, "--address", c.address)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (c *cli) ok(stdin string, args ...string) string {
	c.t.Helper()
	out, errs, code := c.try(stdin, args...)
	if code != 0 {
		c.t.Fatalf("caddy auth %v: exit code %d\n%s%s", args, code, out, errs)
	}
	return out
}

func (c *cli) json(v any, stdin string, args ...string) {
	c.t.Helper()
	out := c.ok(stdin, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		c.t.Fatalf("caddy auth %v --json: %v in %s", args, err, out)
	}
}

func TestUserCommands(t *testing.T) {
	c := newCLI(t, cliSite)
	c.ok("", "object", "create", "company", "name=Acme & Sons", "primary_activity=Buyer")
	var u store.User
	c.json(&u, "correct horse\n", "user", "create", "alice", "--email", "a@example.com", "--group", "staff,it", "--group", "ops",
		"--superuser", "--first-name", "Alice", "--set", "company=Acme & Sons")
	if u.Username != "alice" || fmt.Sprint(u.Groups) != "[it ops staff]" || !u.IsSuperuser || u.Fields.Text("company") != "1" || u.FirstName != "Alice" {
		t.Errorf("made %+v", u)
	}
	c.ok("", "user", "create", "bob", "--no-password")

	table := c.ok("", "user", "list")
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if len(lines) != 3 || strings.Index(lines[0], "EMAIL") != strings.Index(lines[1], "a@example.com") || strings.Index(lines[0], "ROLE") != strings.Index(lines[1], "superuser") || strings.Index(lines[0], "ROLE") != strings.Index(lines[2], "user") {
		t.Errorf("the table is not aligned:\n%s", table)
	}
	var list store.UserPage
	if c.json(&list, "", "user", "list", "--limit", "1", "--after", "1"); len(list.Users) != 1 || list.Users[0].Username != "bob" {
		t.Errorf("listed %+v", list)
	}
	if out := c.ok("", "user", "set", "alice", "email=b@example.com", "company=", "is_superuser=no"); !strings.Contains(out, "b@example.com (not verified)") {
		t.Errorf("set printed\n%s", out)
	}
	u = store.User{}
	c.json(&u, "", "user", "disable", "alice")
	if u.IsActive || u.IsSuperuser {
		t.Errorf("disabled: %+v", u)
	}
	c.json(&u, "", "user", "enable", "alice")
	if !u.IsActive {
		t.Error("not enabled")
	}
	if out := c.ok("another horse\r\n", "user", "password", "alice"); !strings.Contains(out, "signed out") {
		t.Errorf("password printed %q", out)
	}
	c.ok("password1\n", "user", "password", "alice", "--weak")
	c.ok("password1\n", "user", "create", "weak", "--weak")
	c.ok("", "user", "delete", "weak")
	var done map[string]string
	if c.json(&done, "", "user", "delete", "bob"); done["done"] != "deleted user bob (id 2)" {
		t.Errorf("deleting printed %v", done)
	}
	if out := c.ok("", "user", "show", "id:1"); !strings.Contains(out, "alice") {
		t.Errorf("show printed\n%s", out)
	}
}

func TestCommandMistakes(t *testing.T) {
	c := newCLI(t, cliSite)
	c.ok("", "user", "create", "alice", "--no-password")
	for _, test := range []struct {
		args  string
		stdin string
		says  string
	}{
		{"user show nobody", "", `there is no user "nobody"`},
		{"user create alice --no-password", "", `another user already has username "alice"`},
		{"user create carol", "short\n", "too short"},
		{"user create carol", "password1\n", "--weak"},
		{"user password alice", "password1\n", "easy to guess"},
		{"user create carol", "", "add --no-password"},
		{"user create carol --set password=x", "", "a password cannot be an argument"},
		{"user create carol --set nonsense=x --no-password", "", "there is no such field"},
		{"user create carol --password x", "", "unknown flag"},
		{"user create", "", "accepts 1 arg(s), received 0; write: caddy auth user create <username>"},
		{"user list --lmit 3", "", "unknown flag: --lmit; caddy auth user list --help lists the flags"},
		{"usr list", "", `caddy auth has no command "usr"; there are: audit, backup, client`},
		{"user lst", "", `caddy auth user has no command "lst"; there are: apps, bulk`},
		{"user lst --limit 3", "", `caddy auth user has no command "lst"`},
		{"user bulk disble alice --yes", "", `caddy auth user bulk has no command "disble"; there are: delete, disable, enable, sign-out`},
		{"user --lmit 3", "", "unknown flag: --lmit"},
		{"group rename crew team", "", `nobody is in group "crew"`},
		{"audit list --target company", "", `there is no user "company"; write <type>:<id> for anything else`},
		{"user set alice email", "", "write <field>=<value>"},
		{"user set alice email=x email=y", "", "given twice"},
		{"user set alice email=x", "", "is not an e-mail address"},
		{"user list --limit -1", "", "--limit"},
		{"audit list --limit 0", "", "--limit 0: it is a number from 1"},
		{"user password alice", "", "no password on standard input"},
		{"object list planet", "", `no object type "planet"`},
		{"object delete company 7", "", "there is no company 7"},
		{"client create a/b", "", "only letters, digits"},
		{"client create shop --redirect https://s.example.com/cb --format django", "", "format is djangito or not given"},
		{"client create shop --redirect https://s.example.com/cb --admin-flags", "", "only a client of format djangito"},
		{"client delete auth.example.com", "", `client "auth.example.com" cannot be made or changed here: it is a gate`},
		{"client rotate-secret x --overlap soon", "", "overlap"},
		{"user list --adapter caddyfile --address=", "", "--config"},
		{"user set alice first_name=B\xf6b", "", `"first_name=B\xf6b" is not UTF-8`},
		{"user create carol --no-password --first-name B\xf6b", "", "is not UTF-8"},
		{"user create carol --no-password --set first_name=B\xf6b", "", "is not UTF-8"},
		{"user password alice", "correct h\xf6rse\n", "the password is not UTF-8"},
		{"user password alice", "\xff\xfec\x00o\x00r\x00\n\x00", "the password is not UTF-8"},
		{"user create .. --no-password", "", "cannot be a name"},
		{"client create .", "", "cannot be a name"},
		{"group add .. alice", "", "cannot be a name"},
	} {
		args := strings.Fields(test.args)
		out, errs, code := c.try(test.stdin, args...)
		if strings.HasSuffix(test.args, "--address=") {
			save := c.address
			c.address = ""
			out, errs, code = c.try(test.stdin, args...)
			c.address = save
		}
		if code == 0 || !strings.Contains(errs, test.says) {
			t.Errorf("caddy auth %s: exit code %d, want %q\n%s%s", test.args, code, test.says, out, errs)
		}
		if strings.Contains(out+errs, "Usage:") {
			t.Errorf("caddy auth %s prints its whole usage instead of the mistake alone:\n%s%s", test.args, out, errs)
		}
	}
}

// What some programs begin a text with is no part of a password.
func TestPasswordAfterByteOrderMark(t *testing.T) {
	c := newCLI(t, cliSite)
	c.ok("\ufeffcorrect horse\r\n", "user", "create", "alice")
	a, err := Active()
	if err != nil {
		t.Fatal(err)
	}
	err = a.Store().View(t.Context(), func(tx store.ReadTx) error {
		kept, err := tx.Credential(1)
		if err != nil {
			return err
		}
		if ok, _, err := password.New(password.Params{}).Verify(t.Context(), kept.PasswordHash, "correct horse"); !ok || err != nil {
			t.Errorf("alice has another password: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.ok("\ufeffalice\n", "user", "bulk", "disable", "-")
}

func TestClientCommands(t *testing.T) {
	c := newCLI(t, cliSite)
	out := c.ok("", "client", "create", "wiki", "--redirect", "https://wiki.example.com/oidc/callback", "--skip-consent")
	var v clientView
	c.json(&v, "", "client", "show", "wiki")
	if !v.SkipConsent || fmt.Sprint(v.PostLogoutRedirectURIs) != "[https://wiki.example.com/]" || v.Secret != "" {
		t.Errorf("made %+v", v)
	}
	_, snippet, _ := strings.Cut(out, "stand:\n")
	// It is a Caddyfile, but for the directive, which the fakes stand in for.
	snippet = strings.Replace(snippet, "auth_client http://auth.example.com {", "fake_gate name=w\n\tbasic_auth {", 1)
	if !strings.Contains(snippet, "wiki.example.com {\n") || !strings.Contains(snippet, "basic_auth {") || !strings.Contains(snippet, "client_id wiki\n") {
		t.Errorf("the snippet is\n%s", out)
	}
	if n := strings.Count(out, "client_secret "); n != 1 {
		t.Errorf("%d secrets in the snippet\n%s", n, out)
	}
	var rotated clientView
	c.json(&rotated, "", "client", "rotate-secret", "wiki", "--overlap", "7d")
	if len(rotated.Secret) != 43 || strings.Contains(out, rotated.Secret) || len(rotated.SecretsExpire) != 2 {
		t.Errorf("rotated to %+v", rotated)
	}
	if c.json(&rotated, "", "client", "rotate-secret", "wiki", "--overlap", "0"); len(rotated.SecretsExpire) != 1 {
		t.Errorf("rotated to %+v", rotated)
	}
	var page clientPage
	if c.json(&page, "", "client", "list"); len(page.Clients) != 2 || page.Clients[0].Source != "enrolled" || page.Clients[1].Source != "store" {
		t.Errorf("listed %+v", page)
	}
	c.ok("", "client", "list")
	c.ok("", "client", "delete", "wiki", "--yes")
	if _, _, code := c.try("", "client", "show", "wiki"); code == 0 {
		t.Error("a deleted client is shown")
	}
	out = c.ok("", "client", "create", "shop", "--redirect", "https://shop.example.com/oidc/callback_handler/", "--format", "djangito")
	for _, want := range []string{"DJANGITO_CLIENT_ID = 'shop'", "https://shop.example.com/oidc/push_server_data_to_client/", "after logout     https://shop.example.com/\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("of a Django project it does not say %q\n%s", want, out)
		}
	}
	if out := c.ok("", "client", "create", "app", "--redirect", "https://app.example.com/cb"); strings.Contains(out, "Caddyfile") {
		t.Errorf("a client that is no gate got a snippet\n%s", out)
	}
}

func TestObjectCommands(t *testing.T) {
	c := newCLI(t, cliSite)
	var o store.Object
	c.json(&o, "", "object", "create", "company", "name=Acme", "primary_activity=Buyer")
	c.json(&o, "", "object", "set", "company", "1", "primary_activity=Agent")
	if o.Fields.Text("primary_activity") != "Agent" || o.Fields.Text("name") != "Acme" {
		t.Errorf("set to %+v", o)
	}
	if out := c.ok("", "object", "list", "company"); !strings.Contains(out, "primary_activity") || !strings.Contains(out, "Acme") {
		t.Errorf("listed\n%s", out)
	}
	if out := c.ok("", "object", "show", "company", "1"); !strings.Contains(out, "Acme") {
		t.Errorf("shown\n%s", out)
	}
	c.ok("", "object", "delete", "company", "1")
	if out := strings.Fields(c.ok("", "object", "list", "company")); strings.Join(out, " ") != "ID name primary_activity" {
		t.Errorf("of no objects the columns are %q", out)
	}
	var page objectPage
	if c.json(&page, "", "object", "list", "company"); page.Objects == nil || len(page.Objects) != 0 {
		t.Errorf("listed %+v", page)
	}
}

func TestCommandsWhenNothingListens(t *testing.T) {
	c := &cli{t, fmt.Sprintf("127.0.0.1:%d", freeport.ForTest(t))}
	_, errs, code := c.try("", "user", "list")
	if code == 0 || !strings.Contains(errs, "nothing answers at Caddy's admin API, "+c.address) || !strings.Contains(errs, "caddy run") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
}

// An address that can be none, and a config without an admin API, are not taken for a
// Caddy that does not run.
func TestCommandsWithoutAnAddress(t *testing.T) {
	for _, address := range []string{"localhost", "http://localhost:2019", "localhost:20190-20199", "localhost:x", "udp/localhost:2019"} {
		c := &cli{t, address}
		if _, errs, code := c.try("", "user", "list"); code == 0 || !strings.Contains(errs, fmt.Sprintf("%q is no address of Caddy's admin API", address)) {
			t.Errorf("%s: exit code %d\n%s", address, code, errs)
		}
	}
	config := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(config, []byte("{\n\tadmin off\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &cli{t, ""}
	if _, errs, code := c.try("", "user", "list", "--config", config); code == 0 || !strings.Contains(errs, "the config says admin off") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
}

// Where nothing answers, that is said once.
func TestBulkWhenNothingListens(t *testing.T) {
	c := &cli{t, fmt.Sprintf("127.0.0.1:%d", freeport.ForTest(t))}
	out, errs, code := c.try("", "user", "bulk", "disable", "alice", "bob", "carol")
	if code == 0 || strings.Count(errs, "nothing answers") != 1 || !strings.Contains(errs, "it stopped at alice, one of 3 users") || !strings.Contains(out, "0 done, 0 failed") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

func TestCommandsWhenCaddyHasNoAuth(t *testing.T) {
	c := newCLI(t, "http://x.example.com {\n\trespond hi\n}\n")
	_, errs, code := c.try("", "user", "list")
	if code == 0 || !strings.Contains(errs, "nothing to administer") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
}

// Beside gates alone nothing that is kept by their server is written, to no effect, or
// read.
func TestCommandsBesideGatesAlone(t *testing.T) {
	c := newCLI(t, "http://wiki.example.com {\n\tfake_gate name=g issuer=https://auth.example.com client_id=wiki client_secret="+strings.Repeat("x", 43)+"\n}\n")
	list := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(list, []byte("username\nalice\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"user create alice --no-password", "user list", "user list --search a", "user show alice", "user delete alice", "user bulk disable --search a",
		"object create company name=Acme", "object list company", "group list", "group rename crew team", "group add crew alice",
		"client create x --redirect https://x.example.com/cb", "client list", "registration create", "registration list", "key rotate", "import " + list, "export",
	} {
		out, errs, code := c.try("", strings.Fields(args)...)
		if code == 0 || !strings.Contains(errs, "has no auth_server, only gates (auth_client); users, groups, objects, clients and keys are those of https://auth.example.com") {
			t.Errorf("caddy auth %s: exit code %d\n%s%s", args, code, out, errs)
		}
	}
	for _, args := range []string{"audit list", "sync status", "overview"} {
		c.ok("", strings.Fields(args)...)
	}
}

// Whatever a name is, a command reaches what it names or nothing: dots do not lead
// to what stands above, and no name is not all there are.
func TestArgumentsLeadNowhereElse(t *testing.T) {
	c := newCLI(t, cliSite)
	c.ok("", "user", "create", "victim", "--no-password")
	c.ok("", "client", "create", "wiki", "--redirect", "https://wiki.example.com/cb")
	c.ok("", "object", "create", "company", "name=Acme")
	for _, dots := range []string{".", ".."} {
		for _, test := range []struct {
			args string
			says string
		}{
			{"user sessions victim --end-one", "has no session"},
			{"user revoke-app victim", ""},
			{"user show", "there is no user"},
			{"user delete", "there is no user"},
			{"user factors reset", "there is no user"},
			{"user bulk delete", "there is no user"},
			{"client show", "there is no client"},
			{"client delete", "there is no client"},
			{"object delete", "accepts 2 arg(s)"},
			{"object delete company", "is not the id of a company"},
			{"object list", "no object type"},
			{"group delete", "nobody is in group"},
			{"sync resync", "there is no client"},
			{"registration revoke", "there is no token"},
		} {
			out, errs, code := c.try("", append(strings.Fields(test.args), dots)...)
			if code == 0 || !strings.Contains(errs, test.says) {
				t.Errorf("caddy auth %s %s: exit code %d, want %q\n%s%s", test.args, dots, code, test.says, out, errs)
			}
		}
	}
	for _, args := range []string{"registration revoke", "user delete", "group delete", "group rename crew", "user revoke-app victim", "user bulk delete victim"} {
		if out, errs, code := c.try("", append(strings.Fields(args), "")...); code == 0 || !strings.Contains(errs, "an argument is empty") {
			t.Errorf("caddy auth %s with no name: exit code %d\n%s%s", args, code, out, errs)
		}
	}
	if out, errs, code := c.try("", "user", "sessions", "victim", "--end-one", ""); code == 0 || !strings.Contains(errs, "--end-one is empty") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	c.ok("", "user", "show", "victim")
	c.ok("", "client", "show", "wiki")
	c.ok("", "object", "show", "company", "1")
}

// Whom a name means does not depend on who else there is: a number is a username, too,
// and an id is told from it.
func TestUsernamesOfDigits(t *testing.T) {
	c := newCLI(t, cliSite)
	c.ok("", "user", "create", "2", "--no-password", "--group", "crew") // id 1
	c.ok("", "user", "create", "bob", "--no-password")                  // id 2
	show := func(name string) (u store.User) {
		t.Helper()
		c.json(&u, "", "user", "show", name)
		return u
	}
	if show("2").ID != 1 || show("id:2").Username != "bob" {
		t.Error("2 is not the user of that name")
	}
	c.ok("correct horse\n", "user", "password", "2")
	c.ok("", "user", "disable", "2")
	c.ok("", "user", "bulk", "enable", "--group", "crew")
	c.ok("", "group", "add", "ops", "2", "id:2")
	if u := show("2"); !u.IsActive || len(u.Groups) != 2 || len(show("bob").Groups) != 1 {
		t.Errorf("%+v", u)
	}
	var page auditPage
	for args, want := range map[string]int{"--target 2": 5, "--target id:2": 2, "--user bob": 2} {
		if c.json(&page, "", append([]string{"audit", "list"}, strings.Fields(args)...)...); len(page.Records) != want {
			t.Errorf("%s lists %d", args, len(page.Records))
		}
	}
	if list, _ := c.complete("user", "show", ""); !slices.Equal(list, []string{"2", "bob"}) {
		t.Errorf("completed %q", list)
	}
	if _, errs, code := c.try("", "user", "delete", "1"); code == 0 || !strings.Contains(errs, `there is no user "1"; write id:1 for the one with that id`) {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	c.ok("", "user", "delete", "2")
	if c.json(&page, "", "audit", "list", "--target", "id:1"); len(page.Records) != 6 {
		t.Errorf("of who was deleted it lists %d", len(page.Records))
	}
	c.ok("", "user", "show", "bob")
}

// A redirect is an error: it leads to what was not asked for.
func TestCommandsFollowNoRedirect(t *testing.T) {
	asked := 0
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/auth/users/victim", http.StatusTemporaryRedirect)
	}))
	defer admin.Close()
	c := &cli{t, admin.Listener.Addr().String()}
	_, errs, code := c.try("", "user", "show", "alice")
	if code == 0 || asked != 1 || !strings.Contains(errs, "leads to /auth/users/victim, which was not asked for") {
		t.Errorf("exit code %d after %d requests\n%s", code, asked, errs)
	}
}

// The API follows the config that runs: also after a reload, and after one that
// failed.
func TestAdminAPIFollowsReloads(t *testing.T) {
	c := newCLI(t, cliSite)
	c.ok("", "user", "create", "alice", "--no-password")
	global := fmt.Sprintf("{\n\tadmin %s\n\tpersist_config off\n\thttp_port %d\n}\n", c.address, httpPort)
	if err := load(t, global+"http://auth.example.com {\n\tfake_server name=bad fail=no\n}\n"); err == nil {
		t.Fatal("the bad config was accepted")
	}
	c.ok("", "user", "show", "alice")
	mustLoad(t, global+cliSite)
	c.ok("", "user", "show", "alice")
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
}

// Caddy's admin endpoint keeps web pages out before we are asked.
func TestAdminAPIIsNotForWebPages(t *testing.T) {
	c := newCLI(t, cliSite)
	for header, value := range map[string]string{"Origin": "https://evil.example.com", "Sec-Fetch-Mode": "no-cors", "Host": "evil.example.com"} {
		req, _ := http.NewRequest("POST", "http://"+c.address+"/auth/users", strings.NewReader(`{"username":"mallory"}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(header, value)
		if header == "Host" {
			req.Host = value
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("%s: %s: %s", header, value, resp.Status)
		}
	}
	if _, _, code := c.try("", "user", "show", "mallory"); code == 0 {
		t.Error("a web page made a user")
	}
}

// The help of a command that only has others says how to use it, and no more.
func TestHelpOfGroups(t *testing.T) {
	c := newCLI(t, cliSite)
	for _, args := range [][]string{{}, {"user"}, {"user", "bulk"}} {
		name := strings.Join(append([]string{"caddy auth"}, args...), " ")
		if out := c.ok("", args...); !strings.Contains(out, "Usage:\n  "+name+" [command]\n") {
			t.Errorf("%v: %s", args, out)
		}
	}
}

// What others chose, a browser its name say, gives no orders to the terminal that it is
// shown on.
func TestWhatOthersChoseIsPlain(t *testing.T) {
	const attack = "\x1b[2Ja\u009b31mb\x07\r\n\tc\u202ed\u2066e\u2028f\x7f"
	var table, line strings.Builder
	row(&table, attack, "Zoë \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "")
	p := &progress{out: &line, overwrite: false}
	p.show(attack)
	p.say(&line, attack)
	for _, out := range []string{table.String(), line.String()} {
		for _, c := range "\x1b\u009b\x07\r\u202e\u2066\u2028\x7f" {
			if strings.ContainsRune(out, c) {
				t.Errorf("%q has %q", out, c)
			}
		}
	}
	if got := strings.Count(line.String(), "\n"); got != 2 {
		t.Errorf("two lines are %d: %q", got, line.String())
	}
	if got := table.String(); strings.Count(got, "\t") != 2 || strings.Count(got, "\n") != 1 || !strings.Contains(got, "\tZoë \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645\t-\n") {
		t.Errorf("a row is %q", got)
	}
	c := newCLI(t, cliSite)
	c.ok("", "client", "create", "turned", "--name", "Wiki\u202egnp", "--redirect", "https://wiki.example.com/cb")
	for _, args := range [][]string{{"client", "list"}, {"client", "show", "turned"}, {"audit", "list"}} {
		if out := c.ok("", args...); strings.Contains(out, "\u202e") {
			t.Errorf("%v: %q", args, out)
		}
	}
	for _, args := range [][]string{{"client", "show", "turned", "--json"}, {"audit", "export", "--format", "jsonl"}} {
		if out := c.ok("", args...); strings.Contains(out, "\u202e") || !strings.Contains(out, `\u202egnp`) {
			t.Errorf("%v: %q", args, out)
		}
	}
	const text = attack + "\u061c\\ \U0001f600\u200d<b>"
	encoded, err := json.MarshalIndent([]string{text}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if n, err := (plainJSON{&b}).Write(encoded); n != len(encoded) || err != nil {
		t.Errorf("%d of %d written: %v", n, len(encoded), err)
	}
	got := b.String()
	if strings.ContainsFunc(strings.ReplaceAll(got, "\n", ""), isOrder) || !strings.Contains(got, "\U0001f600\u200d") {
		t.Errorf("%q", got)
	}
	var back []string
	if err := json.Unmarshal([]byte(got), &back); err != nil || back[0] != text {
		t.Errorf("%q came back as %q: %v", text, back, err)
	}
}
