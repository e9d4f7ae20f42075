package admin_test

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestWhoIsLetIn(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct {
		who    string
		path   string
		status int
	}{
		{"root", "/o/admin", 303},
		{"root", "/o/admin/", 303},
		{"root", "/o/admin/users", 200},
		{"root", "/o/admin/users/", 200},
		{"root", "/o/admin/nothing", 404},
		{"root", "/o/administration", 404},
		{"root2", "/o/admin/users", 200},
		{"sam", "/o/admin/users", 200},
		{"ada", "/o/admin/users", 403},
		{"ada", "/o/admin", 403},
	} {
		if a := s.as(c.who).get(c.path); a.StatusCode != c.status {
			t.Errorf("%s at %s: %d, want %d", c.who, c.path, a.StatusCode, c.status)
		}
	}
}

func TestWhoIsNotSignedInComesBack(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	page := b.get(b.get("/o/admin/users?q=a+b&status=staff").Header.Get("Location"))
	a := b.post("/o/login", page.form("username", "sam", "password", everyonesPassword))
	if got, want := a.Header.Get("Location"), s.url+"/o/admin/users?q=a+b&status=staff"; got != want {
		t.Errorf("after signing in: %s, want %s", got, want)
	}
}

// The first page of administration is where every other address ends.
func TestSigningInLeadsNowhereElse(t *testing.T) {
	s := newServer(t)
	for _, to := range []string{
		"https://evil.example/o/admin/users", "//evil.example/o/admin/users", `/\evil.example`, "/o/admin/../logout", "/o/admin/%2e%2e/logout",
		"/o/administrator", "/o/admin@evil.example", "javascript:alert(1)", "/o/admin/\r\nSet-Cookie: a=b", "http:/o/admin/users", "%zz", "/o/admin/..\\..\\x", "",
	} {
		b := s.browser()
		page := b.get("/o/login?continue=" + url.QueryEscape(url.Values{"admin": {to}}.Encode()))
		a := b.post("/o/login", page.form("username", "sam", "password", everyonesPassword))
		if got := a.Header.Get("Location"); got != s.url+"/o/admin" {
			t.Errorf("%q leads to %q", to, got)
		}
	}
}

func TestABrowserThatWasLeftOpenIsNoWayIn(t *testing.T) {
	s := newServer(t)
	b := s.as("sam")
	s.clock.add(12*time.Hour - time.Second)
	if a := b.get("/o/admin/users"); a.StatusCode != 200 {
		t.Fatalf("before 12 hours: %d", a.StatusCode)
	}
	s.clock.add(time.Second)
	a := b.get("/o/admin/users")
	if a.StatusCode != 303 || a.location().Path != "/o/login" {
		t.Fatalf("after 12 hours: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	page := b.get(a.Header.Get("Location"))
	if !strings.Contains(page.body, `value="sam"`) {
		t.Error("the page does not know who is asked")
	}
	a = b.post("/o/login", page.form("username", "sam", "password", everyonesPassword))
	if a = b.get(a.Header.Get("Location")); a.StatusCode != 200 {
		t.Errorf("after signing in again: %d", a.StatusCode)
	}
}
