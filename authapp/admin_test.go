package authapp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// api is the admin API over HTTP, on a store of its own.
type api struct {
	t   *testing.T
	app *App
	url string
}

func newAPI(t *testing.T) *api {
	t.Helper()
	st, err := boltstore.Open(t.TempDir()+"/auth.db", boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	app := &App{shared: &sharedStore{Store: st, key: store.NewMasterKey()}, ready: make(chan struct{}), realms: []string{"wiki"}}
	app.servers = []ServerModule{&fakeServer{issuer: "https://auth.example.com", clients: []store.Client{{ID: "grafana", RedirectURIs: []string{"https://grafana.example.com/cb"}}}}}
	app.enrolled = enrolment{"wiki.example.com": {ClientID: "wiki.example.com", Name: "wiki.example.com", Secret: "not-to-be-shown"}}
	close(app.ready)
	a := new(adminAPI)
	a.log = zap.NewNop()
	a.app = func() (*App, error) { return app, nil }
	a.hasher = password.New(password.Params{Memory: 8, Time: 1, Threads: 1})
	a.routes()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.Routes()[0].Handler.ServeHTTP(w, r); err != nil {
			t.Errorf("the handler returned %v", err)
		}
	}))
	t.Cleanup(s.Close)
	return &api{t, app, s.URL}
}

// do sends body, and decodes the answer into out unless that is nil.
func (a *api) do(method, path, body string, wantStatus int, out any) string {
	a.t.Helper()
	req, err := http.NewRequest(method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != wantStatus {
		a.t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, resp.StatusCode, b, wantStatus)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			a.t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
	return string(b)
}

func (a *api) view(fn func(store.ReadTx) error) {
	a.t.Helper()
	if err := a.app.Store().View(context.Background(), fn); err != nil {
		a.t.Fatal(err)
	}
}

func (a *api) update(fn func(store.WriteTx) error) {
	a.t.Helper()
	if err := a.app.Store().Update(context.Background(), fn); err != nil {
		a.t.Fatal(err)
	}
}

func TestAdminUserLife(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/auth/objects/company", `{"name":"Acme","primary_activity":"Buyer"}`, 201, nil)
	var u store.User
	made := a.do("POST", "/auth/users", `{"username":"ａlice","email":"a@example.com","groups":["staff","it"],"is_superuser":true,"company":1,"password":"correct horse"}`, 201, &u)
	if u.ID == 0 || u.Username != "alice" || !u.IsActive || !u.IsSuperuser || fmt.Sprint(u.Groups) != "[it staff]" || u.Fields["company"] != (store.Ref{Type: "company", ID: 1}) || u.DateJoined.IsZero() {
		t.Errorf("made %+v", u)
	}
	if strings.Contains(made, "horse") || strings.Contains(made, "argon2") {
		t.Errorf("the answer shows the password: %s", made)
	}
	a.view(func(tx store.ReadTx) error {
		c, err := tx.Credential(u.ID)
		if err == nil && !strings.HasPrefix(c.PasswordHash, "$argon2id$") {
			t.Errorf("password kept as %q", c.PasswordHash)
		}
		return err
	})
	for _, name := range []string{"alice", "ALICE", "%EF%BD%81lice", fmt.Sprint(u.ID)} {
		var got store.User
		if a.do("GET", "/auth/users/"+name, "", 200, &got); got.ID != u.ID {
			t.Errorf("%s is user %d", name, got.ID)
		}
	}
	// What the API shows, it takes.
	a.do("PATCH", "/auth/users/alice", `{"email":null,"last_name":"L","is_superuser":false,"fields":{"company":{"type":"company","id":1}}}`, 200, &u)
	u = store.User{}
	a.do("GET", "/auth/users/alice", "", 200, &u)
	if u.Email != "" || u.LastName != "L" || u.IsSuperuser || len(u.Groups) != 2 || len(u.Fields) != 1 {
		t.Errorf("changed to %+v", u)
	}
	a.do("PATCH", "/auth/users/alice", `{"company":""}`, 200, nil)
	a.do("POST", "/auth/users/alice/disable", "", 200, &u)
	if u.IsActive {
		t.Error("not disabled")
	}
	a.do("POST", "/auth/users/alice/enable", "", 200, &u)
	if !u.IsActive {
		t.Error("not enabled")
	}
	a.do("DELETE", "/auth/users/alice", "", 204, nil)
	a.do("GET", "/auth/users/alice", "", 404, nil)
	a.do("DELETE", "/auth/users/alice", "", 404, nil)
}

func TestAdminUserMistakes(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/auth/users", `{"username":"alice","email":"a@example.com"}`, 201, nil)
	a.do("POST", "/auth/users", `{"username":"bob"}`, 201, nil)
	for _, test := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/auth/users", `{"username":"Alice"}`, 409, "another user already has username"},
		{"POST", "/auth/users", `{"username":"carol","email":"A@example.com"}`, 409, "email"},
		{"PATCH", "/auth/users/bob", `{"username":"ALICE"}`, 409, "username"},
		{"POST", "/auth/users", `{"username":"a b","email":"x","company":9,"nonsense":1}`, 400, `"field":"nonsense"`},
		{"POST", "/auth/users", `{"username":"a b","email":"x"}`, 400, `"field":"email"`},
		{"POST", "/auth/users", `{"username":"carol","company":9}`, 400, "there is no company 9"},
		{"POST", "/auth/users", `{"username":"carol","company":"x"}`, 400, `"field":"company"`},
		{"POST", "/auth/users", `{"username":"carol","id":7}`, 400, `"field":"id"`},
		{"POST", "/auth/users", `{"username":"carol","groups":["a,b"]}`, 400, "without commas"},
		{"POST", "/auth/users", `{"username":"carol","last_name":{"x":1}}`, 400, `"field":"last_name"`},
		{"POST", "/auth/users", `{"username":"carol","password":"short"}`, 400, "too short"},
		{"POST", "/auth/users", `{"username":"carol","password":12345678}`, 400, "password"},
		{"POST", "/auth/users", `{"username":"carol","password":""}`, 400, "password"},
		{"POST", "/auth/users", `{}`, 400, "username"},
		{"POST", "/auth/users", `{"username":`, 400, "cannot be read"},
		{"POST", "/auth/users", `[]`, 400, "cannot be read"},
		{"POST", "/auth/users", `{"username":"carol"} {}`, 400, "after the JSON"},
		{"POST", "/auth/users", `{"username":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "too large"},
		{"PUT", "/auth/users/bob/password", `{"password":"short"}`, 400, "too short"},
		{"PUT", "/auth/users/bob/password", `{"pasword":"correct horse"}`, 400, "pasword"},
		{"PUT", "/auth/users/nobody/password", `{"password":"correct horse"}`, 404, "nobody"},
		{"POST", "/auth/users/nobody/disable", ``, 404, "nobody"},
		{"PATCH", "/auth/users/77", `{"email":""}`, 404, "77"},
		{"GET", "/auth/users?limit=0", ``, 400, "1 to 1000"},
		{"GET", "/auth/users?limit=1001", ``, 400, "1 to 1000"},
		{"GET", "/auth/users?after=x", ``, 400, "after"},
		{"GET", "/auth/nonsense", ``, 404, "there is no GET /auth/nonsense"},
		{"PUT", "/auth/users", `{}`, 404, "there is no PUT /auth/users"},
	} {
		if got := a.do(test.method, test.path, test.body, test.status, nil); !strings.Contains(got, test.says) {
			t.Errorf("%s %s %.80s: %s, want %q in it", test.method, test.path, test.body, got, test.says)
		}
	}
	var page userPage
	if a.do("GET", "/auth/users", "", 200, &page); len(page.Users) != 2 {
		t.Errorf("mistakes left %d users", len(page.Users))
	}
}

// A web page can make a browser send a form, but not JSON.
func TestAdminRefusesForms(t *testing.T) {
	a := newAPI(t)
	for _, typ := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"} {
		resp, err := http.Post(a.url+"/auth/users", typ, strings.NewReader(`{"username":"mallory","is_superuser":true}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("content type %q: %s", typ, resp.Status)
		}
	}
}

func TestAdminPages(t *testing.T) {
	a := newAPI(t)
	for i := range 5 {
		a.do("POST", "/auth/users", fmt.Sprintf(`{"username":"u%d"}`, i), 201, nil)
		a.do("POST", "/auth/clients", fmt.Sprintf(`{"id":"h%d"}`, i), 201, nil)
	}
	var users, clients []string
	after := int64(0)
	for {
		var page userPage
		a.do("GET", fmt.Sprintf("/auth/users?limit=2&after=%d", after), "", 200, &page)
		for _, u := range page.Users {
			users = append(users, u.Username)
		}
		if after = page.Next; after == 0 {
			break
		}
	}
	if got := strings.Join(users, " "); got != "u0 u1 u2 u3 u4" {
		t.Errorf("users %s", got)
	}
	from := ""
	for {
		var page clientPage
		a.do("GET", "/auth/clients?limit=2&after="+from, "", 200, &page)
		for _, c := range page.Clients {
			clients = append(clients, c.ID)
		}
		if from = page.Next; from == "" {
			break
		}
	}
	if got := strings.Join(clients, " "); got != "grafana h0 h1 h2 h3 h4 wiki.example.com" {
		t.Errorf("clients %s", got)
	}
}

func TestAdminSignsOut(t *testing.T) {
	for _, test := range []struct{ method, path, body string }{
		{"PUT", "/auth/users/alice/password", `{"password":"another horse"}`},
		{"POST", "/auth/users/alice/disable", ""},
		{"PATCH", "/auth/users/alice", `{"is_active":false}`},
		{"DELETE", "/auth/users/alice", ""},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			a := newAPI(t)
			var alice, bob store.User
			a.do("POST", "/auth/users", `{"username":"alice"}`, 201, &alice)
			a.do("POST", "/auth/users", `{"username":"bob"}`, 201, &bob)
			later := time.Now().Add(time.Hour)
			a.update(func(tx store.WriteTx) error {
				for i, u := range []store.User{alice, bob} {
					for _, realm := range []string{store.ServerRealm, "wiki"} {
						if err := tx.PutSession(&store.Session{Realm: realm, Hash: store.HashOf(realm + u.Username), Subject: fmt.Sprint(u.ID), IdleExpiresAt: later, ExpiresAt: later}); err != nil {
							return err
						}
					}
					if err := tx.PutFamily(&store.Family{ID: fmt.Sprint("family", i), ClientID: "wiki", UserID: u.ID, ExpiresAt: later}); err != nil {
						return err
					}
				}
				return nil
			})
			status := 204
			if test.method == "POST" || test.method == "PATCH" {
				status = 200
			}
			a.do(test.method, test.path, test.body, status, nil)
			a.view(func(tx store.ReadTx) error {
				for u, want := range map[*store.User]int{&alice: 0, &bob: 1} {
					for _, realm := range []string{store.ServerRealm, "wiki"} {
						if got, err := tx.SessionsOf(realm, fmt.Sprint(u.ID)); err != nil || len(got) != want {
							t.Errorf("%s has %d sessions in %s, want %d (%v)", u.Username, len(got), realm, want, err)
						}
					}
					if got, err := tx.Families(u.ID); err != nil || len(got) != want {
						t.Errorf("%s has %d families, want %d (%v)", u.Username, len(got), want, err)
					}
				}
				return nil
			})
		})
	}
}

func TestAdminObjects(t *testing.T) {
	a := newAPI(t)
	var o store.Object
	a.do("POST", "/auth/objects/company", `{"name":"Acme"}`, 201, &o)
	if o.ID != 1 || o.Type != "company" || o.Fields.Text("name") != "Acme" {
		t.Errorf("made %+v", o)
	}
	a.do("PATCH", "/auth/objects/company/1", `{"primary_activity":"Seller"}`, 200, &o)
	a.do("POST", "/auth/users", `{"username":"alice","company":1}`, 201, nil)
	var page objectPage
	if a.do("GET", "/auth/objects/company", "", 200, &page); len(page.Objects) != 1 || page.Objects[0].Fields.Text("primary_activity") != "Seller" {
		t.Errorf("listed %+v", page)
	}
	for _, test := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"DELETE", "/auth/objects/company/1", "", 409, "is referred to by user 1 (company)"},
		{"DELETE", "/auth/objects/company/2", "", 404, "there is no company 2"},
		{"GET", "/auth/objects/company/x", "", 400, "is not the id of a company"},
		{"GET", "/auth/objects/planet", "", 404, `no object type \"planet\"; it has: company`},
		{"GET", "/auth/objects/user/1", "", 404, "no object type"},
		{"POST", "/auth/objects/company", `{}`, 400, "is required"},
		{"PATCH", "/auth/objects/company/1", `{"name":""}`, 400, "is required"},
		{"PATCH", "/auth/objects/company/1", `{"primary_activity":"Thief"}`, 400, "Buyer, Seller, Agent"},
	} {
		if got := a.do(test.method, test.path, test.body, test.status, nil); !strings.Contains(got, test.says) {
			t.Errorf("%s %s: %s, want %q in it", test.method, test.path, got, test.says)
		}
	}
	a.do("DELETE", "/auth/users/alice", "", 204, nil)
	a.do("DELETE", "/auth/objects/company/1", "", 204, nil)
	a.do("GET", "/auth/objects/company/1", "", 404, nil)
}

// secretsOf are the secrets in force at a time, in the clear.
func (a *api) secretsOf(id string, now time.Time) []string {
	a.t.Helper()
	var out []string
	a.view(func(tx store.ReadTx) error {
		c, err := tx.Client(id)
		if err != nil {
			return err
		}
		for _, s := range c.Secrets {
			if !s.ExpiresAt.IsZero() && !now.Before(s.ExpiresAt) {
				continue
			}
			b, err := a.app.Key().Open(store.ClientSecretPurpose(id), s.Sealed)
			if err != nil {
				return err
			}
			out = append(out, string(b))
		}
		return nil
	})
	return out
}

func TestAdminClientLife(t *testing.T) {
	a := newAPI(t)
	var c clientView
	a.do("POST", "/auth/clients", `{"id":"wiki","name":"Wiki","redirect_uris":["https://wiki.example.com/oidc/callback"],"skip_consent":true}`, 201, &c)
	if len(c.Secret) != 43 || c.Source != "store" || !c.SkipConsent || c.Issuer != "https://auth.example.com" {
		t.Errorf("made %+v", c)
	}
	first := c.Secret
	now := time.Now()
	if got := a.secretsOf("wiki", now); len(got) != 1 || got[0] != first {
		t.Errorf("the store has %q", got)
	}
	for _, path := range []string{"/auth/clients/wiki", "/auth/clients"} {
		if got := a.do("GET", path, "", 200, nil); strings.Contains(got, first) || strings.Contains(got, "sealed") || strings.Contains(got, "not-to-be-shown") {
			t.Errorf("%s shows a secret: %s", path, got)
		}
	}
	a.do("POST", "/auth/clients/wiki/rotate-secret", `{"overlap":"24h"}`, 200, &c)
	second := c.Secret
	if got := a.secretsOf("wiki", now); fmt.Sprint(got) != fmt.Sprint([]string{first, second}) || first == second {
		t.Errorf("during the overlap %q", got)
	}
	if got := a.secretsOf("wiki", now.Add(25*time.Hour)); fmt.Sprint(got) != fmt.Sprint([]string{second}) {
		t.Errorf("after the overlap %q", got)
	}
	// A longer overlap does not lengthen what was to end sooner.
	a.do("POST", "/auth/clients/wiki/rotate-secret", `{"overlap":"1000h"}`, 200, &c)
	if got := a.secretsOf("wiki", now.Add(25*time.Hour)); fmt.Sprint(got) != fmt.Sprint([]string{second, c.Secret}) {
		t.Errorf("after a second rotation %q", got)
	}
	// None ends the others at once.
	a.do("POST", "/auth/clients/wiki/rotate-secret", `{}`, 200, &c)
	if got := a.secretsOf("wiki", now); fmt.Sprint(got) != fmt.Sprint([]string{c.Secret}) {
		t.Errorf("without overlap %q", got)
	}
	a.do("DELETE", "/auth/clients/wiki", "", 204, nil)
	a.do("GET", "/auth/clients/wiki", "", 404, nil)
}

func TestAdminClientMistakes(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/auth/clients", `{"id":"wiki"}`, 201, nil)
	var public clientView
	a.do("POST", "/auth/clients", `{"id":"spa","public":true,"redirect_uris":["https://spa.example.com/cb"]}`, 201, &public)
	if public.Secret != "" {
		t.Error("a public client got a secret")
	}
	for _, test := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/auth/clients", `{"id":"wiki"}`, 409, "another client already has id"},
		{"POST", "/auth/clients", `{"id":"grafana"}`, 409, "config of auth_server"},
		{"POST", "/auth/clients", `{"id":"wiki.example.com"}`, 409, "enrolled by itself"},
		{"POST", "/auth/clients", `{"id":"a/b"}`, 400, "only letters, digits"},
		{"POST", "/auth/clients", `{"id":""}`, 400, "1 to 100"},
		{"POST", "/auth/clients", `{"id":"x","redirect_uris":["javascript:alert(1)"]}`, 400, "redirect_uris"},
		{"POST", "/auth/clients", `{"id":"x","redirect_uris":["https://*.example.com/cb"]}`, 400, "redirect_uris"},
		{"POST", "/auth/clients", `{"id":"x","redirect_uris":["https://example.com/cb#x"]}`, 400, "fragment"},
		{"POST", "/auth/clients", `{"id":"x","post_logout_redirect_uris":["/"]}`, 400, "post_logout_redirect_uris"},
		{"POST", "/auth/clients", `{"id":"x","public":true}`, 400, "redirect_uris"},
		{"POST", "/auth/clients", `{"id":"x","public":true,"allow_no_pkce":true,"redirect_uris":["https://x/"]}`, 400, "PKCE"},
		{"POST", "/auth/clients", `{"id":"x","name":"a\nb"}`, 400, "name"},
		{"POST", "/auth/clients", `{"id":"x","secret":"mine"}`, 400, "secret"},
		{"POST", "/auth/clients/spa/rotate-secret", `{}`, 409, "public"},
		{"POST", "/auth/clients/nobody/rotate-secret", `{}`, 404, "nobody"},
		{"POST", "/auth/clients/wiki/rotate-secret", `{"overlap":"-1h"}`, 400, "overlap"},
		{"POST", "/auth/clients/wiki/rotate-secret", `{"overlap":"9000h"}`, 400, "overlap"},
		{"POST", "/auth/clients/grafana/rotate-secret", `{}`, 409, "config of auth_server"},
		{"DELETE", "/auth/clients/grafana", ``, 409, "config of auth_server"},
		{"DELETE", "/auth/clients/wiki.example.com", ``, 409, "enrolled by itself"},
		{"DELETE", "/auth/clients/nobody", ``, 404, "nobody"},
	} {
		if got := a.do(test.method, test.path, test.body, test.status, nil); !strings.Contains(got, test.says) {
			t.Errorf("%s %s %s: %s, want %q in it", test.method, test.path, test.body, got, test.says)
		}
	}
}

func TestAdminWithoutApp(t *testing.T) {
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	a := &adminAPI{log: zap.NewNop(), app: Active}
	a.routes()
	w := httptest.NewRecorder()
	a.mux.ServeHTTP(w, httptest.NewRequest("GET", "/auth/users", nil))
	if w.Code != http.StatusServiceUnavailable || !bytes.Contains(w.Body.Bytes(), []byte("auth_server")) || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
