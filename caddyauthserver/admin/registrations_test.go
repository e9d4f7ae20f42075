package admin_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// withRegistration lets software register itself.
func withRegistration(c *provider.Config) { c.Registration = true }

// invitations are the tokens that the store has, by their names.
func (s *server) invitations() map[string]*store.Invitation {
	s.t.Helper()
	all := map[string]*store.Invitation{}
	s.view(func(tx store.ReadTx) error {
		tickets, err := tx.Tickets(store.InvitationKind, store.Hash{}, 1000)
		for _, t := range tickets {
			if all[t.Name()], err = store.InvitationOf(t); err != nil {
				return err
			}
		}
		return err
	})
	return all
}

// nameOf is what a token is called in the list.
func nameOf(token string) string {
	return (&store.Ticket{Hash: store.HashOf(token)}).Name()
}

// invite makes a token for a gate at wiki.example.com, unless set says otherwise.
func (s *server) invite(b *browser, set ...string) string {
	s.t.Helper()
	form := b.get("/o/admin/registrations/new").form("origins", "https://wiki.example.com", "expires", "day")
	for i := 0; i < len(set); i += 2 {
		form.Set(set[i], set[i+1])
	}
	a := b.post("/o/admin/registrations/new", form)
	found := secretShown.FindStringSubmatch(a.body)
	if a.StatusCode != http.StatusOK || found == nil {
		s.t.Fatalf("no token: %d %s", a.StatusCode, a.body)
	}
	return found[1]
}

// register has software register itself, and returns the status and what is answered.
func (s *server) register(token, metadata string) (status int, answer map[string]any) {
	s.t.Helper()
	req, err := http.NewRequest("POST", s.url+"/o/register", strings.NewReader(metadata))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

const wikiMetadata = `{"redirect_uris":["https://wiki.example.com/oidc/callback"]}`

// TestRegistrationTokenLife: made and shown once with what to paste, listed without
// itself, used by a gate within what was said, or revoked; and all of it in the log.
func TestRegistrationTokenLife(t *testing.T) {
	s := newServer(t, withRegistration)
	b := s.as("root")
	if a := b.get("/o/admin/registrations"); a.StatusCode != 200 || !strings.Contains(a.body, "No token waits to be used.") {
		t.Errorf("an empty list: %d %s", a.StatusCode, a.body)
	}
	made := b.post("/o/admin/registrations/new", b.get("/o/admin/registrations/new").form(
		"name", "Wiki", "origins", "https://wiki.example.com\r\nhttps://w.example.com\r\n", "expires", "hour", "skip_consent", "1", "allow_groups", "it, ops", "sync", "granted", "fields", "email, company.name", "scopes", "openid email"))
	found := secretShown.FindStringSubmatch(made.body)
	if made.StatusCode != 200 || found == nil {
		t.Fatalf("no token: %d %s", made.StatusCode, made.body)
	}
	token := found[1]
	for _, part := range []string{"wiki.example.com {\n\tauth_client " + s.url + " {\n\t\tenroll " + token + "\n\t}\n", s.url + "/o/register"} {
		if !strings.Contains(html.UnescapeString(made.body), part) {
			t.Errorf("the page does not say %q", part)
		}
	}
	if got := made.Header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
		t.Errorf("the page with the token may be kept: %q", got)
	}
	i := s.invitations()[nameOf(token)]
	if i == nil || i.Name != "Wiki" || !i.SkipConsent || i.Sync != store.SyncGranted || fmt.Sprint(i.Origins, i.AllowGroups, i.Fields, i.Scopes) != "[https://wiki.example.com https://w.example.com] [it ops] [email company.name] [openid email]" {
		t.Fatalf("kept %+v", i)
	}
	other := s.invite(b)
	list := b.get("/o/admin/registrations")
	for _, part := range []string{nameOf(token), nameOf(other), "Wiki", "https://w.example.com"} {
		if !strings.Contains(list.body, part) {
			t.Errorf("the list lacks %s", part)
		}
	}
	if strings.Contains(list.body, token) || strings.Contains(list.body, other) {
		t.Error("the list shows a token")
	}

	// The gate of the snippet gets what was said, and nobody after it.
	status, answer := s.register(token, wikiMetadata)
	if status != http.StatusCreated || answer["client_name"] != "Wiki" || answer["scope"] != "openid email" {
		t.Fatalf("registering: %d %v", status, answer)
	}
	if c := s.client(answer["client_id"].(string)); c == nil || !c.SkipConsent || fmt.Sprint(c.AllowGroups) != "[it ops]" {
		t.Errorf("registered %+v", c)
	}
	if status, answer := s.register(token, wikiMetadata); status != 401 {
		t.Errorf("the token is used twice: %d %v", status, answer)
	}
	if list := b.get("/o/admin/registrations"); strings.Contains(list.body, nameOf(token)) || !strings.Contains(list.body, nameOf(other)) {
		t.Error("the list has what was used, or lacks what was not")
	}

	// What is revoked is worth nothing.
	if a := b.post("/o/admin/registrations", list.form("id", nameOf(other))); a.StatusCode != 303 || a.location().Path != "/o/admin/registrations" {
		t.Fatalf("revoking: %d %s", a.StatusCode, a.body)
	}
	if status, _ := s.register(other, wikiMetadata); status != 401 {
		t.Errorf("what was revoked is answered %d", status)
	}
	for _, id := range []string{nameOf(other), nameOf(token), "", "x", other, strings.Repeat("0", 16), strings.Repeat("f", 64)} {
		if a := b.post("/o/admin/registrations", list.form("id", id)); a.StatusCode != 404 {
			t.Errorf("revoking %q: %d", id, a.StatusCode)
		}
	}
	log := b.get("/o/admin/audit?action=registration.")
	for _, part := range []string{"registration.create", "registration.revoke", nameOf(token), nameOf(other), "https://w.example.com", `<bdi>root</bdi>`, "127.0.0.1"} {
		if !strings.Contains(log.body, part) {
			t.Errorf("the log lacks %s", part)
		}
	}
	if strings.Contains(log.body, token) || strings.Contains(log.body, other) {
		t.Error("a token is in the log")
	}
}

// TestRegistrationTokenMistakes: what is wrong is said at its field, what was typed
// stays, and no token is made.
func TestRegistrationTokenMistakes(t *testing.T) {
	s := newServer(t, withRegistration)
	b := s.as("root")
	for _, c := range []struct{ field, value, says string }{
		{"origins", "wiki.example.com", "absolute URL"},
		{"origins", "https://wiki.example.com/", "the origin alone"},
		{"origins", "https://ok.example.com\nhttp://wiki.example.com", "https only"},
		{"origins", "javascript:alert(1)", "absolute URL"},
		{"origins", "", "where may it be told"},
		{"expires", "year", "at most 90d"},
		{"expires", "", "at most 90d"},
		{"name", strings.Repeat("x", 300), "200 bytes"},
		{"scopes", "nothing", "scope"},
		{"allow_groups", "a\x00b", "a group is"},
		{"sync", "some", "all, granted or off"},
		{"fields", "fone", "fone"},
	} {
		form := b.get("/o/admin/registrations/new").form("origins", "https://kept.example.com", "expires", "day")
		form.Set("sync", "all")
		form.Set(c.field, c.value)
		a := b.post("/o/admin/registrations/new", form)
		if a.StatusCode != 422 || !strings.Contains(html.UnescapeString(a.body), c.says) || !strings.Contains(a.body, `class="problem" id="`+c.field+`-problem"`) {
			t.Errorf("%s %q: %d %s", c.field, c.value, a.StatusCode, a.body)
		}
		if c.field != "origins" && !strings.Contains(a.body, "https://kept.example.com") {
			t.Errorf("%s %q: what was typed is gone", c.field, c.value)
		}
	}
	if all := s.invitations(); len(all) > 0 {
		t.Errorf("made %v", all)
	}
}

// TestRegistrationTokenAsksAgain: who signed in a while ago does so once more before a
// token is made or revoked, since it gives power.
func TestRegistrationTokenAsksAgain(t *testing.T) {
	s := newServer(t, withRegistration)
	b := s.as("root")
	token := s.invite(b)
	form, list := b.get("/o/admin/registrations/new"), b.get("/o/admin/registrations")
	s.clock.add(16 * time.Minute)
	for path, form := range map[string]url.Values{
		"/o/admin/registrations/new": form.form("origins", "https://n.example.com", "expires", "day"),
		"/o/admin/registrations":     list.form("id", nameOf(token)),
	} {
		if a := b.post(path, form); a.StatusCode != 303 || a.location().Path != "/o/login" {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Header.Get("Location"))
		}
	}
	if all := s.invitations(); len(all) != 1 || all[nameOf(token)] == nil {
		t.Errorf("there are %v", all)
	}
}

// TestRegistrationTokensByPages: many, and those that expired are none.
func TestRegistrationTokensByPages(t *testing.T) {
	s := newServer(t, withRegistration)
	s.update(func(tx store.WriteTx) error {
		for i := range 260 {
			end := s.clock.now().Add(time.Hour)
			if i >= 130 {
				end = s.clock.now()
			}
			if err := tx.PutTicket(&store.Ticket{Kind: store.InvitationKind, Hash: store.HashOf(fmt.Sprint(i)), Data: "{}", CreatedAt: s.clock.now(), ExpiresAt: end}); err != nil {
				return err
			}
		}
		return nil
	})
	b := s.as("root")
	next := regexp.MustCompile(`href="(/o/admin/registrations\?after=[0-9a-f]+)"`)
	seen := map[string]bool{}
	rows := regexp.MustCompile(`<th scope="row">([0-9a-f]{16})</th>`)
	at, pages := "/o/admin/registrations", 0
	for at != "" && pages < 10 {
		a := b.get(at)
		for _, m := range rows.FindAllStringSubmatch(a.body, -1) {
			if seen[m[1]] {
				t.Errorf("%s comes twice", m[1])
			}
			seen[m[1]] = true
		}
		at, pages = "", pages+1
		if m := next.FindStringSubmatch(a.body); m != nil {
			at = m[1]
		}
	}
	if len(seen) != 130 || pages != 3 {
		t.Errorf("%d tokens on %d pages", len(seen), pages)
	}
	if a := b.get("/o/admin/registrations?after=x"); a.StatusCode != 200 {
		t.Errorf("after nothing: %d", a.StatusCode)
	}
}

// TestNoRegistrationTokensWhereNothingRegisters: one would be good for nothing here,
// and the page says what to do. What another server of this Caddy is still good for is
// revoked here too.
func TestNoRegistrationTokensWhereNothingRegisters(t *testing.T) {
	s := newServer(t)
	b := s.as("root")
	list := b.get("/o/admin/registrations")
	if list.StatusCode != 200 || !strings.Contains(list.body, "add dynamic_registration to auth_server") || strings.Contains(list.body, "registrations/new") {
		t.Errorf("%d %s", list.StatusCode, list.body)
	}
	if a := b.get("/o/admin/registrations/new"); a.StatusCode != 303 || a.location().Path != "/o/admin/registrations" {
		t.Errorf("the form: %d", a.StatusCode)
	}
	if a := b.post("/o/admin/registrations/new", b.get("/o/admin/clients/new").form("origins", "https://n.example.com", "expires", "day")); a.StatusCode != 303 || len(s.invitations()) > 0 {
		t.Errorf("making one: %d", a.StatusCode)
	}
	s.update(func(tx store.WriteTx) error {
		return tx.PutTicket(&store.Ticket{Kind: store.InvitationKind, Hash: store.HashOf("x"), Data: "{}", CreatedAt: s.clock.now(), ExpiresAt: s.clock.now().Add(time.Hour)})
	})
	if a := b.post("/o/admin/registrations", b.get("/o/admin/registrations").form("id", nameOf("x"))); a.StatusCode != 303 || len(s.invitations()) > 0 {
		t.Errorf("revoking: %d", a.StatusCode)
	}
}
