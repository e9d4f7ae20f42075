package provider_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// virgin is a server without a superuser.
func virgin(t *testing.T, opts ...option) *server {
	s := newServer(t, opts...)
	s.editUser(2, func(u *store.User) { u.IsSuperuser = false })
	return s
}

func (s *server) setupLink() string {
	s.t.Helper()
	link, err := s.p.SetupLink(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return link
}

func TestSetup(t *testing.T) {
	s := virgin(t)
	link := s.setupLink()
	if !strings.HasPrefix(link, s.issuer+"/o/setup?token=") {
		t.Fatalf("link %q", link)
	}
	b := s.browser()
	page := b.get(link)
	if page.StatusCode != 200 || !strings.Contains(page.body, `name="company"`) {
		t.Fatalf("%d %s", page.StatusCode, page.body)
	}
	a := b.post("/o/setup", page.form("username", "Root", "email", "root@example.com", "password", "a long password", "company", "Acme Tools"))
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != s.issuer+"/o/" || !b.signedIn() {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	s.browser().signIn("root", "a long password")
	s.update(func(tx store.WriteTx) error {
		u, err := tx.UserByUsername("root")
		if err != nil {
			return err
		}
		o, err := tx.Object(u.Fields["company"].(store.Ref))
		if err != nil {
			return err
		}
		if !u.IsSuperuser || !u.IsStaff || !u.IsActive || u.Email != "root@example.com" || u.EmailVerified || o.Fields["name"] != "Acme Tools" {
			t.Errorf("%+v %+v", u, o)
		}
		return nil
	})
	if a := b.get(link); a.StatusCode != http.StatusNotFound {
		t.Errorf("the link works again: %d", a.StatusCode)
	}
	if link := s.setupLink(); link != "" {
		t.Errorf("a link where there is a superuser: %s", link)
	}
}

func TestSetupLinkEnds(t *testing.T) {
	s := virgin(t)
	first := s.setupLink()
	second := s.setupLink()
	b := s.browser()
	if a := b.get(first); a.StatusCode != http.StatusNotFound {
		t.Errorf("an earlier link: %d", a.StatusCode)
	}
	page := b.get(second)
	s.clock.add(30 * time.Minute)
	form := page.form("username", "root", "password", "a long password")
	for name, a := range map[string]*answer{"expired": b.get(second), "posted late": b.post("/o/setup", form), "no token": b.get("/o/setup"), "made up": b.get("/o/setup?token=x")} {
		if a.StatusCode != http.StatusNotFound || !strings.Contains(a.body, "caddy auth user create") {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
}

// A link that is still out is worth nothing once there is a superuser.
func TestSetupLinkAfterSuperuser(t *testing.T) {
	s := virgin(t)
	link := s.setupLink()
	b := s.browser()
	page := b.get(link)
	s.editUser(2, func(u *store.User) { u.IsSuperuser = true })
	if a := b.get(link); a.StatusCode != http.StatusNotFound {
		t.Errorf("shown: %d", a.StatusCode)
	}
	if a := b.post("/o/setup", page.form("username", "root", "password", "a long password")); a.StatusCode != http.StatusNotFound {
		t.Errorf("taken: %d", a.StatusCode)
	}
}

// What is refused spends nothing and writes nothing.
func TestSetupProblems(t *testing.T) {
	s := virgin(t)
	b := s.browser()
	page := b.get(s.setupLink())
	for name, c := range map[string]struct {
		set  []string
		want string
	}{
		"short password": {[]string{"password", "short"}, "password-problem"},
		"long password":  {[]string{"password", strings.Repeat("x", 1025)}, "password-problem"},
		"no username":    {[]string{"username", ""}, "username-problem"},
		"bad username":   {[]string{"username", "a b"}, "username-problem"},
		"taken username": {[]string{"username", "ALICE"}, "username-problem"},
		"taken e-mail":   {[]string{"email", "alice@EXAMPLE.com"}, "email-problem"},
		"bad e-mail":     {[]string{"email", "nonsense"}, "email-problem"},
		"bad company":    {[]string{"company", "a\x07b"}, "company-problem"},
		"no CSRF token":  {[]string{"csrf", ""}, "open for too long"},
	} {
		form := page.form("username", "root", "password", "a long password", "company", "Never Written")
		form.Set(c.set[0], c.set[1])
		if a := b.post("/o/setup", form); a.StatusCode/100 != 4 || !strings.Contains(a.body, c.want) || strings.Contains(a.body, "a long password") {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	s.update(func(tx store.WriteTx) error {
		if list, err := tx.Objects("company", 0, 10); err != nil || len(list) != 1 {
			t.Errorf("companies %v, %v", list, err)
		}
		return nil
	})
	if a := b.post("/o/setup", page.form("username", "root", "password", "a long password")); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the right one afterwards: %d %s", a.StatusCode, a.body)
	}
}

func TestParallelSetup(t *testing.T) {
	s := virgin(t)
	b := s.browser()
	page := b.get(s.setupLink())
	var mu sync.Mutex
	var wg sync.WaitGroup
	made := 0
	for i := range 8 {
		form := page.form("username", "root"+string(rune('a'+i)), "password", "a long password")
		wg.Go(func() {
			c := &browser{s, t, b.jar}
			if a := c.post("/o/setup", form); a.StatusCode == http.StatusSeeOther {
				mu.Lock()
				made++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("%d superusers", made)
	}
}

// Another site cannot fill the form in for an administrator who has the link
// open, nor prefill it.
func TestSetupFromElsewhere(t *testing.T) {
	s := virgin(t)
	link := s.setupLink()
	b := s.browser()
	page := b.get(link + "&username=evil&email=evil@example.net")
	if strings.Contains(page.body, "evil") {
		t.Error("the link fills in the form")
	}
	req := b.request("POST", "/o/setup", page.form("username", "root", "password", "a long password"))
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if a := b.do(req); a.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %d", a.StatusCode)
	}
	token := url.Values{"token": {page.field("token")}, "username": {"root"}, "password": {"a long password"}}
	if a := s.browser().post("/o/setup", token); a.StatusCode != http.StatusForbidden {
		t.Errorf("without the form: %d", a.StatusCode)
	}
}
