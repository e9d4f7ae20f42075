package gate

import (
	"net/http/httptest"
	"net/url"
	"testing"
)

const longSID = "0123456789abcdef"

// frame asks as the issuer's page does: from another site, without cookies.
func frame(g *Gate, q url.Values) *httptest.ResponseRecorder {
	b := newBrowser(g)
	r := b.request("GET", "/oidc/frontchannel-logout?"+q.Encode())
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Sec-Fetch-Dest", "iframe")
	return b.do(r)
}

// OpenID Connect Front-Channel Logout 1.0 section 2.
func TestFrontchannelLogout(t *testing.T) {
	h := newHouse(t)
	sid := longSID
	h.issuer.claims = func(c map[string]any) { c["sid"] = sid }
	b, other := newBrowser(h.gate), newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	sid = "another-long-sid-0"
	wantStatus(t, other.signIn(h.issuer, "/"), 303)

	for name, q := range map[string]url.Values{
		"nothing":            {},
		"no sid":             {"iss": {testIssuer}},
		"empty sid":          {"iss": {testIssuer}, "sid": {""}},
		"no iss":             {"sid": {longSID}},
		"another iss":        {"iss": {"https://evil.example"}, "sid": {longSID}},
		"iss with a slash":   {"iss": {testIssuer + "/"}, "sid": {longSID}},
		"two sids":           {"iss": {testIssuer}, "sid": {longSID, sid}},
		"two issuers":        {"iss": {testIssuer, testIssuer}, "sid": {longSID}},
		"sid with a newline": {"iss": {testIssuer}, "sid": {longSID + "\n"}},
	} {
		if w := frame(h.gate, q); w.Code != 400 {
			t.Errorf("%s: %d", name, w.Code)
		}
		seen(t, b.get("/"))
	}
	r := b.request("POST", "/oidc/frontchannel-logout?"+url.Values{"iss": {testIssuer}, "sid": {longSID}}.Encode())
	wantStatus(t, b.do(r), 405)

	unknown := frame(h.gate, url.Values{"iss": {testIssuer}, "sid": {"nobody-has-this-one"}})
	w := frame(h.gate, url.Values{"iss": {testIssuer}, "sid": {longSID}})
	wantStatus(t, w, 200)
	wantStatus(t, b.get("/"), 302)
	seen(t, other.get("/"))
	if unknown.Code != w.Code || unknown.Body.String() != w.Body.String() {
		t.Error("the answer says whether the sid is known")
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors " + testIssuer, "X-Frame-Options": "", "Set-Cookie": "",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A sid that could be guessed ends only the session of the browser that asks.
func TestAShortSIDEndsOnlyTheBrowsersOwnSession(t *testing.T) {
	h := newHouse(t)
	h.issuer.claims = func(c map[string]any) { c["sid"] = "17" }
	b, other := newBrowser(h.gate), newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	wantStatus(t, other.signIn(h.issuer, "/"), 303)
	q := url.Values{"iss": {testIssuer}, "sid": {"17"}}
	wantStatus(t, frame(h.gate, q), 200)
	seen(t, b.get("/"))
	wantStatus(t, b.get("/oidc/frontchannel-logout?"+q.Encode()), 200)
	wantStatus(t, b.get("/"), 302)
	seen(t, other.get("/"))
}
