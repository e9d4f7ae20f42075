package admin_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/caddyito/caddyito/store"
)

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func textIn(n *html.Node) string {
	text := ""
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			text += c.Data
		}
	}
	return text
}

// filled is the last form of the page as a browser would post it, untouched.
func (a *answer) filled(t *testing.T) url.Values {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{}
	for n := range doc.Descendants() {
		name, _ := attribute(n, "name")
		value, _ := attribute(n, "value")
		switch typ, _ := attribute(n, "type"); {
		case n.Data == "form":
			values = url.Values{}
		case n.Data == "input" && typ == "checkbox":
			if _, on := attribute(n, "checked"); on {
				values.Add(name, value)
			}
		case n.Data == "input" && name != "":
			values.Add(name, value)
		case n.Data == "textarea":
			values.Add(name, strings.ReplaceAll(textIn(n), "\n", "\r\n"))
		case n.Data == "select":
			chosen := ""
			for o := range n.Descendants() {
				if _, on := attribute(o, "selected"); on {
					chosen, _ = attribute(o, "value")
				}
			}
			values.Add(name, chosen)
		}
	}
	return values
}

// settingNames are the names that settings of a client have in JSON.
func settingNames() (names []string) {
	typ := reflect.TypeFor[store.ClientSettings]()
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// full has everything set, so that what the form forgot would be missed.
func full() store.ClientSettings {
	return store.ClientSettings{
		Name: "Full, of all", RedirectURIs: []string{"https://full.example.com/b", "https://full.example.com/a?x=1&y=2"}, PostLogoutRedirectURIs: []string{"https://full.example.com/", "https://full.example.com/bye"},
		SkipConsent: true, AllowNoPKCE: true, AllowGroups: []string{"it & ops", "Ärzte"}, IDTokenAlg: "EdDSA", Format: store.FormatDjangito, AdminFlags: true,
		Scopes: []string{"openid", "invoices:read", "email"}, Sync: store.SyncGranted, SyncURL: "https://full.example.com/sync", BackchannelLogoutURI: "https://full.example.com/out?x=1",
		Fields: []string{"email", "company.name"}, GrantTypes: []string{store.GrantDevice, store.GrantRefresh, store.GrantCode, store.GrantClientCredentials}, RequirePAR: true,
		Resources: []string{"https://api.example.com", "urn:example:api"}, AccessTokenFormat: store.AccessTokenJWT,
		AccessTokenLifetime: store.Duration(90 * time.Second), RefreshTokenLifetime: store.Duration(720 * time.Hour), FrontchannelLogoutURI: "https://full.example.com/front",
	}
}

// TestFormHasEverySetting: there is an input for each, so a new setting cannot be
// forgotten.
func TestFormHasEverySetting(t *testing.T) {
	b := newOperations(t).as("root")
	made, edit := b.get("/o/admin/clients/new").body, b.get("/o/admin/clients/wiki/edit").body
	for _, name := range settingNames() {
		input := ` name="` + name + `"`
		if !strings.Contains(made, input) {
			t.Errorf("the form of a new app has no %s", name)
		}
		if name != "public" && !strings.Contains(edit, input) {
			t.Errorf("the form of an app has no %s", name)
		}
	}
	v := reflect.ValueOf(full())
	for i, name := range settingNames() {
		if name != "public" && v.Field(i).IsZero() {
			t.Errorf("the test does not set %s", name)
		}
	}
}

// TestEditKeepsEverything: a form that is saved as it was shown changes nothing, and
// writes nothing into the audit log that was not there.
func TestEditKeepsEverything(t *testing.T) {
	s := newServer(t)
	b := s.as("root")
	one := func(change func(*store.ClientSettings)) store.ClientSettings {
		c := store.ClientSettings{RedirectURIs: []string{"https://one.example.com/cb"}}
		change(&c)
		return c
	}
	for i, settings := range []store.ClientSettings{
		full(),
		one(func(*store.ClientSettings) {}),
		one(func(c *store.ClientSettings) { c.GrantTypes = []string{store.GrantCode} }),
		one(func(c *store.ClientSettings) { c.GrantTypes = []string{store.GrantCode, store.GrantRefresh} }),
		one(func(c *store.ClientSettings) { c.GrantTypes = []string{store.GrantRefresh, store.GrantCode} }),
		one(func(c *store.ClientSettings) {
			c.RedirectURIs, c.GrantTypes = nil, []string{store.GrantClientCredentials}
		}),
		one(func(c *store.ClientSettings) { c.Public, c.RedirectURIs = true, []string{"com.example.app:/cb"} }),
		one(func(c *store.ClientSettings) {
			c.IDTokenAlg, c.AccessTokenFormat, c.Sync = "RS256", store.AccessTokenOpaque, store.SyncOff
		}),
		one(func(c *store.ClientSettings) { c.AccessTokenLifetime = store.Duration(1500 * time.Millisecond) }),
	} {
		c := &store.Client{ID: fmt.Sprint("c", i), ClientSettings: settings, CreatedAt: s.clock.now()}
		if !c.Public {
			c.Secrets = []store.ClientSecret{{Sealed: []byte("x")}}
		}
		s.update(func(tx store.WriteTx) error { return tx.PutClient(c) })
		path := "/o/admin/clients/" + c.ID
		if a := b.post(path+"/edit", b.get(path+"/edit").filled(t)); a.StatusCode != 303 {
			t.Errorf("%s: %d %s", c.ID, a.StatusCode, a.body)
		}
		before, _ := json.MarshalIndent(c, "", " ")
		after, _ := json.MarshalIndent(s.client(c.ID), "", " ")
		if string(before) != string(after) {
			t.Errorf("%s was\n%s\nand is\n%s", c.ID, before, after)
		}
		// And each can be taken away.
		if a := b.get(path); a.StatusCode != 200 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
}

// TestFormSetsEverything: a new app gets all that is typed, and an app loses what is
// taken out.
func TestFormSetsEverything(t *testing.T) {
	s := newServer(t)
	b := s.as("root")
	want := full()
	s.update(func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "model", ClientSettings: want}) })
	form := b.get("/o/admin/clients/model/edit").filled(t)
	form.Set("id", "made")
	form.Set("csrf", b.get("/o/admin/clients/new").form().Get("csrf"))
	if a := b.post("/o/admin/clients/new", form); a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	want.GrantTypes = store.GrantTypes() // which the form puts into order
	if got := s.client("made"); got == nil || !reflect.DeepEqual(got.ClientSettings, want) {
		t.Errorf("made is %+v\nwant %+v", got, want)
	}
	shown := b.get("/o/admin/clients/made").body
	for _, part := range []string{"urn:example:api", "1m30s", "30d", "company.name", "https://full.example.com/front", "JWT, for APIs", "a Django project", "EdDSA"} {
		if !strings.Contains(shown, part) {
			t.Errorf("the page of the app does not say %s", part)
		}
	}
	bare := url.Values{"csrf": form["csrf"], "redirect_uris": {"https://full.example.com/b"}}
	if a := b.post("/o/admin/clients/made/edit", bare); a.StatusCode != 303 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if got := s.client("made"); !reflect.DeepEqual(got.ClientSettings, store.ClientSettings{RedirectURIs: []string{"https://full.example.com/b"}}) {
		t.Errorf("with all taken out it is %+v", got)
	}
}

// TestMoreSettingsOpen: what is set or wrong is not out of sight.
func TestMoreSettingsOpen(t *testing.T) {
	s := newOperations(t)
	b := s.as("root")
	open := func(a *answer) bool { return strings.Contains(a.body, `<details class="settings" open>`) }
	if open(b.get("/o/admin/clients/new")) || open(b.get("/o/admin/clients/wiki/edit")) {
		t.Error("it is open where there is nothing")
	}
	if !open(b.get("/o/admin/clients/new?preset=gitea&address=git.example.com")) {
		t.Error("what a well-known app needs is out of sight")
	}
	for name, value := range map[string]string{
		"grant_types": "refresh_token", "resources": "/x", "access_token_lifetime": "5 minutes", "refresh_token_lifetime": "0s", "access_token_format": "saml",
		"id_token_signed_response_alg": "HS256", "require_pushed_authorization_requests": "", "fields": "nothing", "frontchannel_logout_uri": "https://elsewhere.example.com/", "format": "rails", "admin_flags": "1",
	} {
		form := b.get("/o/admin/clients/wiki/edit").filled(t)
		form.Set(name, value)
		if name == "require_pushed_authorization_requests" {
			form.Set(name, "1")
			form.Set("grant_types", store.GrantDevice)
		}
		a := b.post("/o/admin/clients/wiki/edit", form)
		if a.StatusCode != 422 || !open(a) || !strings.Contains(a.body, `id="`+name+`-problem"`) {
			t.Errorf("%s %q: %d, open %t", name, value, a.StatusCode, open(a))
		}
		if again := a.filled(t); name != "grant_types" && name != "access_token_format" && name != "id_token_signed_response_alg" && name != "format" && again.Get(name) != form.Get(name) {
			t.Errorf("%s: what was typed became %q", name, again.Get(name))
		}
	}
	form := b.get("/o/admin/clients/new").filled(t)
	form.Set("id", "spa")
	form.Set("redirect_uris", "https://spa.example.com/")
	form.Set("public", "1")
	form.Add("grant_types", store.GrantClientCredentials)
	if a := b.post("/o/admin/clients/new", form); a.StatusCode != 422 || !strings.Contains(a.body, `name="public" value="1" checked`) {
		t.Errorf("a public client with credentials: %d", a.StatusCode)
	}
}

// TestProblemsInTheReadersLanguage: what is wrong is said in it, for apps, users and
// objects.
func TestProblemsInTheReadersLanguage(t *testing.T) {
	s := newOperations(t)
	root := s.user("root")
	root.Language = "de"
	s.update(func(tx store.WriteTx) error { return store.SaveUser(tx, store.DefaultSchema(), root) })
	b := s.as("root")
	company := s.addCompany("Acme")
	object := fmt.Sprintf("/o/admin/objects/company/%d", company.ID)
	for _, c := range []struct{ path, name, value, says string }{
		{"/o/admin/clients/wiki/edit", "redirect_uris", "", "ist nötig: Wohin kommen Menschen"},
		{"/o/admin/clients/wiki/edit", "scopes", "post", "einen Scope &#34;post&#34; gibt es nicht"},
		{"/o/admin/clients/wiki/edit", "access_token_lifetime", "bald", "&#34;bald&#34; ist keine Dauer wie 5m"},
		{"/o/admin/clients/wiki/edit", "sync_url", "http://x.example.com/", "Benutzer werden nur über https gesendet"},
		{"/o/admin/clients/new", "id", "wiki", "Das hat schon eine andere App."},
		{"/o/admin/clients/new", "id", "configured", "Das hat schon eine App der Konfiguration."},
		{"/o/admin/users/new", "email", "nobody", "&#34;nobody&#34; ist keine E-Mail-Adresse"},
		{"/o/admin/users/new", "username", "a b", "darf nur Buchstaben, Ziffern"},
		{"/o/admin/users/new", "groups", strings.Repeat("x", 151), "eine Gruppe hat 1 bis 150"},
		{"/o/admin/users/new", "company", "Nobody", "company &#34;Nobody&#34; gibt es nicht"},
		{object, "name", "", "ist nötig"},
	} {
		page := b.get(c.path)
		form := page.filled(t)
		if strings.HasSuffix(c.path, "/new") {
			form.Set("username", "new")
			form.Set("id", "new")
			form.Set("redirect_uris", "https://new.example.com/cb")
		}
		form.Set(c.name, c.value)
		a := b.post(c.path, form)
		if a.StatusCode != 422 || !strings.Contains(a.body, c.says) {
			t.Errorf("%s %s=%.40q: %d; want %q\n%s", c.path, c.name, c.value, a.StatusCode, c.says, a.body)
		}
	}
}

// TestListsInTheReadersLanguage: what is wrong with a list, and with its lines.
func TestListsInTheReadersLanguage(t *testing.T) {
	s := newServer(t)
	sam := s.user("sam")
	sam.Language = "de"
	s.update(func(tx store.WriteTx) error { return store.SaveUser(tx, store.DefaultSchema(), sam) })
	b := s.as("sam")
	token := b.get("/o/admin/users/import").form().Get("csrf")
	if a := b.upload(token, "username,shoe\nx,42\n"); a.StatusCode != 422 || !strings.Contains(a.body, "die Liste lässt sich nicht lesen: eine Spalte &#34;shoe&#34; gibt es nicht") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	trial := b.finished(b.upload(token, "username,email\neve,nobody\nroot,r@example.com\ndora,d@example.com\ndora,\nfred,ada@example.com\na b,\n"))
	for _, want := range []string{
		"email: &#34;nobody&#34; ist keine E-Mail-Adresse", "das dürfen Sie mit diesem Konto nicht tun", "username: Zeile 4 hat dasselbe",
		"email: ein anderer Eintrag der Art user hat schon email &#34;ada@example.com&#34;", "username: darf nur Buchstaben",
	} {
		if !strings.Contains(trial.body, want) {
			t.Errorf("it does not say %q: %s", want, trial.body)
		}
	}
}

// TestClientFieldsAreNoMarkup: whatever is typed into a field of an app, or stands in
// one, is text and nothing else.
func TestClientFieldsAreNoMarkup(t *testing.T) {
	s := newOperations(t)
	b := s.as("root")
	empty := b.get("/o/admin/clients/new").filled(t)
	for _, x := range append(corpus, `</details><script>alert(1)</script>`, `" autofocus onfocus="alert(1)`, "a\r\nSet-Cookie: evil=1", "%s%d%!") {
		for _, name := range append(settingNames(), "id", "preset") {
			form := url.Values{}
			for k, v := range empty {
				form[k] = v
			}
			form.Set("id", "new")
			form.Set("redirect_uris", "https://n.example.com/cb\n/broken") // so that the form comes back
			if name == "redirect_uris" {
				form.Set("post_logout_redirect_uris", "/broken")
			}
			form.Set(name, x)
			a := b.post("/o/admin/clients/new", form)
			if a.StatusCode != 422 {
				t.Errorf("%s %q: %d", name, x, a.StatusCode)
			}
			onlyOurs(t, name+" "+x, a)
		}
		c := &store.Client{ID: "evil", Secrets: []store.ClientSecret{{Sealed: []byte("x")}}}
		v := reflect.ValueOf(&c.ClientSettings).Elem()
		for i := range v.NumField() {
			switch f := v.Field(i); f.Kind() {
			case reflect.String:
				f.SetString(x)
			case reflect.Slice:
				f.Set(reflect.ValueOf([]string{x, "https://x.example.com/" + x}))
			}
		}
		s.update(func(tx store.WriteTx) error { return tx.PutClient(c) })
		for _, path := range []string{"/o/admin/clients", "/o/admin/clients/evil", "/o/admin/clients/evil/edit", "/o/admin/clients/evil/delete"} {
			onlyOurs(t, path+" with "+x, b.get(path))
		}
	}
}
