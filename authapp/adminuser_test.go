package authapp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

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
	for _, name := range []string{"alice", "ALICE", "%EF%BD%81lice", fmt.Sprint("id:", u.ID)} {
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

// An address that changes is verified only if that is said of it.
func TestAdminUserAddress(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/auth/users", `{"username":"ann","email":"a@example.com","email_verified":true}`, 201, nil)
	for _, c := range []struct {
		patch string
		want  bool
	}{
		{`{"first_name":"Ann"}`, true}, {`{"email":"A@example.com"}`, true}, {`{"email":"b@example.com"}`, false},
		{`{"email_verified":true}`, true}, {`{"email_verified":true,"email":"c@example.com"}`, true},
	} {
		var u store.User
		if a.do("PATCH", "/auth/users/ann", c.patch, 200, &u); u.EmailVerified != c.want {
			t.Errorf("%s: verified: %v", c.patch, u.EmailVerified)
		}
	}
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
		{"PUT", "/auth/users/bob/password", `{"password":"password1"}`, 400, "easy to guess"},
		{"PUT", "/auth/users/bob/password?weak=no", `{"password":"password1"}`, 400, "--weak"},
		{"PUT", "/auth/users/bob/password?weak=true", `{"password":"short"}`, 400, "too short"},
		{"PUT", "/auth/users/alice/password", `{"password":"a@example.com"}`, 400, "your name or address"},
		{"POST", "/auth/users", `{"username":"carola.mayer","password":"carola.mayer"}`, 400, "your name or address"},
		{"POST", "/auth/users", `{"username":"carol","password":"found elsewhere"}`, 400, "stolen elsewhere"},
		{"PUT", "/auth/users/bob/password", `{"pasword":"correct horse"}`, 400, "pasword"},
		{"PUT", "/auth/users/nobody/password", `{"password":"correct horse"}`, 404, "nobody"},
		{"POST", "/auth/users/nobody/disable", ``, 404, "nobody"},
		{"PATCH", "/auth/users/77", `{"email":""}`, 404, "there is no user \\\"77\\\"; write id:77"},
		{"PATCH", "/auth/users/id:77", `{"email":""}`, 404, "id:77"},
		{"GET", "/auth/users/id:alice", ``, 400, "is a number, as in id:3"},
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
	a.view(func(tx store.ReadTx) error {
		for id := int64(1); id <= 2; id++ {
			if _, err := tx.Credential(id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("user %d has a password, or %v", id, err)
			}
		}
		return nil
	})
	var page userPage
	if a.do("GET", "/auth/users", "", 200, &page); len(page.Users) != 2 {
		t.Errorf("mistakes left %d users", len(page.Users))
	}
}

// Who asks for it has a password that the pages would refuse.
func TestAdminTakesWeakPasswordsWhenAsked(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/auth/users?weak=true", `{"username":"alice","password":"alice alice"}`, 201, nil)
	a.do("PUT", "/auth/users/alice/password?weak=true", `{"password":"found elsewhere"}`, 204, nil)
	a.view(func(tx store.ReadTx) error {
		c, err := tx.Credential(1)
		if err != nil {
			return err
		}
		h := password.New(password.Params{Memory: 8, Time: 1, Threads: 1})
		if ok, _, err := h.Verify(t.Context(), c.PasswordHash, "found elsewhere"); !ok || err != nil {
			t.Errorf("the password was not set: %v", err)
		}
		return nil
	})
}

func TestAdminApps(t *testing.T) {
	a := newAPI(t)
	var alice store.User
	a.do("POST", "/auth/users", `{"username":"alice"}`, 201, &alice)
	a.update(func(tx store.WriteTx) error {
		return tx.PutFamily(&store.Family{ID: "f", ClientID: "wiki:1", UserID: alice.ID, Scopes: []string{"openid", "offline_access"}, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)})
	})
	var page appPage
	a.do("GET", "/auth/users/alice/apps", "", 200, &page)
	if len(page.Apps) != 1 || page.Apps[0].ClientID != "wiki:1" || !page.Apps[0].Offline || len(page.Apps[0].Scopes) != 2 {
		t.Errorf("apps are %+v", page.Apps)
	}
	a.do("DELETE", "/auth/users/alice/apps/wiki:1", "", 204, nil)
	a.do("DELETE", "/auth/users/alice/apps/wiki:1", "", 404, nil)
	a.do("GET", "/auth/users/nobody/apps", "", 404, nil)
	if a.do("GET", "/auth/users/alice/apps", "", 200, &page); len(page.Apps) != 0 {
		t.Errorf("after it was taken back: %+v", page.Apps)
	}
}

func TestAdminSignsOut(t *testing.T) {
	for _, test := range []struct{ method, path, body string }{
		{"PUT", "/auth/users/alice/password", `{"password":"another horse"}`},
		{"POST", "/auth/users/alice/disable", ""},
		{"PATCH", "/auth/users/alice", `{"is_active":false}`},
		{"DELETE", "/auth/users/alice", ""},
		{"DELETE", "/auth/users/alice/sessions", ""},
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
