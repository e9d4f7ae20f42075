package admin_test

import (
	"encoding/csv"
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

// withConfigured has a client of the Caddyfile.
func withConfigured(c *provider.Config) {
	configured := &provider.StaticClient{Secret: "the-secret-of-the-caddyfile-is-long", Client: store.Client{ID: "configured", ClientSettings: store.ClientSettings{
		Name: "Of the file", RedirectURIs: []string{"https://configured.example.com/oidc/callback"},
	}}}
	c.StaticClient = func(id string) (*provider.StaticClient, bool) { return configured, id == "configured" }
	c.StaticClients = func() []*provider.StaticClient { return []*provider.StaticClient{configured} }
}

// operationPaths are the pages for superusers alone.
var operationPaths = []string{
	"/o/admin/overview", "/o/admin/clients", "/o/admin/clients/new", "/o/admin/clients/wiki", "/o/admin/clients/wiki/edit", "/o/admin/clients/wiki/delete",
	"/o/admin/clients/configured", "/o/admin/registrations", "/o/admin/registrations/new", "/o/admin/sync", "/o/admin/audit", "/o/admin/audit/export?format=csv",
}

// newOperations has a client in the config and one in the store.
func newOperations(t *testing.T) *server {
	s := newServer(t, withConfigured, withRegistration)
	form := s.as("root").get("/o/admin/clients/new").form("id", "wiki", "redirect_uris", "https://wiki.example.com/oidc/callback", "name", "Wiki")
	if a := s.as("root").post("/o/admin/clients/new", form); a.StatusCode != http.StatusForbidden {
		t.Errorf("a form that was shown to another browser: %d", a.StatusCode)
	}
	b := s.as("root")
	if a := b.post("/o/admin/clients/new", b.get("/o/admin/clients/new").form("id", "wiki", "redirect_uris", "https://wiki.example.com/oidc/callback", "name", "Wiki")); a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	return s
}

func (s *server) client(id string) (c *store.Client) {
	s.t.Helper()
	s.view(func(tx store.ReadTx) error {
		c, _ = tx.Client(id)
		return nil
	})
	return c
}

// TestOperationsAreForSuperusers: role by page, for reading and for changing.
func TestOperationsAreForSuperusers(t *testing.T) {
	s := newOperations(t)
	token := s.invite(s.as("root"))
	for who, want := range map[string]int{"root": 200, "root2": 200, "sam": 403, "ada": 403} {
		b := s.as(who)
		for _, path := range operationPaths {
			if a := b.get(path); a.StatusCode != want {
				t.Errorf("%s at %s: %d, want %d", who, path, a.StatusCode, want)
			}
		}
		// The token of a form that they may see opens none that they may not.
		form := b.get("/o/admin/users").form("do", "disable", "client", "wiki", "id", nameOf(token), "expires", "day", "redirect_uris", "https://m.example.com/cb")
		if want == 200 {
			continue
		}
		for _, path := range []string{"/o/admin/clients/new", "/o/admin/clients/wiki", "/o/admin/clients/wiki/edit", "/o/admin/clients/wiki/delete", "/o/admin/registrations", "/o/admin/registrations/new", "/o/admin/sync"} {
			if a := b.post(path, form); a.StatusCode != 403 {
				t.Errorf("%s posts to %s: %d", who, path, a.StatusCode)
			}
		}
	}
	b := s.browser()
	for _, path := range operationPaths {
		if a := b.get(path); a.StatusCode != 303 || a.location().Path != "/o/login" {
			t.Errorf("nobody at %s: %d %s", path, a.StatusCode, a.location())
		}
	}
	if a := b.get("/o/admin/sync/events"); a.StatusCode != 303 {
		t.Errorf("nobody hears of sync: %d", a.StatusCode)
	}
	if a := s.as("sam").get("/o/admin/sync/events"); a.StatusCode != 403 {
		t.Errorf("staff hear of sync: %d", a.StatusCode)
	}
	if c := s.client("wiki"); c == nil || c.Disabled || s.client(nameOf(token)) != nil || len(s.invitations()) != 1 {
		t.Error("something was changed")
	}
}

// TestOperationsNeedTheirForm: whoever posts without the form's token, or with that
// of another session, changes nothing.
func TestOperationsNeedTheirForm(t *testing.T) {
	s := newOperations(t)
	b, other := s.as("root"), s.as("root")
	token := s.invite(b)
	for _, c := range []struct {
		path string
		form url.Values
	}{
		{"/o/admin/clients/new", url.Values{"id": {"new"}, "redirect_uris": {"https://n.example.com/cb"}}},
		{"/o/admin/clients/wiki", url.Values{"do": {"disable"}}},
		{"/o/admin/clients/wiki", url.Values{"do": {"rotate"}, "overlap": {"none"}}},
		{"/o/admin/clients/wiki/edit", url.Values{"redirect_uris": {"https://evil.example.com/cb"}}},
		{"/o/admin/clients/wiki/delete", url.Values{}},
		{"/o/admin/registrations", url.Values{"id": {nameOf(token)}}},
		{"/o/admin/registrations/new", url.Values{"origins": {"https://n.example.com"}, "expires": {"day"}}},
		{"/o/admin/sync", url.Values{"client": {"wiki"}}},
	} {
		for what, token := range map[string]string{"none": "", "garbage": "x", "of another session": other.get("/o/admin/clients/new").form().Get("csrf")} {
			c.form.Set("csrf", token)
			if a := b.post(c.path, c.form); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s %v with token %s: %d", c.path, c.form, what, a.StatusCode)
			}
		}
	}
	if c := s.client("wiki"); c == nil || c.Disabled || len(c.Secrets) != 1 || c.RedirectURIs[0] != "https://wiki.example.com/oidc/callback" || s.client("new") != nil || len(s.invitations()) != 1 {
		t.Errorf("something was changed: %+v", c)
	}
}

var secretShown = regexp.MustCompile(`<p class="detail">([A-Za-z0-9_-]{43})</p>`)

// TestClientLife: made with a secret and what to paste, changed, rotated with both
// secrets in force, disabled, deleted; and all of it in the audit log.
func TestClientLife(t *testing.T) {
	s := newServer(t, withConfigured)
	b := s.as("root")
	made := b.post("/o/admin/clients/new", b.get("/o/admin/clients/new").form("id", "wiki", "redirect_uris", "https://wiki.example.com/oidc/callback\r\n", "scopes", "openid email"))
	found := secretShown.FindStringSubmatch(made.body)
	if made.StatusCode != 200 || found == nil {
		t.Fatalf("no secret: %d %s", made.StatusCode, made.body)
	}
	secret := found[1]
	for _, part := range []string{"wiki.example.com {\n", "auth_client " + s.url, "client_id wiki", "client_secret " + secret, s.url + "/o/token", s.url + "/.well-known/openid-configuration"} {
		if !strings.Contains(html.UnescapeString(made.body), part) {
			t.Errorf("the page does not say %q", part)
		}
	}
	basic := func(secret string) int {
		req, _ := http.NewRequest("POST", s.url+"/o/introspect", strings.NewReader("token=x"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth("wiki", secret)
		a, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		return a.StatusCode
	}
	if got := basic(secret); got != 200 {
		t.Errorf("the secret is answered %d", got)
	}
	if a := b.get("/o/admin/clients/wiki"); strings.Contains(a.body, secret) || secretShown.MatchString(a.body) {
		t.Error("the secret is shown again")
	}
	if a := b.get("/o/admin/clients/wiki"); !strings.Contains(a.body, "https://wiki.example.com/oidc/sync") || !strings.Contains(a.body, "https://wiki.example.com/oidc/backchannel-logout") {
		t.Errorf("it is not said where the gate is told of changes and sign-outs: %s", a.body)
	}
	rotated := b.post("/o/admin/clients/wiki", b.get("/o/admin/clients/wiki").form("do", "rotate", "overlap", "hour"))
	next := secretShown.FindStringSubmatch(rotated.body)
	if next == nil || next[1] == secret || basic(secret) != 200 || basic(next[1]) != 200 {
		t.Fatalf("after a rotation with overlap: %d, %d", rotated.StatusCode, basic(secret))
	}
	leaked := b.post("/o/admin/clients/wiki", b.get("/o/admin/clients/wiki").form("do", "rotate", "overlap", "none"))
	last := secretShown.FindStringSubmatch(leaked.body)
	if last == nil || basic(secret) != 401 || basic(next[1]) != 401 || basic(last[1]) != 200 {
		t.Error("after a leak the old secrets go on")
	}
	form := b.get("/o/admin/clients/wiki/edit").form("name", "The wiki", "redirect_uris", "https://wiki.example.com/oidc/callback\nhttps://w.example.com/cb", "allow_groups", "it, ops")
	if a := b.post("/o/admin/clients/wiki/edit", form); a.StatusCode != 303 {
		t.Fatalf("changing: %d %s", a.StatusCode, a.body)
	}
	if c := s.client("wiki"); c.Name != "The wiki" || len(c.RedirectURIs) != 2 || fmt.Sprint(c.AllowGroups) != "[it ops]" || len(c.Secrets) != 1 || !c.CreatedAt.Equal(s.clock.now()) {
		t.Errorf("changed to %+v", c)
	}
	if b.post("/o/admin/clients/wiki", b.get("/o/admin/clients/wiki").form("do", "disable")); !s.client("wiki").Disabled || basic(last[1]) != 401 {
		t.Error("it is not disabled")
	}
	if b.post("/o/admin/clients/wiki", b.get("/o/admin/clients/wiki").form("do", "enable")); s.client("wiki").Disabled {
		t.Error("it is still disabled")
	}
	if a := b.post("/o/admin/clients/wiki/delete", b.get("/o/admin/clients/wiki/delete").form()); a.StatusCode != 303 || s.client("wiki") != nil {
		t.Errorf("not deleted: %d", a.StatusCode)
	}
	if a := b.get("/o/admin/clients/wiki"); a.StatusCode != 404 {
		t.Errorf("what was deleted: %d", a.StatusCode)
	}
	log := b.get("/o/admin/audit?user=client:wiki")
	for _, action := range []string{"client.create", "client.rotate_secret", "client.change", "client.disable", "client.enable", "client.delete"} {
		if !strings.Contains(log.body, action) {
			t.Errorf("%s is not in the log", action)
		}
	}
	for _, s := range []string{secret, next[1], last[1]} {
		if strings.Contains(log.body, s) {
			t.Error("a secret is in the log")
		}
	}
	if !strings.Contains(log.body, `<bdi>root</bdi>`) || !strings.Contains(log.body, "127.0.0.1") {
		t.Error("the log does not say who, or from where")
	}
}

// TestClientMistakes: what is wrong is said at its field, what was typed stays, and
// nothing is written.
func TestClientMistakes(t *testing.T) {
	s := newOperations(t)
	b := s.as("root")
	for _, c := range []struct{ field, value, says string }{
		{"redirect_uris", "http://wiki.example.com/*", "redirect"},
		{"redirect_uris", "javascript:alert(1)", ""},
		{"redirect_uris", "", "is needed"},
		{"id", "a b", "client id"},
		{"id", "wiki", "Another app has that already."},
		{"id", "configured", "An app of the config has that already."},
		{"scopes", "nothing", "scope"},
		{"name", strings.Repeat("x", 300), "200 bytes"},
		{"sync_url", "http://169.254.169.254/", ""},
		{"backchannel_logout_uri", "ftp://x", ""},
		{"allow_groups", "a\x00b", ""},
	} {
		form := b.get("/o/admin/clients/new").form("id", "new", "redirect_uris", "https://n.example.com/cb")
		form.Set(c.field, c.value)
		a := b.post("/o/admin/clients/new", form)
		if a.StatusCode != 422 || !strings.Contains(html.UnescapeString(a.body), c.says) || !strings.Contains(a.body, `class="problem"`) {
			t.Errorf("%s %q: %d", c.field, c.value, a.StatusCode)
		}
		if s.client("new") != nil {
			t.Fatalf("%s %q was written", c.field, c.value)
		}
	}
	// What the config has is shown, and changed there.
	if a := b.get("/o/admin/clients/configured"); !strings.Contains(a.body, "stands in the config") || strings.Contains(a.body, "caddyfile-is-long") || strings.Contains(a.body, `value="rotate"`) {
		t.Error("a client of the config is shown as one that can be changed, or with its secret")
	}
	if a := b.get("/o/admin/clients/configured/edit"); a.StatusCode != 303 {
		t.Errorf("the form of one of the config: %d", a.StatusCode)
	}
	token := b.get("/o/admin/clients/new").form()
	for path, form := range map[string]url.Values{
		"/o/admin/clients/configured/edit": {"redirect_uris": {"https://e.example.com/cb"}}, "/o/admin/clients/configured/delete": {}, "/o/admin/clients/configured": {"do": {"rotate"}, "overlap": {"none"}},
	} {
		form.Set("csrf", token.Get("csrf"))
		if a := b.post(path, form); a.StatusCode != 403 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	for _, form := range []url.Values{{"do": {"rotate"}, "overlap": {"forever"}}, {"do": {"dance"}}} {
		form.Set("csrf", token.Get("csrf"))
		if a := b.post("/o/admin/clients/wiki", form); a.StatusCode != 400 {
			t.Errorf("%v: %d", form, a.StatusCode)
		}
	}
}

// corpus is what must never come out of a page as it went in.
var corpus = []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onfocus=alert(1) x='`, `{{.}}`, `</textarea><svg onload=alert(1)>`, `javascript:alert(1)//`}

// TestOperationsEscape: names that somebody chose to attack who administers.
func TestOperationsEscape(t *testing.T) {
	s := newServer(t, withConfigured)
	b := s.as("root")
	for i, text := range corpus {
		s.update(func(tx store.WriteTx) error {
			c := &store.Client{ID: fmt.Sprint("c", i), ClientSettings: store.ClientSettings{
				Name: text, RedirectURIs: []string{"https://x.example.com/" + text}, AllowGroups: []string{text}, Scopes: []string{text}, SyncURL: "https://x.example.com/" + text,
			}, Secrets: []store.ClientSecret{{Sealed: []byte("x")}}, Disabled: true}
			if err := tx.PutClient(c); err != nil {
				return err
			}
			// What somebody's receiver of changes answered.
			behind := &store.SyncState{ClientID: "configured", Error: text, FailedAt: s.clock.now(), LastError: text, LastErrorAt: s.clock.now(), Parked: i%2 == 0}
			if err := tx.PutSyncState(behind); err != nil {
				return err
			}
			data, err := json.Marshal(store.Invitation{Name: text, Origins: []string{text}})
			if err != nil {
				return err
			}
			token := &store.Ticket{Kind: store.InvitationKind, Hash: store.HashOf(text), Data: string(data), CreatedAt: s.clock.now(), ExpiresAt: s.clock.now().Add(time.Hour)}
			if err := tx.PutTicket(token); err != nil {
				return err
			}
			return store.Audit(tx, store.AuditOrigin{Actor: store.AuditParty{Type: text, ID: text, Name: text}, IP: text, UserAgent: text, Time: s.clock.now()}, store.AuditAction(text),
				store.AuditParty{Type: store.UserType, ID: text, Name: text}, store.AuditChange{Field: text, Old: text, New: text})
		})
		q := url.QueryEscape(text)
		for _, path := range []string{
			"/o/admin/clients", "/o/admin/registrations", "/o/admin/registrations?after=" + q, fmt.Sprint("/o/admin/clients/c", i), fmt.Sprint("/o/admin/clients/c", i, "/edit"), fmt.Sprint("/o/admin/clients/c", i, "/delete"),
			"/o/admin/audit", "/o/admin/overview", "/o/admin/sync", "/o/admin/audit?user=" + q + "&action=" + q + "&since=" + q + "&until=" + q, "/o/admin/audit?user=x:" + q,
			"/o/admin/clients/new?preset=gate&address=" + q, "/o/admin/overview?days=" + q, "/o/admin/audit?after=" + q,
		} {
			a := b.get(path)
			for _, bad := range []string{"<script>alert", "<img src=x", "<svg onload", `" onfocus`, `href="javascript:`, "' onfocus=alert(1) x='"} {
				if strings.Contains(a.body, bad) {
					t.Errorf("%s shows %s", path, bad)
				}
			}
			if a.StatusCode >= 500 {
				t.Errorf("%s: %d", path, a.StatusCode)
			}
		}
	}
}

// TestAuditPage: filters, pages, and exports that say so themselves.
func TestAuditPage(t *testing.T) {
	s := newServer(t)
	s.update(func(tx store.WriteTx) error {
		for i := range 120 {
			err := store.Audit(tx, store.AuditOrigin{Actor: store.AuditParty{Type: store.UserType, ID: "5", Name: "ada"}, IP: "192.0.2.1", UserAgent: "=1+1", Time: s.clock.now().Add(-time.Duration(i) * time.Hour)},
				store.ActionConsentGrant, store.AuditParty{Type: store.ClientParty, ID: "wiki"})
			if err != nil {
				return err
			}
		}
		return nil
	})
	b := s.as("root")
	rows := func(a *answer) int { return strings.Count(a.body, `<th scope="row" class="word">`) }
	first := b.get("/o/admin/audit?user=ada&action=consent.")
	older := regexp.MustCompile(`href="(/o/admin/audit\?[^"]*after=[^"]+)"`).FindStringSubmatch(first.body)
	if rows(first) != 50 || older == nil {
		t.Fatalf("the first page has %d rows", rows(first))
	}
	second := b.get(html.UnescapeString(older[1]))
	if rows(second) != 50 || !strings.Contains(second.body, "Newest") {
		t.Errorf("the second page has %d rows", rows(second))
	}
	for query, want := range map[string]int{"since=10h30m": 12, "user=5&since=2026-11-23": 13, "user=bob": 0, "action=client.": 0, "user=root": 1, "user=operator": 0, "user=client:wiki&since=1h30m": 2} {
		if a := b.get("/o/admin/audit?" + query); a.StatusCode != 200 || rows(a) != want {
			t.Errorf("%s: %d, %d rows; want %d", query, a.StatusCode, rows(a), want)
		}
	}
	for _, query := range []string{"user=nobody", "since=yesterday", "after=x"} {
		if a := b.get("/o/admin/audit?" + query); a.StatusCode != 422 || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("%s: %d", query, a.StatusCode)
		}
	}
	export := b.get("/o/admin/audit/export?user=ada&format=csv")
	table, err := csv.NewReader(strings.NewReader(export.body)).ReadAll()
	if err != nil || len(table) != 121 || export.Header.Get("Content-Disposition") != `attachment; filename="audit.csv"` || strings.Contains(export.body, ",=1+1") {
		t.Errorf("the table has %d rows, %v", len(table), err)
	}
	if a := b.get("/o/admin/audit/export?format=jsonl&action=consent."); strings.Count(a.body, "\n") != 120 {
		t.Errorf("the export has %d lines", strings.Count(a.body, "\n"))
	}
	if a := b.get("/o/admin/audit/export?format=exe"); a.StatusCode != 303 {
		t.Errorf("no format: %d", a.StatusCode)
	}
	if a := b.get("/o/admin/audit?action=audit.export"); rows(a) != 2 {
		t.Errorf("%d exports are in the log", rows(a))
	}
	// Who signed in long ago does so again before they take all of it along.
	s.clock.add(time.Hour)
	if a := b.get("/o/admin/audit/export?format=csv"); a.StatusCode != 303 || a.location().Path != "/o/login" {
		t.Errorf("an hour later: %d", a.StatusCode)
	}
}

// TestOverview: sign-ins and failures of the time that was chosen, and who is behind.
func TestOverview(t *testing.T) {
	s := newServer(t, withConfigured)
	s.update(func(tx store.WriteTx) error {
		for _, r := range []store.AuditRecord{
			{Time: s.clock.now().Add(-time.Hour), Action: store.ActionSignInFailed, Count: 41},
			{Time: s.clock.now().AddDate(0, 0, -3), Action: store.ActionSignInFailed, Count: 59},
		} {
			if err := tx.PutAudit(&r); err != nil {
				return err
			}
		}
		return tx.PutSyncState(&store.SyncState{ClientID: "configured", Error: "no answer", FailedAt: s.clock.now()})
	})
	b := s.as("root")
	for query, want := range map[string]string{"": "41", "?days=7": "100", "?days=30": "100", "?days=1000": "41"} {
		a := b.get("/o/admin/overview" + query)
		if a.StatusCode != 200 || !strings.Contains(a.body, `<p class="big">`+want+`</p>`) {
			t.Errorf("%q does not show %s: %d", query, want, a.StatusCode)
		}
	}
	a := b.get("/o/admin")
	if a.StatusCode != 303 || a.location().Path != "/o/admin/overview" {
		t.Errorf("a superuser begins at %s", a.location())
	}
	a = b.get("/o/admin/overview")
	if !strings.Contains(a.body, `<a href="/o/admin/sync"><bdi>Of the file</bdi></a>`) || !strings.Contains(a.body, "failing") {
		t.Error("a client that fails is not shown")
	}
	if policy := a.Header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src 'sha") {
		t.Errorf("the policy is %s", policy)
	}
}

// TestSyncPage: how far each client is, and a client is filled anew.
func TestSyncPage(t *testing.T) {
	s := newServer(t, withConfigured)
	b := s.as("root")
	a := b.get("/o/admin/sync")
	if a.StatusCode != 200 || !strings.Contains(a.body, `<a href="/o/admin/clients/configured"><bdi>Of the file</bdi></a>`) || !strings.Contains(a.body, "was never heard of") && !strings.Contains(a.body, "is behind") {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	s.update(func(tx store.WriteTx) error {
		return tx.PutSyncState(&store.SyncState{ClientID: "configured", Error: "it answers 503 Service Unavailable", FailedAt: s.clock.now(), LastError: "it answers 503 Service Unavailable"})
	})
	if a := b.get("/o/admin/sync"); !strings.Contains(a.body, `<span class="badge bad">failing</span>`) || !strings.Contains(a.body, "it answers 503") {
		t.Errorf("a client that answers with an error: %s", a.body)
	}
	if policy := a.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "connect-src 'self'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %s", policy)
	}
	if a := b.post("/o/admin/sync", a.form("client", "nobody")); a.StatusCode != 404 {
		t.Errorf("who is no client: %d", a.StatusCode)
	}
	if a := b.post("/o/admin/sync", a.form("client", "configured")); a.StatusCode != 303 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	s.view(func(tx store.ReadTx) error {
		state, err := tx.SyncState("configured")
		if err == nil && !state.Resync {
			t.Error("it is not filled anew")
		}
		return err
	})
	if a := b.get("/o/admin/audit?action=sync."); !strings.Contains(a.body, "sync.resync") {
		t.Error("that is not in the log")
	}
}

// TestSyncEvents: the script hears when something changed, and nothing else.
func TestSyncEvents(t *testing.T) {
	s := newServer(t, withConfigured)
	b := s.as("root")
	req, err := http.NewRequest("GET", s.url+"/o/admin/sync/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Jar: b.jar}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("it answers %s", got)
	}
	read := func(want string) {
		t.Helper()
		all := ""
		for !strings.Contains(all, want) {
			buf := make([]byte, 1024)
			n, err := resp.Body.Read(buf)
			all += string(buf[:n])
			if err != nil {
				t.Fatalf("heard %q and %v; want %q", all, err, want)
			}
		}
	}
	read("retry: ")
	s.addUser(&store.User{Username: "late"})
	read("data: changed\n\n")
}
