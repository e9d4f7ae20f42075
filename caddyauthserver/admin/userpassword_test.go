package admin_test

import (
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

func TestAPasswordIsSet(t *testing.T) {
	s := newServer(t)
	by, ada := s.as("sam"), s.as("ada")
	if !strings.Contains(by.get(s.userURL("ada")).body, `href="`+s.userURL("ada")+`/password"`) {
		t.Error("nothing leads to the form")
	}
	page := by.get(s.userURL("ada") + "/password")
	a := by.post(s.userURL("ada")+"/password", page.form("new_password", "three other words", "new_password_again", "three other words"))
	if a.StatusCode != 303 || a.location().Path != s.userURL("ada") {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if next := by.get(a.Header.Get("Location")); !strings.Contains(next.body, "The password is set") {
		t.Error("that it was done is not said")
	}
	if ada.get("/o").StatusCode == 200 {
		t.Error("she is still signed in")
	}
	for pw, want := range map[string]int{everyonesPassword: 403, "three other words": 303} {
		b := s.browser()
		if a := b.post("/o/login", b.get("/o/login").form("username", "ada", "password", pw)); a.StatusCode != want {
			t.Errorf("%q at the sign-in page: %d, want %d", pw, a.StatusCode, want)
		}
	}
	s.view(func(tx store.ReadTx) error {
		records, _, err := tx.Audit(&store.AuditQuery{Action: store.ActionPasswordSet}, 10)
		if len(records) != 1 || records[0].Actor.Name != "sam" || records[0].Target.Name != "ada" || records[0].IP != "127.0.0.1" {
			t.Errorf("in the log: %+v", records)
		}
		return err
	})
}

// What people would be refused for themselves, they are not given either; and no
// password comes back to the browser.
func TestAPasswordThatIsNoneIsNotSet(t *testing.T) {
	s := newServer(t)
	b, ada := s.as("sam"), s.as("ada")
	for _, c := range []struct{ pw, again, says string }{
		{"short", "short", "too short"},
		{"password1", "password1", "too easy to guess"},
		{"ada.lovelace", "ada.lovelace", "your name or address"},
		{"three other words", "three other word", "is not the same"},
		{"three other words", "", "is not the same"},
		{strings.Repeat("x y", 400), strings.Repeat("x y", 400), "too long"},
		{"", "", "too short"},
	} {
		page := b.get(s.userURL("ada") + "/password")
		a := b.post(s.userURL("ada")+"/password", page.form("new_password", c.pw, "new_password_again", c.again))
		if a.StatusCode != 422 || !strings.Contains(a.body, c.says) || !strings.Contains(a.body, `aria-invalid="true"`) {
			t.Errorf("%.20q: %d without %q", c.pw, a.StatusCode, c.says)
		}
		if c.pw != "" && strings.Contains(a.body, `value="`+c.pw) || len(c.pw) > 8 && strings.Contains(a.body, c.pw) {
			t.Errorf("%.20q comes back", c.pw)
		}
	}
	if s.passwordHash(s.user("ada").ID) != everyonesHash() || ada.get("/o").StatusCode != 200 {
		t.Error("something was changed")
	}
}

// Whoever finds a browser of an administrator has their account no longer than they
// have the browser: one's own password takes the one before.
func TestNobodySetsTheirOwnPasswordSo(t *testing.T) {
	s := newServer(t)
	for _, who := range []string{"root", "sam"} {
		b := s.as(who)
		if strings.Contains(b.get(s.userURL(who)).body, s.userURL(who)+"/password") {
			t.Errorf("%s is led to the form", who)
		}
		form := b.get("/o/admin/users").form("new_password", "three other words", "new_password_again", "three other words")
		for _, a := range []*answer{b.get(s.userURL(who) + "/password"), b.post(s.userURL(who)+"/password", form)} {
			if who == "root" && (a.StatusCode != 303 || a.location().Path != "/o/password") || who == "sam" && a.StatusCode != 403 {
				t.Errorf("%s: %d to %s", who, a.StatusCode, a.location())
			}
		}
		if s.passwordHash(s.user(who).ID) != everyonesHash() {
			t.Errorf("%s has another password", who)
		}
	}
}
