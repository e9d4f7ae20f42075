package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// showMirror has the gate tell the app of companies, and let it read the mirror.
// more goes into auth_client.
func (b *boxes) showMirror(more string) {
	t := b.gateCaddy.t
	t.Helper()
	b.gateFile = strings.Replace(b.gateWith(b.secret), "client_id wiki", `client_id wiki
		header Remote-User username
		header Remote-Company company.name
		directory {
			allow 127.0.0.1/8 ::1
		}
		`+more, 1)
	if err := b.gateCaddy.reload(b.gateFile); err != nil {
		t.Fatal(err)
	}
}

// ask reads the directory as the app does.
func (b *boxes) ask(path string, v any) (status int, err error) {
	resp, err := http.Get(b.gate + path)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, fmt.Errorf("%s: %s", path, resp.Status)
	}
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(v)
}

// wantCrowd waits until the app finds n users crowd0, crowd1 ... who were changed,
// all of that company.
func (b *boxes) wantCrowd(n int, company string) {
	t := b.gateCaddy.t
	t.Helper()
	waitFor(t, time.Minute, func() error {
		found := map[string]bool{}
		for next := "/oidc/users?first_name=Changed&expand=company&limit=300"; next != ""; {
			var page struct {
				Items []struct {
					Username string
					Company  struct{ Name string }
				}
				Next string
			}
			if _, err := b.ask(next, &page); err != nil {
				return err
			}
			for _, u := range page.Items {
				if strings.HasPrefix(u.Username, "crowd") && u.Company.Name == company {
					found[u.Username] = true
				}
			}
			next = page.Next
		}
		if len(found) != n {
			return fmt.Errorf("the directory has %d of %d", len(found), n)
		}
		return nil
	})
}

// Whom the server deletes is out at once, whatever the app still finds of them.
func TestOnDelete(t *testing.T) {
	t.Parallel()
	b := startBoxes(t)
	for _, c := range []struct {
		mode string
		want map[string]any // nil for nothing at all
	}{
		{"keep", map[string]any{"deleted": true, "is_active": true, "username": "keep", "first_name": "K"}},
		{"disable", map[string]any{"deleted": true, "is_active": false, "username": "disable", "first_name": "K"}},
		{"remove", nil},
	} {
		b.showMirror("on_delete " + c.mode)
		id := b.serverCaddy.authJSON(password+"\n", "user", "create", c.mode, "--set", "first_name=K")["id"]
		p := newPerson(t)
		p.open(b.gate+"/").onLogin(b.server).signIn(c.mode, password).at(b.gate+"/", 200)
		path := fmt.Sprintf("/oidc/users/%v", id)
		var user map[string]any
		if _, err := b.ask(path, &user); err != nil || user["is_active"] != true || user["deleted"] != nil {
			t.Fatalf("%s: before, the app finds %v, %v", c.mode, user, err)
		}
		b.serverCaddy.auth("", "user", "delete", c.mode, "--yes")
		enforced(t, p, b.gate, "deleted", signedOut)
		user = nil
		status, err := b.ask(path, &user)
		if c.want == nil && status != http.StatusNotFound || c.want != nil && err != nil {
			t.Errorf("%s: the app finds %d %v, %v", c.mode, status, user, err)
		}
		for name, want := range c.want {
			if user[name] != want {
				t.Errorf("%s: %s is %v; want %v", c.mode, name, user[name], want)
			}
		}
		var changes struct {
			Items []struct {
				ID      float64
				Deleted bool
			}
		}
		if _, err := b.ask("/oidc/users?updated_after=0&limit=1000", &changes); err != nil {
			t.Fatal(err)
		}
		told := false
		for _, u := range changes.Items {
			told = told || u.Deleted && u.ID == id
		}
		if !told {
			t.Errorf("%s: who asks for changes is not told: %+v", c.mode, changes)
		}
	}
}
