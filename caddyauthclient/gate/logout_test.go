package gate

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

func TestWhoMaySignOut(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		header http.Header
		out    bool
	}{
		"link in the app":            {"GET", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"), true},
		"typed":                      {"GET", h("Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"), true},
		"link of a sibling":          {"GET", h("Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"), false},
		"frame in the app":           {"GET", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"), false},
		"image in the app":           {"GET", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"), false},
		"fetch by the app":           {"GET", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"), false},
		"link of another site":       {"GET", h("Sec-Fetch-Site", "cross-site"), false},
		"link, browser does not say": {"GET", h("Accept", "text/html"), false},
		"form of the app":            {"POST", h("Sec-Fetch-Site", "same-origin", "Origin", "https://wiki.example.com"), true},
		"form, old browser":          {"POST", h("Origin", "https://wiki.example.com"), true},
		"form of another site":       {"POST", h("Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"), false},
		"form of another, old":       {"POST", h("Origin", "https://evil.example"), false},
		"form of another, no origin": {"POST", h("Origin", "null"), false},
		"guess at the confirmation":  {"GET?confirm=AAAAAAAAAAAAAAAAAAAAAA", h("Sec-Fetch-Site", "cross-site"), false},
		"empty confirmation":         {"GET?confirm=", h("Sec-Fetch-Site", "cross-site"), false},
	} {
		t.Run(name, func(t *testing.T) {
			house := newHouse(t)
			b := newBrowser(house.gate)
			wantStatus(t, b.signIn(house.issuer, "/"), 303)
			cookie := b.request("GET", "/").Header.Get("Cookie")
			method, query, _ := strings.Cut(c.method, "?")
			r := request(method, "https://wiki.example.com/oidc/logout?"+query, c.header.Clone())
			r.Header.Set("Cookie", cookie)
			r.Header.Set("Accept", "text/html")
			w := b.do(r)
			if !c.out {
				status := 200
				if mode := c.header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
					status = 403
				}
				wantStatus(t, w, status)
				seen(t, b.get("/"))
				return
			}
			wantStatus(t, w, 303)
			if !strings.HasPrefix(w.Header().Get("Location"), testIssuer+"/end?") {
				t.Errorf("went to %s", w.Header().Get("Location"))
			}
			if _, ok := b.cookies[house.gate.origins[0].sessionCookie]; ok {
				t.Error("the cookie stays")
			}
			replay := newBrowser(house.gate)
			again := replay.request("GET", "/")
			again.Header.Set("Cookie", cookie)
			wantStatus(t, replay.do(again), 302)
		})
	}
}

var confirmLink = regexp.MustCompile(`href="(/oidc/logout\?confirm=[A-Za-z0-9_-]+)"`)

func TestTheConfirmationSignsOut(t *testing.T) {
	house := newHouse(t)
	b, other := newBrowser(house.gate), newBrowser(house.gate)
	wantStatus(t, b.signIn(house.issuer, "/"), 303)
	wantStatus(t, other.signIn(house.issuer, "/"), 303)
	b.header.Set("Sec-Fetch-Site", "cross-site")
	other.header.Set("Sec-Fetch-Site", "cross-site")
	m := confirmLink.FindStringSubmatch(b.get("/oidc/logout").Body.String())
	if m == nil {
		t.Fatal("no link")
	}
	// An attacker's own confirmation is no good for another session.
	wantStatus(t, other.get(m[1]), 200)
	seen(t, other.get("/"))
	wantStatus(t, b.get(m[1]), 303)
	wantStatus(t, b.get("/"), 302)
}

func TestLogoutEndsOneSession(t *testing.T) {
	house := newHouse(t)
	b, other := newBrowser(house.gate), newBrowser(house.gate)
	wantStatus(t, b.signIn(house.issuer, "/"), 303)
	wantStatus(t, other.signIn(house.issuer, "/"), 303)
	b.header.Set("Sec-Fetch-Site", "none")
	wantStatus(t, b.get("/oidc/logout/"), 303)
	seen(t, other.get("/"))
	err := house.store.View(context.Background(), func(tx store.ReadTx) error {
		list, err := tx.SessionsOf("wiki", "u-1")
		if len(list) != 1 || list[0].SID != "sid-1" {
			t.Errorf("%d sessions", len(list))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Nobody is signed in here any more; at the issuer they may be.
	w := b.get("/oidc/logout")
	wantStatus(t, w, 303)
	if to := w.Header().Get("Location"); strings.Contains(to, "id_token_hint") {
		t.Errorf("went to %s", to)
	}
}

func TestLogoutWithoutTheIssuer(t *testing.T) {
	house := newHouse(t)
	house.issuer.metadata = func(m map[string]any) { delete(m, "end_session_endpoint") }
	b := newBrowser(house.gate)
	wantStatus(t, b.signIn(house.issuer, "/"), 303)
	b.header.Set("Sec-Fetch-Site", "none")
	w := b.get("/oidc/logout")
	wantStatus(t, w, 200)
	if !strings.Contains(w.Body.String(), "Signed out") {
		t.Error(text(w.Body.String()))
	}
	wantStatus(t, b.get("/"), 302)
}

func TestEndSessionURLKeepsItsQuery(t *testing.T) {
	is := &issuer{endSession: testIssuer + "/end?tenant=1"}
	u, err := url.Parse(endSessionURL(is, "wiki", &origin{url: "https://wiki.example.com"}, "hint"))
	if err != nil || u.Query().Get("tenant") != "1" || u.Query().Get("id_token_hint") != "hint" {
		t.Errorf("%v %v", u, err)
	}
}
