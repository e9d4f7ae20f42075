package authapp

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

const registrationSite = "http://auth.example.com {\n\tfake_server name=s registration=on\n}\n"

func TestRegistrationCommands(t *testing.T) {
	c := newCLI(t, registrationSite)
	out := c.ok("", "registration", "create", "--origin", "https://wiki.example.com")
	for _, want := range []string{"\nwiki.example.com {\n", "auth_client http://auth.example.com {\n\t\tenroll ", "once, until "} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q\n%s", want, out)
		}
	}
	var v registrationView
	c.json(&v, "", "registration", "create", "--name", "Wiki", "--origin", "https://w.example.com", "--sync", "granted", "--fields", "email", "--allow-group", "staff",
		"--scope", "openid,email", "--skip-consent", "--expires", "2h")
	a, err := Active()
	if err != nil {
		t.Fatal(err)
	}
	find := func() (ticket *store.Ticket, err error) {
		err = a.Store().View(t.Context(), func(tx store.ReadTx) error {
			ticket, err = tx.Ticket(store.InvitationKind, store.HashOf(v.Token))
			return err
		})
		return ticket, err
	}
	ticket, err := find()
	if err != nil {
		t.Fatal(err)
	}
	var i store.Invitation
	if err := json.Unmarshal([]byte(ticket.Data), &i); err != nil {
		t.Fatal(err)
	}
	if i.Name != "Wiki" || i.Sync != store.SyncGranted || !i.SkipConsent || strings.Join(i.Scopes, " ") != "openid email" ||
		strings.Join(i.Fields, " ") != "email" || strings.Join(i.AllowGroups, " ") != "staff" {
		t.Errorf("kept %+v", i)
	}
	if left := time.Until(ticket.ExpiresAt); left > 2*time.Hour || left < time.Hour || strings.Contains(ticket.Data, v.Token) {
		t.Errorf("kept %+v", ticket)
	}
	// The list has what a token is called and good for, and not the token.
	list := c.ok("", "registration", "list")
	if !strings.Contains(list, v.ID) || !strings.Contains(list, "Wiki") || !strings.Contains(list, "https://wiki.example.com") || strings.Contains(list, v.Token) {
		t.Errorf("the list is\n%s", list)
	}
	var page registrationPage
	if c.json(&page, "", "registration", "list", "--limit", "1"); len(page.Registrations) != 1 {
		t.Errorf("the first page is %+v", page)
	}
	c.json(&page, "", "registration", "list")
	if len(page.Registrations) != 2 {
		t.Fatalf("the list is %+v", page)
	}
	if got, _ := c.complete("registration", "revoke", ""); len(got) != 2 {
		t.Errorf("completed by %q", got)
	}
	if _, errs, code := c.try("", "registration", "revoke", "0123456789abcdef", "--yes"); code == 0 || !strings.Contains(errs, "registration list") {
		t.Errorf("revoking what there is not: %d %s", code, errs)
	}
	c.ok("", "registration", "revoke", v.ID)
	if _, err := find(); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a revoked token is still there: %v", err)
	}
	if c.json(&page, "", "registration", "list"); len(page.Registrations) != 1 || page.Registrations[0].ID == v.ID {
		t.Errorf("after one was revoked there are %+v", page)
	}
	c.ok("", "registration", "revoke")
	if c.json(&page, "", "registration", "list"); len(page.Registrations) != 0 {
		t.Errorf("after all were revoked there are %+v", page)
	}
	for args, says := range map[string]string{
		"--sync some":                        "sync is all, granted or off",
		"--sync all":                         "where may it be told of changes?",
		"--origin wiki.example.com":          "absolute URL",
		"--origin https://wiki.example.com/": "the origin alone",
		"--origin https://Wiki.example.com":  "small letters",
		"--origin http://wiki.example.com":   "allow_http_sync",
		"--scope mail":                       "no scope",
		"--allow-group a\x01":                "a group is",
		"--fields fone":                      "fone",
		"--expires soon":                     "expires",
		"--expires 91d":                      "at most 90d",
		"--expires -1h":                      "expires",
	} {
		if _, errs, code := c.try("", append([]string{"registration", "create"}, strings.Fields(args)...)...); code == 0 || !strings.Contains(errs, says) {
			t.Errorf("%s: %d %s", args, code, errs)
		}
	}
	if out := c.ok("", "registration", "create"); strings.Contains(out, "enroll") || !strings.Contains(out, "--origin") {
		t.Errorf("a token that is not for a gate comes with\n%s", out)
	}
}

// A token that nothing takes would only puzzle.
func TestRegistrationWhereItIsOff(t *testing.T) {
	c := newCLI(t, cliSite)
	if _, errs, code := c.try("", "registration", "create"); code == 0 || !strings.Contains(errs, "dynamic_registration") {
		t.Errorf("%d %s", code, errs)
	}
}
